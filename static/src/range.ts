/** The page's time range; the address is its only state. */

export type Range = { kind: "relative"; key: string } | { kind: "absolute"; start: number; end: number };

const DEFAULT = "1h";

export function readRange(search: string): Range {
  const params = new URLSearchParams(search);
  const start = Date.parse(params.get("start") ?? "");
  const end = Date.parse(params.get("end") ?? "");
  if (start < end) return { kind: "absolute", start, end };
  return { kind: "relative", key: params.get("range") ?? DEFAULT };
}

/** Return the same address with another range; the place in a list is given up. */
export function withRange(address: string, range: Range): string {
  const url = new URL(address);
  for (const name of ["range", "start", "end", "cursor"]) url.searchParams.delete(name);
  if (range.kind === "relative") {
    url.searchParams.set("range", range.key);
  } else {
    url.searchParams.set("start", new Date(range.start).toISOString());
    url.searchParams.set("end", new Date(range.end).toISOString());
  }
  return url.toString();
}

/** Return the milliseconds that two fractions of a drawing stand for, in order. */
export function brushed(start: number, end: number, one: number, other: number): { start: number; end: number } {
  const at = (share: number): number => Math.round(start + (end - start) * Math.min(1, Math.max(0, share)));
  return { start: at(Math.min(one, other)), end: at(Math.max(one, other)) };
}
