import assert from "node:assert/strict";
import { test } from "node:test";

import { Keys } from "../src/keys";

function press(keys: Keys, key: string, now = 0, extra: Partial<KeyboardEvent> = {}): boolean {
  return keys.press({ key, ctrlKey: false, metaKey: false, altKey: false, ...extra } as KeyboardEvent, now);
}

test("a sequence acts on its second key", () => {
  const keys = new Keys();
  const done: string[] = [];
  keys.on("g o", () => done.push("overview"));

  press(keys, "g");
  press(keys, "o", 300);

  assert.deepEqual(done, ["overview"]);
});

test("a sequence that takes too long is none", () => {
  const keys = new Keys();
  const done: string[] = [];
  keys.on("g o", () => done.push("overview"));

  press(keys, "g");
  press(keys, "o", 3000);

  assert.deepEqual(done, []);
});

test("the second key of a sequence does not act for itself", () => {
  const keys = new Keys();
  const done: string[] = [];
  keys.on("a", () => done.push("acknowledge"));
  keys.on("g a", () => done.push("alerts"));

  press(keys, "g");
  press(keys, "a", 100);

  assert.deepEqual(done, ["alerts"]);
});

test("the browser's own shortcuts stay its own", () => {
  const keys = new Keys();
  keys.on("a", () => assert.fail("acted"));

  assert.equal(press(keys, "a", 0, { ctrlKey: true }), false);
});
