/** Logs: live tail and search, in words or in LogQL. */

import type { EditorView } from "@codemirror/view";

import { start } from "../base";
import { startBrush } from "../charts/brush";
import { mountCharts, refreshCharts, type ChartPanel } from "../charts/chart";
import { copy } from "../copy";
import { all, announce, delegate, find, icon } from "../dom";
import { visit } from "../htmx";
import { keys } from "../keys";
import { editLogql } from "../logs/editor";
import { contextUrl, identity, nanosecondsOf, readLines, type LogLine } from "../logs/line";
import { isLogql } from "../logs/logql";
import { liveFilter, withClick, withColumnToggled, withForm, withLevelToggled, withOne } from "../logs/search";
import { Tail } from "../logs/tail";
import { live, organization } from "../live";
import { QueryHistory } from "../metrics/history";
import type { LiveEvent, Subscription } from "../realtime";
import { number } from "../units";

const TICK = 1000;
const VOLUME_EVERY = 4000;
const CHARTS_EVERY = 10_000;

let tail: Tail | undefined;
let subscription: Subscription | undefined;
let editor: EditorView | undefined;
let charts: ChartPanel[] = [];
let total = 0;
let skipped = 0;
const past = new QueryHistory(`log-queries:${organization ?? ""}`);

interface Page {
  results: LogLine[];
  next: string | null;
}

/** Lines that were read from the store and come again as events are shown once. */
function onceOnly(known: LogLine[]): (lines: LogLine[]) => LogLine[] {
  const counts = new Map<string, number>();
  for (const line of known) counts.set(identity(line), (counts.get(identity(line)) ?? 0) + 1);
  return (lines) => {
    if (counts.size === 0) return lines;
    return lines.filter((line) => {
      const left = counts.get(identity(line)) ?? 0;
      if (left > 1) counts.set(identity(line), left - 1);
      else counts.delete(identity(line));
      return left === 0;
    });
  };
}

function showWaiting(count: number): void {
  const chip = find<HTMLButtonElement>("#lines [data-new]");
  if (!chip) return;
  chip.hidden = count === 0;
  const word = find("span", chip);
  if (word) word.textContent = `${number(count)} new`;
  const note = find("[data-tail-note]");
  if (note) note.textContent = count ? "newest first, waiting while you look at them" : "newest first";
}

function showSkipped(lines: number): void {
  const note = find("[data-tail-skipped]");
  if (!note) return;
  skipped += lines;
  note.hidden = false;
  note.textContent = `${number(skipped)} came too fast to be shown here, and are stored: narrow the filter`;
}

function count(lines: number): void {
  const shown = find("[data-total]");
  if (!shown || lines === 0) return;
  total += lines;
  shown.textContent = `${number(total)} lines`;
  find("[data-tail-empty]")?.remove();
}

function subscribe(known: LogLine[]): void {
  const fresh = onceOnly(known);
  subscription = live.subscribe<LogLine>("logs", liveFilter(location.search), {
    onEvents: (events: LiveEvent<LogLine>[]) => {
      const lines = fresh(events.map((event) => event.data));
      count(lines.length);
      tail?.push(lines);
    },
    onGap: () => void show(location.href, false),
    onSkipped: (lines) => {
      count(lines);
      showSkipped(lines);
    },
  }, find("#log-query")?.dataset["after"]);
}

function olderReader(list: HTMLElement): () => void {
  let reading = false;
  return () => {
    const link = find<HTMLAnchorElement>("[data-older]");
    if (reading || !link || !list.dataset["next"]) return;
    reading = true;
    void readOlder(list, link).finally(() => (reading = false));
  };
}

/** The page answers the lines that follow as JSON, whatever it is asked in. */
async function readOlder(list: HTMLElement, link: HTMLAnchorElement): Promise<void> {
  const url = withOne(link.href, "cursor", list.dataset["next"] ?? "");
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (!response.ok) return;
  const { results, next } = (await response.json()) as Page;
  const room = tail?.pushOlder(results) ?? false;
  list.dataset["next"] = room && next ? next : "";
}

/** The open line stands in the address, so that it is open for others too. */
function select(line: LogLine | undefined): void {
  history.replaceState(history.state, "", withOne(location.href, "line", line ? nanosecondsOf(line) : ""));
}

function mountLines(): void {
  const list = find("[data-tail-list]");
  if (!list) return;
  const lines = readLines(list);
  skipped = 0;
  total = Number(find("[data-total]")?.dataset["total"] ?? lines.length);
  const look = {
    sought: list.dataset["contains"] ?? "",
    columns: (list.dataset["columns"] ?? "").split(",").filter(Boolean),
    contextPath: list.dataset["context"] ?? "",
  };
  const selected = new URLSearchParams(location.search).get("line") ?? "";
  tail = new Tail(list, lines, look, { waiting: showWaiting, older: olderReader(list), selected: select }, selected);
  if (find("#log-query")?.dataset["tailing"]) subscribe(lines);
}

function run(): void {
  find<HTMLFormElement>("#log-query")?.requestSubmit();
}

