import assert from "node:assert/strict";
import { test } from "node:test";

import { Heights } from "../src/logs/heights";
import { split } from "../src/logs/line";
import { Ring } from "../src/logs/ring";
import { liveFilter, withForm, withLabel, withLevelToggled } from "../src/logs/search";

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

test("a label narrows the search", () => {
  assert.equal(withLabel("http://x/logs", "env", "prod"), "http://x/logs?label.env=prod");
  assert.equal(withLabel("http://x/logs?source=a", "source", "b"), "http://x/logs?source=b");
});

test("empty fields stay out of the address", () => {
  assert.equal(withForm("http://x/logs?old=1", [["q", " "], ["level", "error"]]), "http://x/logs?level=error");
});
