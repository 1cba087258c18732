/** A log line, from an event, from the API or from the server's page. */

import { all, find, icon, make } from "../dom";
import { clockOf } from "../time";

export interface LogLine {
  timestamp: string;
  line: string;
  level: string;
  labels: Record<string, string>;
  fields: Record<string, string>;
  source: string;
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
      timestamp: find<HTMLTimeElement>("time", element)?.dateTime ?? "",
      line: find(".msg", element)?.textContent ?? "",
      level: element.dataset["level"] ?? "unknown",
      labels,
      fields,
      source: find(".src", element)?.textContent ?? "",
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
  private readonly source = make("span", { class: "src clip" });
  private readonly message = make("span", { class: "msg" });
  private readonly fields = make("dl", { class: "log-fields" });
  private line: LogLine | undefined;

  constructor(toggled: (row: Row) => void) {
    const head = make("span", { class: "log-line" }, this.time, this.level, this.source, this.message);
    this.details = make("details", { class: "log" }, make("summary", {}, head), this.fields);
    this.element = make("li", {}, this.details);
    this.details.addEventListener("toggle", () => {
      if (this.details.open) this.fillFields();
      toggled(this);
    });
  }

  fill(line: LogLine, { sought, open, focused }: { sought: string; open: boolean; focused: boolean }): void {
    this.element.toggleAttribute("data-focus", focused);
    if (this.details.open !== open) this.details.open = open;
    if (this.line === line) return;
    this.line = line;
    this.details.dataset["level"] = line.level;
    this.time.dateTime = line.timestamp;
    this.time.textContent = clockOf(Date.parse(line.timestamp));
    this.level.textContent = line.level === "unknown" ? "" : line.level.toUpperCase();
    this.source.textContent = line.source;
    const parts = split(line.line, sought);
    if (parts.length === 1) this.message.textContent = line.line;
    else this.message.replaceChildren(...parts.map((part, index) => (index % 2 ? make("mark", {}, part) : part)));
    if (open) this.fillFields();
  }

  private fillFields(): void {
    const { line } = this;
    if (!line) return;
    this.fields.replaceChildren();
    for (const [name, value] of Object.entries(line.labels)) {
      const only = make("button", { type: "button", class: "btn btn-quiet btn-s", "aria-label": `Only ${name} = ${value}` }, icon("plus", "i-s"));
      only.dataset["only"] = name;
      only.dataset["value"] = value;
      this.fields.append(make("dt", {}, name), make("dd", {}, value, only));
    }
    for (const [name, value] of Object.entries(line.fields)) {
      this.fields.append(make("dt", {}, name), make("dd", {}, value));
    }
  }
}