function mountQuery(): void {
  const area = find<HTMLTextAreaElement>("textarea#q");
  editor = area ? editLogql(area, run) : undefined;
  const text = find<HTMLTextAreaElement | HTMLInputElement>("#q")?.value.trim() ?? "";
  if (text && !area?.hasAttribute("aria-invalid")) past.remember([text]);
  showHistory();
}

/** Words become LogQL as they are typed: the field becomes its editor. */
function becomeLogql(input: HTMLInputElement): void {
  const area = document.createElement("textarea");
  for (const name of ["class", "id", "name", "maxlength"]) area.setAttribute(name, input.getAttribute(name) ?? "");
  area.rows = 1;
  area.setAttribute("aria-label", "LogQL query");
  area.value = input.value;
  const kind = find(".query-kind");
  if (kind) kind.textContent = "LogQL";
  input.replaceWith(area);
  editor = editLogql(area, run);
  editor.dispatch({ selection: { anchor: editor.state.doc.length } });
  editor.focus();
}

function showHistory(): void {
  const box = find<HTMLDetailsElement>("[data-history]");
  const menu = find("[data-history-menu]");
  if (!box || !menu || past.queries.length === 0) return;
  box.hidden = false;
  menu.replaceChildren(
    ...past.queries.map((query) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "mono clip";
      button.title = button.textContent = query;
      button.addEventListener("click", () => void show(withOne(withOne(location.href, "q", query), "lang", "")));
      return button;
    }),
  );
}

function mount(): void {
  mountQuery();
  mountLines();
  charts = mountCharts();
  // What needs a script is shown once there is one.
  for (const button of all("#lines [data-column]")) button.hidden = false;
}

/** Show the page of another search in place. */
async function show(url: string, push = true): Promise<void> {
  subscription?.close();
  subscription = undefined;
  tail?.close();
  tail = undefined;
  editor?.destroy();
  await visit(withOne(withOne(url, "cursor", ""), "line", ""), { push });
  mount();
}

function setPaused(paused: boolean): void {
  const button = find("[data-tail]");
  if (!button || !tail) return;
  tail.paused = paused;
  button.setAttribute("aria-pressed", String(!paused));
  find("[data-tail-icon]", button)?.replaceChildren(icon(paused ? "play" : "pause"));
  const word = find("[data-tail-word]", button);
  if (word) word.textContent = paused ? "Go on" : "Live tail";
  if (!paused) tail.flush();
}

start();
startBrush();
mount();

delegate("submit", "#log-query", (element, event) => {
  event.preventDefault();
  const form = element as HTMLFormElement;
  const submitter = (event as SubmitEvent).submitter as HTMLButtonElement | null;
  if (submitter?.dataset["levelChip"]) {
    void show(withLevelToggled(location.href, submitter.dataset["levelChip"]));
    return;
  }
  void show(withForm(location.href, [...new FormData(form)] as [string, string][]));
});
delegate("click", "#lines [data-new]", () => tail?.flush());
delegate("click", "[data-tail]", () => setPaused(!tail?.paused));
delegate("click", "[data-wrap]", (button) => {
  const on = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(on));
  tail?.wrap(on);
  history.replaceState(history.state, "", withOne(location.href, "wrap", on ? "1" : ""));
});
delegate("click", "[data-narrow]", (button) => {
  const { narrow = "", name = "", value = "", not } = button.dataset;
  void show(withClick(location.href, narrow, name, value, Boolean(not)));
});
delegate("click", "[data-column]", (button) => void show(withColumnToggled(location.href, button.dataset["column"] ?? "")));
delegate("click", "[data-copy-text]", (button) => void copy(button.dataset["copyText"] ?? ""));
delegate("click", "a[data-visit]", (link, event) => {
  const click = event as MouseEvent;
  if (click.ctrlKey || click.metaKey || click.shiftKey) return;
  click.preventDefault();
  void show((link as HTMLAnchorElement).href);
});
delegate("input", "input#q", (field) => {
  const input = field as HTMLInputElement;
  const chosen = new URLSearchParams(location.search).get("lang");
  if (chosen !== "words" && isLogql(input.value)) becomeLogql(input);
});
document.addEventListener("htmx:afterSettle", () => {
  for (const button of all(".field-facet [data-column]")) button.hidden = false;
});
addEventListener("popstate", () => void show(location.href, false));
keys.on("j", () => tail?.move(1));
keys.on("k", () => tail?.move(-1));
keys.on("Enter", () => tail?.toggleFocused());
keys.on("c", () => {
  const line = tail?.focused;
  const path = find("[data-tail-list]")?.dataset["context"];
  if (line && path) location.assign(contextUrl(line, path));
});
keys.on("p", () => setPaused(!tail?.paused));
let counted = Date.now();
setInterval(() => {
  const form = find("#log-query[data-tailing='1']");
  if (!form || document.hidden || live.state.kind !== "live" || tail?.paused) return;
  // What must be parsed to be counted is counted less often.
  if (Date.now() - counted < Number(form.dataset["refresh"] ?? VOLUME_EVERY)) return;
  counted = Date.now();
  announce("refresh-volume");
}, TICK);
setInterval(() => {
  if (!document.hidden && charts.length > 0) void refreshCharts(charts);
}, CHARTS_EVERY);
