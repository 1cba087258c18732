import assert from "node:assert/strict";
import { test } from "node:test";

import { isLogql, placeIn, tokens, type Place } from "../src/logs/logql";

/** A query's tokens as kind and text, without its spaces. */
function parts(text: string): string[] {
  return tokens(text)
    .filter((each) => each.kind !== "space")
    .map((each) => `${each.kind} ${each.text}`);
}

test("a log query is parted into what its colours say", () => {
  assert.deepEqual(parts('{app="web"} |= `5xx` | json | status >= 500'), [
    "bracket {", "label app", "operator =", 'string "web"', "bracket }", "operator |=", "string `5xx`",
    "operator |", "stage json", "operator |", "label status", "operator >=", "number 500",
  ]);
});

test("a metric query is parted as well", () => {
  assert.deepEqual(parts('sum by (app) (rate({app="a"}[5m])) # all'), [
    "function sum", "keyword by", "bracket (", "label app", "bracket )", "bracket (", "function rate", "bracket (",
    "bracket {", "label app", "operator =", 'string "a"', "bracket }", "bracket [", "number 5m", "bracket ]",
    "bracket )", "bracket )", "comment # all",
  ]);
});

test("a function's name is a label where nothing is called", () => {
  assert.deepEqual(parts("{sum=`a`} | rate > 1"), ["bracket {", "label sum", "operator =", "string `a`", "bracket }", "operator |", "label rate", "operator >", "number 1"]);
});

test("every character of any text is in one token", () => {
  for (const text of ["", '{a="unclosed', "§ä ~~ \\ |", '"\\', "{}|>!>`"]) {
    assert.equal(tokens(text).map((each) => each.text).join(""), text);
  }
});

const PLACES: [string, Place["wants"], string, string][] = [
  ["|", "start", "", ""],
  ["ra|", "start", "ra", ""],
  ["{|", "label", "", ""],
  ["{ap|", "label", "ap", ""],
  ['{app="web", en|', "label", "en", ""],
  ["{app=|", "value", "", "app"],
  ['{app="w|', "value", "w", "app"],
  ['{app=~"a\\"b|', "value", 'a\\"b', "app"],
  ['{app="web"|', "none", "", ""],
  ['{app="web"} | |', "stage", "", ""],
  ['{app="web"} | js|', "stage", "js", ""],
  ['{app="web"} | json | status="5|', "field-value", "5", "status"],
  ['{app="web"} | json | a="b" and s|', "field", "s", ""],
  ['{app="web"} | keep a, |', "field", "", ""],
  ['{app="web"} |= "err|', "none", "err", ""],
  ["sum by (|", "group", "", ""],
  ['sum(rate({app="web"} | json |', "none", "", ""],
  ["{a=`b`} # com|", "none", "", ""],
];

for (const [marked, wants, word, name] of PLACES) {
  test(`at ${marked} comes: ${wants}`, () => {
    const caret = marked.lastIndexOf("|");
    const text = marked.slice(0, caret);

    const place = placeIn(text, caret);

    assert.deepEqual([place.wants, text.slice(place.from), place.name], [wants, word, name]);
  });
}

test("what begins as LogQL is told from plain words", () => {
  const logql = ["{", " {app=", 'rate({a="b"}[5m])', "sum by (app) (", "topk("];
  const words = ["", "timeout", '{"level":"error"}', "error (timeout)", "rate limit", "sum"];

  assert.deepEqual(logql.map(isLogql), logql.map(() => true));
  assert.deepEqual(words.map(isLogql), words.map(() => false));
});
