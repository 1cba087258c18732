/** The same data as a table, for screen readers and for copying. */

import { make } from "../dom";
import { clockOf } from "../time";
import { inUnit } from "../units";
import type { ChartPayload } from "./payload";

const MOST_ROWS = 500;

export function chartTable(payload: ChartPayload): HTMLElement {
  const head = make("tr", {}, make("th", { scope: "col" }, "Time"));
  for (const series of payload.series) head.append(make("th", { scope: "col", class: "num" }, series.name));
  const body = make("tbody");
  const first = Math.max(0, payload.times.length - MOST_ROWS);
  for (let index = payload.times.length - 1; index >= first; index -= 1) {
    const row = make("tr", {}, make("th", { scope: "row", class: "nowrap" }, clockOf(payload.times[index] ?? 0).slice(0, 8)));
    for (const series of payload.series) row.append(make("td", { class: "num" }, inUnit(series.values[index], payload.unit)));
    body.append(row);
  }
  return make("div", { class: "chart-table", tabindex: "0" }, make("table", { class: "table" }, make("thead", {}, head), body));
}
