/** The search as it stands in the address, and the live filter that asks for the same. */

import type { Filter } from "../realtime";
import { isLogql } from "./logql";

export const LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "unknown"] as const;

/** Return the live filter of an address' search part. */
export function liveFilter(search: string): Filter {
  const params = new URLSearchParams(search);
  const filter: Filter = {};
  const text = params.get("q")?.trim();
  const language = params.get("lang");
  const query = text && (language === "logql" || (language !== "words" && isLogql(text)));
  const levels = params.getAll("level");
  const sources = params.getAll("source");
  const labels: Record<string, string> = {};
  for (const [name, value] of params) {
    if (name.startsWith("label.")) labels[name.slice("label.".length)] = value;
  }
  if (text) filter[query ? "query" : "contains"] = text;
  if (levels.length > 0) filter["level"] = levels;
  if (sources.length > 0) filter["source"] = sources;
  if (Object.keys(labels).length > 0) filter["labels"] = labels;
  return filter;
}

/** Return an address with a level switched on or off. */
export function withLevelToggled(address: string, level: string): string {
  const url = new URL(address);
  const chosen = url.searchParams.getAll("level");
  url.searchParams.delete("level");
  url.searchParams.delete("cursor");
  const next = chosen.includes(level) ? chosen.filter((each) => each !== level) : [...chosen, level];
  for (const each of next) url.searchParams.append("level", each);
  return url.toString();
}

/** Return an address that takes a value or leaves it out; the server writes the query. */
export function withClick(address: string, what: string, name: string, value: string, not: boolean): string {
  const url = new URL(address);
  for (const [key, text] of Object.entries({ narrow: what, name, value })) url.searchParams.set(key, text);
  if (not) url.searchParams.set("not", "1");
  return url.toString();
}

const MOST_COLUMNS = 6;

/** Return an address with a column shown that was not, or the other way round. */
export function withColumnToggled(address: string, name: string): string {
  const url = new URL(address);
  const shown = (url.searchParams.get("columns") ?? "").split(",").filter(Boolean);
  const next = shown.includes(name) ? shown.filter((each) => each !== name) : [...shown, name].slice(-MOST_COLUMNS);
  return withOne(address, "columns", next.join(","));
}

/** Return an address with a parameter, or without it where the value is empty. */
export function withOne(address: string, name: string, value: string): string {
  const url = new URL(address);
  if (value) url.searchParams.set(name, value);
  else url.searchParams.delete(name);
  return url.toString();
}

/** Return an address with the fields of the search form. */
export function withForm(address: string, fields: Iterable<[string, string]>): string {
  const url = new URL(address);
  url.search = "";
  for (const [name, value] of fields) {
    if (value.trim() && name !== "toggle") url.searchParams.append(name, value);
  }
  return url.toString();
}
