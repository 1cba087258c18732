/** A log line, from an event, from the API or from the server's page. */

import { all, find, icon, make } from "../dom";
import { clockOf } from "../time";

export interface LogLine {
  /** Where the store has it; lines that have just arrived have none yet. */
  id?: string;
  timestamp: string;
  line: string;
  level: string;
  labels: Record<string, string>;
  fields: Record<string, string>;
  source: string;
}

/** How rows look: what stands in place of the source, and where a line's context is shown. */
export interface Look {
  sought: string;
  columns: string[];
  contextPath: string;
}

const MAX_TEXT = 300;

/** Nanoseconds since the epoch, as digits: more than a number holds. */
export function nanosecondsOf(line: LogLine): string {
  const fraction = /\.(\d+)/.exec(line.timestamp)?.[1] ?? "";
  const seconds = Math.floor(Date.parse(line.timestamp) / 1000);
  return `${seconds}${fraction.padEnd(9, "0").slice(0, 9)}`;
}

/** Where a line is shown between those of its stream. */
export function contextUrl(line: LogLine, path: string): string {
  const place = new URLSearchParams();
  if (line.id) {
    place.set("id", line.id);
  } else {
    place.set("at", nanosecondsOf(line));
    for (const [name, value] of Object.entries(line.labels)) place.set(`label.${name}`, value);
    place.set("text", line.line.slice(0, MAX_TEXT));
  }
  return `${path}?${place}`;
}

/** The server's times have milliseconds; the whole of it stands beside. */
function timestampOf(ns: string | undefined, shown: string): string {
  if (!ns) return shown;
  return `${new Date(Number(ns.slice(0, -6))).toISOString().slice(0, 19)}.${ns.slice(-9)}Z`;
}

/** Read the lines that the server has rendered, newest first. */
export function readLines(list: HTMLElement): LogLine[] {
  return all(".log", list).map((element) => {
    const labels: Record<string, string> = {};
    const fields: Record<string, string> = {};
    for (const term of all("dt", element)) {
      const value = term.nextElementSibling as HTMLElement | null;
      const name = term.textContent ?? "";
      (value?.dataset["label"] === undefined ? fields : labels)[name] = value?.textContent ?? "";
    }
    return {
      id: element.dataset["id"] ?? "",
      timestamp: timestampOf(element.dataset["ns"], find<HTMLTimeElement>("time", element)?.dateTime ?? ""),
      line: find(".msg", element)?.textContent ?? "",
      level: element.dataset["level"] ?? "unknown",
      labels,
      fields,
      source: labels["source"] ?? "",
    };
  });
}

/** What tells two lines apart when the same one may come twice. */
export function identity(line: LogLine): string {
  return `${Math.floor(Date.parse(line.timestamp))} ${line.source} ${line.line}`;
}

/** Part a text at every place where the sought words stand; odd parts are those. */
export function split(text: string, sought: string): string[] {
  if (!sought) return [text];
  const parts: string[] = [];
  const low = text.toLowerCase();
  const needle = sought.toLowerCase();
  let from = 0;
  for (let at = low.indexOf(needle); at >= 0; at = low.indexOf(needle, from)) {
    parts.push(text.slice(from, at), text.slice(at, at + needle.length));
    from = at + needle.length;
  }
  return [...parts, text.slice(from)];
}

/** A row that is filled again and again: making elements is what costs. */
export class Row {
  readonly element: HTMLLIElement;
  readonly details: HTMLDetailsElement;
  private readonly time = make("time");
  private readonly level = make("span", { class: "lvl" });
  private readonly sources: HTMLElement[];
  private readonly message = make("span", { class: "msg" });
  private readonly fields = make("dl", { class: "log-fields" });
  private readonly tools = make("div", { class: "log-tools" });
  private line: LogLine | undefined;

  constructor(
    private readonly look: Look,
    toggled: (row: Row) => void,
  ) {
    this.sources = (look.columns.length > 0 ? look.columns : [""]).map(() => make("span", { class: "src clip" }));
    const head = make("span", { class: "log-line" }, this.time, this.level, ...this.sources, this.message);
    this.details = make("details", { class: "log" }, make("summary", {}, head), this.fields, this.tools);
    this.element = make("li", {}, this.details);
    this.details.addEventListener("toggle", () => {
      if (this.details.open) this.fillFields();
      toggled(this);
    });
  }

  fill(line: LogLine, { open, focused }: { open: boolean; focused: boolean }): void {
    this.element.toggleAttribute("data-focus", focused);
    if (this.details.open !== open) this.details.open = open;
    if (this.line === line) return;
    this.line = line;
    this.details.dataset["level"] = line.level;
    this.time.dateTime = line.timestamp;
    this.time.textContent = clockOf(Date.parse(line.timestamp));
    this.level.textContent = line.level === "unknown" ? "" : line.level.toUpperCase();
    this.sources.forEach((shown, at) => {
      const name = this.look.columns[at];
      shown.textContent = name === undefined ? line.source : (line.fields[name] ?? line.labels[name] ?? "");
    });
    const parts = split(line.line, this.look.sought);
    if (parts.length === 1) this.message.textContent = line.line;
    else this.message.replaceChildren(...parts.map((part, index) => (index % 2 ? make("mark", {}, part) : part)));
    if (open) this.fillFields();
  }

  private fillFields(): void {
    const { line } = this;
    if (!line) return;
    this.fields.replaceChildren();
    for (const [name, value] of Object.entries(line.labels)) this.addField("label", name, value);
    for (const [name, value] of Object.entries(line.fields)) this.addField("field", name, value);
    this.tools.replaceChildren(
      make("a", { class: "btn btn-s", href: contextUrl(line, this.look.contextPath) }, icon("stream", "i-s"), "Show context"),
      this.copyButton(line),
    );
  }

  private addField(what: "label" | "field", name: string, value: string): void {
    const click = (word: string, shape: string, not: string): HTMLButtonElement => {
      const button = make("button", { type: "button", class: "btn btn-quiet btn-s", "aria-label": `${word} ${name} = ${value}` }, icon(shape, "i-s"));
      Object.assign(button.dataset, { narrow: what, name, value, not });
      return button;
    };
    const column = make("button", { type: "button", class: "btn btn-quiet btn-s", "aria-label": `Show ${name} as a column` }, icon("table", "i-s"));
    column.dataset["column"] = name;
    this.fields.append(make("dt", {}, name), make("dd", {}, value, click("Only", "plus", ""), click("Without", "flat", "1"), column));
  }

  private copyButton(line: LogLine): HTMLButtonElement {
    const button = make("button", { type: "button", class: "btn btn-s" }, icon("copy", "i-s"), "Copy line");
    button.dataset["copyText"] = line.line;
    return button;
  }
}
