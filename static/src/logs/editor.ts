/** The editor of LogQL: colours by token, completion from our own labels and fields. */

import { autocompletion, startCompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { StreamLanguage } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

import { edit } from "../editor";
import { organization } from "../live";
import { placeIn, RANGE_FUNCTIONS, read, STAGES, VECTOR_FUNCTIONS, type Place } from "./logql";

const KEPT_FOR = 30_000;
const MOST_OPTIONS = 500;

const language = StreamLanguage.define<{ behind: string }>({
  name: "logql",
  startState: () => ({ behind: "" }),
  token: (stream, state) => {
    const token = read(stream.string, stream.pos, state.behind);
    stream.pos = token.to;
    if (token.kind === "space" || token.kind === "comment") return token.kind === "space" ? null : token.kind;
    state.behind = token.text;
    return token.kind;
  },
  tokenTable: {
    function: tags.function(tags.variableName),
    stage: tags.keyword,
    keyword: tags.keyword,
    label: tags.labelName,
    string: tags.string,
    number: tags.number,
    operator: tags.operator,
    bracket: tags.punctuation,
    comment: tags.comment,
  },
  languageData: { closeBrackets: { brackets: ["(", "[", "{", '"', "`"] }, commentTokens: { line: "#" } },
});

interface Field {
  name: string;
  top: { value: string; count: number }[];
}

const answers = new Map<string, { at: number; answer: Promise<unknown> }>();

/** Ask once in a while: completion is wanted with every letter. */
function ask<T>(path: string, parameters: Record<string, string>): Promise<T> {
  const url = new URL(path, location.href);
  const page = new URLSearchParams(location.search);
  for (const name of ["range", "start", "end"]) {
    const value = page.get(name);
    if (value) url.searchParams.set(name, value);
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  const known = answers.get(url.href);
  if (known && Date.now() - known.at < KEPT_FOR) return known.answer as Promise<T>;
  const headers = { "X-Scope-OrgID": organization, Accept: "application/json" };
  const answer = fetch(url, { headers }).then((response) => {
    if (!response.ok) throw new Error(`The server answered ${response.status}.`);
    return response.json() as Promise<T>;
  });
  answers.set(url.href, { at: Date.now(), answer });
  answer.catch(() => answers.delete(url.href));
  return answer;
}

const labels = (): Promise<Record<string, string[]>> =>
  ask<{ labels: Record<string, string[]> }>("/api/v1/logs/labels", {}).then((found) => found.labels);
const fields = (): Promise<Field[]> => ask<{ results: Field[] }>("/api/v1/logs/fields", { top: "50" }).then((found) => found.results);

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function valueOptions(values: string[], place: Place): Completion[] {
  return values.map((value) => ({ label: value, type: "text", apply: place.quoted ? escaped(value) : `"${escaped(value)}"` }));
}

const again = (insert: string) => (view: EditorView, _: Completion, from: number, to: number): void => {
  view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length } });
  startCompletion(view);
};

function named(names: string[], detail: string, suffix = ""): Completion[] {
  return names.map((name) => ({ label: name, type: "property", detail, apply: suffix ? again(name + suffix) : name }));
}

const STARTS: Completion[] = [
  { label: "{", type: "keyword", detail: "lines of streams", apply: again("{") },
  ...RANGE_FUNCTIONS.map((name) => ({ label: name, type: "function", detail: "over a time, as [5m]", apply: `${name}(` })),
  ...VECTOR_FUNCTIONS.map((name) => ({ label: name, type: "function", apply: `${name}(` })),
];
const STAGE_OPTIONS: Completion[] = STAGES.map((name) => ({ label: name, type: "keyword", detail: "stage", boost: 1 }));

async function options(place: Place): Promise<Completion[]> {
  switch (place.wants) {
    case "start":
      return STARTS;
    case "label":
      return named(Object.keys(await labels()), "label", "=");
    case "value":
      return valueOptions((await labels())[place.name] ?? [], place);
    case "stage":
      return [...STAGE_OPTIONS, ...named((await fields()).map((field) => field.name), "field"), { label: "detected_level", type: "property", detail: "level" }];
    case "field":
      return named((await fields()).map((field) => field.name), "field");
    case "group":
      return [...named(Object.keys(await labels()), "label"), ...named((await fields()).map((field) => field.name), "field")];
    case "field-value":
      return valueOptions((await fields()).find((field) => field.name === place.name)?.top.map((each) => each.value) ?? [], place);
    default:
      return [];
  }
}

async function complete(context: CompletionContext): Promise<CompletionResult | null> {
  const text = context.state.doc.toString();
  const place = placeIn(text, context.pos);
  if (place.wants === "none" || (place.wants === "start" && !context.explicit && place.from === context.pos)) return null;
  const found = await options(place).catch(() => []);
  if (found.length === 0) return null;
  return { from: place.from, options: found.slice(0, MOST_OPTIONS), validFor: place.quoted ? /^[^"`]*$/ : /^\w*$/ };
}

function logql(): Extension {
  return [language, autocompletion({ override: [complete] })];
}

/** Put an editor in place of the textarea, which keeps the text for the form. */
export function editLogql(area: HTMLTextAreaElement, run: () => void): EditorView {
  return edit(area, run, logql());
}
