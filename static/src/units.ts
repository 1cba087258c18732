/** Figures in words, as monitoring/templatetags/figures.py writes them on the server. */

const NONE = "—";
const LARGE: [number, string][] = [
  [1e15, "P"],
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];
const BYTES: [number, string][] = [
  [2 ** 50, "PiB"],
  [2 ** 40, "TiB"],
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
];
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

export type Value = number | null | undefined;

function isKnown(value: Value): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

function grouped(value: number, digits: number): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function trimmed(value: number): string {
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return grouped(value, 0);
  const text = grouped(value, Math.abs(value) >= 10 ? 1 : 2);
  return text.replace(/\.?0+$/, "");
}

export function number(value: Value): string {
  if (!isKnown(value)) return NONE;
  if (Math.abs(value) < 10_000) return trimmed(value);
  const [size, letter] = LARGE.find(([size]) => Math.abs(value) >= size) ?? [1, ""];
  return `${grouped(value / size, 1)} ${letter}`;
}

export function bytes(value: Value): string {
  if (!isKnown(value)) return NONE;
  const found = BYTES.find(([size]) => Math.abs(value) >= size);
  return found ? `${trimmed(value / found[0])} ${found[1]}` : `${grouped(value, 0)} B`;
}

export function percent(value: Value): string {
  if (!isKnown(value)) return NONE;
  return `${grouped(value, value !== 0 && Math.abs(value) < 10 ? 1 : 0)} %`;
}

/** How long something lasts, from seconds. */
export function span(seconds: number): string {
  const total = Math.max(0, Math.floor(seconds));
  if (total < MINUTE) return `${total} s`;
  if (total < HOUR) return `${Math.floor(total / MINUTE)} min`;
  if (total >= DAY) return `${Math.floor(total / DAY)} d`;
  const hours = Math.floor(total / HOUR);
  const minutes = Math.floor((total % HOUR) / MINUTE);
  return minutes && hours < 10 ? `${hours} h ${minutes} min` : `${hours} h`;
}

export function seconds(value: Value): string {
  if (!isKnown(value)) return NONE;
  if (Math.abs(value) < 1) return `${trimmed(value * 1000)} ms`;
  return Math.abs(value) < MINUTE ? `${trimmed(value)} s` : span(value);
}

export function ago(passed: number): string {
  return passed < 5 ? "now" : `${span(passed)} ago`;
}

export function inUnit(value: Value, unit: string): string {
  if (!isKnown(value)) return NONE;
  if (unit.endsWith("/s")) {
    const amount = inUnit(value, unit.slice(0, -2));
    return amount.includes(" ") ? `${amount}/s` : `${amount} /s`;
  }
  switch (unit) {
    case "percent":
      return percent(value);
    case "bytes":
      return bytes(value);
    case "seconds":
      return seconds(value);
    default:
      return number(value);
  }
}
