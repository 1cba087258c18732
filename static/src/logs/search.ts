/** The search as it stands in the address, and the live filter that asks for the same. */

import type { Filter } from "../realtime";

export const LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "unknown"] as const;

/** Return the live filter of an address' search part. */
export function liveFilter(search: string): Filter {
  const params = new URLSearchParams(search);
  const filter: Filter = {};
  const contains = params.get("q")?.trim();
  const levels = params.getAll("level");
  const sources = params.getAll("source");
  const labels: Record<string, string> = {};
  for (const [name, value] of params) {
    if (name.startsWith("label.")) labels[name.slice("label.".length)] = value;
  }
  if (contains) filter["contains"] = contains;
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

/** Return an address that asks for one label's value as well. */
export function withLabel(address: string, name: string, value: string): string {
  const url = new URL(address);
  url.searchParams.delete("cursor");
  if (name === "source") {
    url.searchParams.delete("source");
    url.searchParams.append("source", value);
  } else {
    url.searchParams.set(`label.${name}`, value);
  }
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
