import assert from "node:assert/strict";
import { test } from "node:test";

import { facts, gaps, labelPlaces, niceTop } from "../src/charts/payload";
import { brushed, readRange, withRange } from "../src/range";
import { ago, inUnit, number, span } from "../src/units";

for (const [value, unit, text] of [
  [null, "", "—"],
  [NaN, "percent", "—"],
  [1842, "", "1,842"],
  [12_800, "", "12.8 k"],
  [97.4, "percent", "97 %"],
  [6.84, "percent", "6.8 %"],
  [0, "percent", "0 %"],
  [1536, "bytes", "1.5 KiB"],
  [3 * 2 ** 20, "bytes/s", "3 MiB/s"],
  [1842, "count/s", "1,842 /s"],
  [0.084, "seconds", "84 ms"],
  [3.1, "seconds", "3.1 s"],
  [7500, "seconds", "2 h 5 min"],
] as const) {
  test(`${value} ${unit} reads ${text}, as on the server`, () => {
    assert.equal(inUnit(value, unit), text);
  });
}

test("spans have two units at most", () => {
  assert.deepEqual([59, 820, 7500, 50_700, 277_200].map(span), ["59 s", "13 min", "2 h 5 min", "14 h", "3 d"]);
});

test("the last seconds are now", () => {
  assert.deepEqual([ago(4), ago(61)], ["now", "1 min ago"]);
});

test("figures below ten thousand are written out", () => {
  assert.equal(number(9999), "9,999");
});

test("an axis ends at a round number, in bytes too", () => {
  assert.deepEqual([0, 0.7, 3.1, 61, 9500].map((highest) => niceTop(highest)), [1, 0.8, 4, 80, 10_000]);
  assert.equal(niceTop(3.1 * 2 ** 30, "bytes"), 4 * 2 ** 30);
});

test("an axis of bytes has whole steps", () => {
  assert.deepEqual([0, 1, 3].map((highest) => niceTop(highest, "bytes/s")), [4, 4, 4]);
});

test("labels of close thresholds do not cover each other", () => {
  assert.deepEqual(labelPlaces([40]), [35]);
  assert.deepEqual(labelPlaces([18, 9.5]), [30, 4.5]);
  assert.deepEqual(labelPlaces([20, 21, 22]), [15, 33, null]);
});

test("facts skip what is not known", () => {
  assert.deepEqual(facts([3, null, 1, 2, null]), { last: 2, min: 1, max: 3 });
});

test("a gap lies between known points, in all series at once", () => {
  assert.deepEqual(gaps([[1, null, null, 4], [1, null, null, 4]]), [[0, 3]]);
  assert.deepEqual(gaps([[1, null, 3], [1, 2, 3]]), []);
  assert.deepEqual(gaps([[null, 1, 2]]), []);
});

test("the address says the range", () => {
  assert.deepEqual(readRange("?range=6h"), { kind: "relative", key: "6h" });
  assert.deepEqual(readRange(""), { kind: "relative", key: "1h" });
  assert.deepEqual(readRange("?start=2026-11-18T02:00:00Z&end=2026-11-18T03:00:00Z"), {
    kind: "absolute",
    start: Date.UTC(2026, 10, 18, 2),
    end: Date.UTC(2026, 10, 18, 3),
  });
});

test("a new range keeps the rest of the address", () => {
  const url = withRange("http://x/o/acme/logs?q=pool&range=1h&cursor=abc", { kind: "relative", key: "6h" });

  assert.equal(url, "http://x/o/acme/logs?q=pool&range=6h");
});

test("a brush may be drawn backwards and over the edge", () => {
  assert.deepEqual(brushed(1000, 2000, 0.5, -0.2), { start: 1000, end: 1500 });
});
