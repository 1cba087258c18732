/** What the server says about a chart: monitoring/services/charts.py, Chart.payload. */

import type { Value } from "../units";

export interface Series {
  name: string;
  values: Value[];
  area: boolean;
  compare: boolean;
}

export interface Threshold {
  status: "warning" | "critical" | "info" | "ok";
  value: number;
  text: string;
  band: "above" | "below" | "";
}

export interface Mark {
  at: number;
  text: string;
  kind: "mark" | "alert";
}

export interface ChartPayload {
  key: string;
  unit: string;
  height: number;
  top: number | null;
  start: number;
  end: number;
  times: number[];
  series: Series[];
  thresholds: Threshold[];
  marks: Mark[];
  url: string;
}

export interface Facts {
  last: Value;
  min: Value;
  max: Value;
}

/** Last, lowest and highest known value of a series. */
export function facts(values: Value[]): Facts {
  let last: Value = null;
  let min: Value = null;
  let max: Value = null;
  for (const value of values) {
    if (value === null || value === undefined) continue;
    last = value;
    if (min === null || value < min) min = value;
    if (max === null || value > max) max = value;
  }
  return { last, min, max };
}

/** A round number a little above, whose half is round too: as the server's shapes.nice_top. */
export function niceTop(highest: number, unit = ""): number {
  if (unit.startsWith("bytes")) {
    // At least four steps of whole bytes.
    const high = Math.max(4, highest || 0);
    const whole = 1024 ** Math.floor(Math.log(high) / Math.log(1024));
    return niceTop(high / whole) * whole;
  }
  if (!(highest > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(highest));
  const factor = [1, 2, 4, 5, 6, 8, 10].find((each) => highest <= each * power * (1 + 1e-9)) ?? 10;
  return factor * power;
}

export function topOf(payload: ChartPayload): number {
  if (payload.top !== null) return payload.top;
  const highest = Math.max(0, ...payload.series.map((each) => facts(each.values).max ?? 0), ...payload.thresholds.map((each) => each.value));
  return highest === 0 && bottomOf(payload) < 0 ? 0 : niceTop(highest, payload.unit);
}

/** Zero, or a round number a little below the lowest value. */
export function bottomOf(payload: ChartPayload): number {
  const lowest = Math.min(0, ...payload.series.map((each) => facts(each.values).min ?? 0), ...payload.thresholds.map((each) => each.value));
  return lowest < 0 ? -niceTop(-lowest, payload.unit) : 0;
}

/** Runs of points at which nothing is known, as [first, last] indexes with known neighbours. */
export function gaps(series: Value[][]): [number, number][] {
  const length = series[0]?.length ?? 0;
  const unknown = (index: number): boolean => series.every((values) => values[index] === null || values[index] === undefined);
  const found: [number, number][] = [];
  for (let index = 0; index < length; index += 1) {
    if (!unknown(index)) continue;
    const first = index;
    while (index + 1 < length && unknown(index + 1)) index += 1;
    if (first > 0 && index < length - 1) found.push([first - 1, index + 1]);
  }
  return found;
}

const LABEL_HEIGHT = 13;

/**
 * The base line of the label of each horizontal line: above it, below it where another
 * stands there, null where neither has room. As the server's shapes.label_places.
 */
export function labelPlaces(lines: number[]): (number | null)[] {
  const places: (number | null)[] = lines.map(() => null);
  let last = -10; // a label may reach over the plot's upper edge
  for (const index of lines.map((_, each) => each).sort((a, b) => (lines[a] ?? 0) - (lines[b] ?? 0))) {
    const y = lines[index] ?? 0;
    const free = [y - 5, y + 12].find((place) => place - last >= LABEL_HEIGHT);
    places[index] = free ?? null;
    last = free ?? last;
  }
  return places;
}
