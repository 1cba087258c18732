import assert from "node:assert/strict";
import { test } from "node:test";

import { Heights } from "../src/logs/heights";
import { contextUrl, nanosecondsOf, split, type LogLine } from "../src/logs/line";
import { Ring } from "../src/logs/ring";
import { liveFilter, withClick, withColumnToggled, withForm, withLevelToggled } from "../src/logs/search";

test("a full ring forgets its oldest item", () => {
  const ring = new Ring<string>(3);

  for (const item of ["a", "b", "c", "d"]) ring.push(item);

  assert.deepEqual([ring.oldest, ring.newest, ring.get(1), ring.get(0)], [1, 3, "b", undefined]);
});

test("older items go behind, while there is room", () => {
  const ring = new Ring<string>(3);
  ring.push("b");

  const placed = [ring.pushOlder("a"), ring.pushOlder("z"), ring.pushOlder("y")];

  assert.deepEqual(placed, [-1, -2, undefined]);
  assert.equal(ring.get(-2), "z");
});

test("a ring may be pushed round many times", () => {
  const ring = new Ring<number>(5);

  for (let item = 0; item < 1000; item += 1) ring.push(item);

  assert.deepEqual([995, 996, 997, 998, 999].map((sequence) => ring.get(sequence)), [995, 996, 997, 998, 999]);
});

test("heights sum over any stretch, round the end too", () => {
  const heights = new Heights(8, 10);
  heights.set(7, 30);
  heights.set(0, 50);

  assert.deepEqual([heights.sum(0, 8), heights.sum(6, 3), heights.sum(1, 6)], [140, 90, 60]);
});

test("a reset forgets what was measured", () => {
  const heights = new Heights(4, 10);
  heights.set(2, 99);

  heights.reset(20);

  assert.equal(heights.sum(0, 4), 80);
});

test("heights agree with a plain sum, whatever was set", () => {
  const heights = new Heights(37, 5);
  const plain = new Array<number>(37).fill(5);
  for (let step = 0; step < 500; step += 1) {
    const slot = (step * 17) % 37;
    heights.set(slot, step % 23);
    plain[slot] = step % 23;
  }

  assert.equal(heights.sum(11, 20), plain.slice(11, 31).reduce((sum, each) => sum + each, 0));
});

test("sought words are found in any case", () => {
  assert.deepEqual(split("Pool and pool", "pool"), ["", "Pool", " and ", "pool", ""]);
});

test("the live filter asks for what the address says", () => {
  assert.deepEqual(liveFilter("?q=pool&level=error&level=warn&source=app&label.env=prod&range=1h"), {
    contains: "pool",
    level: ["error", "warn"],
    source: ["app"],
    labels: { env: "prod" },
  });
});

test("an address without a search asks for everything", () => {
  assert.deepEqual(liveFilter("?range=1h"), {});
});

test("a level chip switches on and off", () => {
  const on = withLevelToggled("http://x/logs?q=a&cursor=z", "error");

  assert.equal(on, "http://x/logs?q=a&level=error");
  assert.equal(withLevelToggled(on, "error"), "http://x/logs?q=a");
});

test("a click on a value goes to the server, which writes the query", () => {
  assert.equal(withClick("http://x/logs?q=a", "field", "status", "5 00", true), "http://x/logs?q=a&narrow=field&name=status&value=5+00&not=1");
});

test("a column is shown and taken away again", () => {
  const shown = withColumnToggled("http://x/logs?columns=host", "status");

  assert.equal(shown, "http://x/logs?columns=host%2Cstatus");
  assert.equal(withColumnToggled(withColumnToggled(shown, "host"), "status"), "http://x/logs");
});

test("LogQL goes to the live tail as a query", () => {
  const filter = (search: string): unknown => liveFilter(`?${new URLSearchParams(search)}`);

  assert.deepEqual(filter('q={app="web"} | json'), { query: '{app="web"} | json' });
  assert.deepEqual(filter('q={app="web"}&lang=words'), { contains: '{app="web"}' });
  assert.deepEqual(filter('q={"app":1}'), { contains: '{"app":1}' });
});

const LINE: LogLine = { timestamp: "2026-01-02T03:04:05.678Z", line: "a & b", level: "info", labels: { app: "web" }, fields: {}, source: "" };

test("a line's time keeps its nanoseconds", () => {
  assert.equal(nanosecondsOf({ ...LINE, timestamp: "2026-01-02T03:04:05.678901234Z" }), "1767323045678901234");
  assert.equal(nanosecondsOf(LINE), "1767323045678000000");
});

test("a line's context is found by its id, or by stream, time and text", () => {
  assert.equal(contextUrl({ ...LINE, id: "x1" }, "/c"), "/c?id=x1");
  assert.equal(contextUrl(LINE, "/c"), "/c?at=1767323045678000000&label.app=web&text=a+%26+b");
});

test("empty fields stay out of the address", () => {
  assert.equal(withForm("http://x/logs?old=1", [["q", " "], ["level", "error"]]), "http://x/logs?level=error");
});
