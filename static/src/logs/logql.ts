/** LogQL as the editor sees it: its tokens, and what may come next. Pure. */

export type TokenKind = "comment" | "string" | "number" | "function" | "stage" | "keyword" | "label" | "operator" | "bracket" | "space";

export interface Token {
  kind: TokenKind;
  from: number;
  to: number;
  text: string;
}

export const RANGE_FUNCTIONS = [
  "rate", "count_over_time", "bytes_rate", "bytes_over_time", "absent_over_time", "sum_over_time", "avg_over_time",
  "min_over_time", "max_over_time", "first_over_time", "last_over_time", "stddev_over_time", "stdvar_over_time",
  "quantile_over_time", "rate_counter",
];
export const VECTOR_FUNCTIONS = ["sum", "avg", "min", "max", "count", "topk", "bottomk", "stddev", "stdvar", "sort", "sort_desc", "label_replace", "vector"];
export const STAGES = ["json", "logfmt", "pattern", "regexp", "unpack", "line_format", "label_format", "decolorize", "drop", "keep", "unwrap"];
const CONVERSIONS = ["duration", "duration_seconds", "bytes", "ip"];
const KEYWORDS = new Set(["by", "without", "or", "and", "unless", "on", "ignoring", "group_left", "group_right", "offset", "bool"]);
const FUNCTIONS = new Set([...RANGE_FUNCTIONS, ...VECTOR_FUNCTIONS, ...CONVERSIONS]);
const STAGE_WORDS = new Set(STAGES);

const FORMS: [TokenKind, RegExp][] = [
  ["space", /\s+/y],
  ["comment", /#[^\n]*/y],
  ["string", /"(?:[^"\\\n]|\\.)*"?|`[^`]*`?/y],
  ["number", /\d+(?:\.\d+)?(?:[a-zA-Zµ]+\d*)*/y],
  ["label", /[A-Za-z_][A-Za-z0-9_]*/y],
  ["operator", /\|=|\|~|\|>|!=|!~|!>|=~|==|>=|<=|[|=<>+\-*/%^,]/y],
  ["bracket", /[{}()[\]]/y],
];

function kindOfWord(word: string, behind: string, ahead: string): TokenKind {
  if (STAGE_WORDS.has(word) && behind === "|") return "stage";
  if (KEYWORDS.has(word)) return "keyword";
  if (FUNCTIONS.has(word) && /^\s*(?:\(|by\b|without\b)/.test(ahead)) return "function";
  return "label";
}

/** Part a query into tokens; what is no part of the language stands as an operator. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let behind = "";
  for (let at = 0; at < text.length; ) {
    const token = read(text, at, behind);
    found.push(token);
    if (token.kind !== "space" && token.kind !== "comment") behind = token.text;
    at = token.to;
  }
  return found;
}

/** Read one token; `behind` is the text of the one before it. */
export function read(text: string, at: number, behind: string): Token {
  for (const [kind, form] of FORMS) {
    form.lastIndex = at;
    const match = form.exec(text);
    if (!match) continue;
    const to = at + match[0].length;
    const shown = kind === "label" ? kindOfWord(match[0], behind, text.slice(to)) : kind;
    return { kind: shown, from: at, to, text: match[0] };
  }
  return { kind: "operator", from: at, to: at + 1, text: text[at] ?? "" };
}

/** What may stand at a place: `from` is where the word under the caret begins. */
export interface Place {
  wants: "start" | "label" | "value" | "stage" | "field" | "field-value" | "group" | "none";
  from: number;
  /** The label or field whose value is wanted. */
  name: string;
  /** Whether the caret stands inside quotes. */
  quoted: boolean;
}

const COMPARISONS = new Set(["=", "!=", "=~", "!~"]);

/** Tell what may come at a place of a query. */
export function placeIn(text: string, caret: number): Place {
  const before = tokens(text.slice(0, caret));
  const last = before.at(-1);
  if (!last) return { wants: "start", from: caret, name: "", quoted: false };
  if (last.kind === "comment") return { wants: "none", from: caret, name: "", quoted: false };
  const word = last.kind === "label" || last.kind === "stage" || last.kind === "function" || last.kind === "keyword";
  const open = last.kind === "string" && isOpen(last.text);
  if (last.kind === "string" && !open) return { wants: "none", from: caret, name: "", quoted: false };
  const from = word ? last.from : open ? last.from + 1 : caret;
  const said = before.filter((each) => each.kind !== "space" && each.kind !== "comment");
  const rest = word || open ? said.slice(0, -1) : said;
  return { ...wanted(rest, open), from, quoted: open };
}

function isOpen(text: string): boolean {
  const quote = text[0] ?? "";
  if (text.length < 2 || !text.endsWith(quote)) return true;
  if (quote === "`") return false;
  const slashes = /\\*$/.exec(text.slice(0, -1))?.[0].length ?? 0;
  return slashes % 2 === 1;
}

function wanted(said: Token[], open: boolean): { wants: Place["wants"]; name: string } {
  const last = said.at(-1);
  const inside = selectorOpen(said);
  const name = said.at(-2)?.text ?? "";
  if (last && COMPARISONS.has(last.text) && said.at(-2)?.kind !== "bracket") {
    if (inside) return { wants: "value", name };
    if (said.at(-2)?.kind === "label" || !open) return { wants: "field-value", name };
  }
  if (open) return { wants: "none", name: "" };
  if (inside) return last?.text === "{" || last?.text === "," ? { wants: "label", name: "" } : { wants: "none", name: "" };
  if (inGrouping(said)) return { wants: "group", name: "" };
  if (last?.text === "|") return { wants: "stage", name: "" };
  if (!last || last.text === "(" || "+-*/%^".includes(last.text)) return { wants: "start", name: "" };
  if (last.text === "and" || last.text === "or" || isList(said)) return { wants: "field", name: "" };
  return { wants: "none", name: "" };
}

function selectorOpen(said: Token[]): boolean {
  const opened = said.findLastIndex((each) => each.text === "{" && each.kind === "bracket");
  const closed = said.findLastIndex((each) => each.text === "}" && each.kind === "bracket");
  return opened > closed;
}

function inGrouping(said: Token[]): boolean {
  const opened = said.findLastIndex((each) => each.text === "(");
  const closed = said.findLastIndex((each) => each.text === ")");
  const word = said[opened - 1]?.text ?? "";
  return opened > closed && ["by", "without", "on", "ignoring"].includes(word);
}

/** Whether the words of drop, keep and unwrap are being written. */
function isList(said: Token[]): boolean {
  const stage = said.findLastIndex((each) => each.kind === "stage");
  const pipe = said.findLastIndex((each) => each.text === "|");
  const last = said.at(-1);
  return stage > pipe && ["drop", "keep", "unwrap"].includes(said[stage]?.text ?? "") && (last?.kind === "stage" || last?.text === ",");
}

/** Whether a text means LogQL, as far as its beginning tells: as the server sees it. */
export function isLogql(text: string): boolean {
  if (/^\s*\{(?!\s*")/.test(text)) return true;
  const word = /^\s*([a-z_]+)\s*(?:by\s*|without\s*)?\(/.exec(text)?.[1] ?? "";
  return RANGE_FUNCTIONS.includes(word) || VECTOR_FUNCTIONS.includes(word);
}
