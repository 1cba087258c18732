/** Logs: live tail and search. */

import { start } from "../base";
import { startBrush } from "../charts/brush";
import { all, announce, delegate, find, icon } from "../dom";
import { visit } from "../htmx";
import { keys } from "../keys";
import { identity, readLines, type LogLine } from "../logs/line";
import { liveFilter, withForm, withLabel, withLevelToggled } from "../logs/search";
import { Tail } from "../logs/tail";
import { live, organization } from "../live";
import type { LiveEvent, Subscription } from "../realtime";
import { number } from "../units";

const VOLUME_EVERY = 4000;
const OLDER_AT_ONCE = 500;

let tail: Tail | undefined;
let subscription: Subscription | undefined;
let total = 0;

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

async function readOlder(list: HTMLElement, link: HTMLAnchorElement): Promise<void> {
  const url = new URL("/api/v1/logs", location.href);
  const page = new URL(link.href);
  const names: Record<string, string> = { q: "contains", level: "level", source: "source", start: "start", end: "end" };
  for (const [name, value] of page.searchParams) {
    if (names[name]) url.searchParams.append(names[name], value);
  }
  url.searchParams.set("cursor", list.dataset["next"] ?? "");
  url.searchParams.set("limit", String(OLDER_AT_ONCE));
  const response = await fetch(url, { headers: { "X-Scope-OrgID": organization, Accept: "application/json" } });
  if (!response.ok) return;
  const { results, next } = (await response.json()) as Page;
  const room = tail?.pushOlder(results) ?? false;
  list.dataset["next"] = room && next ? cursorOf(next) : "";
}

function cursorOf(next: string): string {
  return next.includes("cursor=") ? (new URL(next, location.href).searchParams.get("cursor") ?? "") : next;
}

function mount(): void {
  const list = find("[data-tail-list]");
  if (!list) return;
  const lines = readLines(list);
  total = Number(find("[data-total]")?.dataset["total"] ?? lines.length);
  // Labels in the address cannot be asked of the API's simple filter: page by page then.
  const pagesOnly = location.search.includes("label.");
  const older = olderReader(list);
  tail = new Tail(list, lines, list.dataset["contains"] ?? "", { waiting: showWaiting, older: pagesOnly ? () => undefined : older });
  if (find("#log-query")?.dataset["tailing"]) subscribe(lines);
}

/** Show the page of another search in place. */
async function show(url: string, push = true): Promise<void> {
  subscription?.close();
  subscription = undefined;
  tail?.close();
  await visit(url, { push });
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
});
delegate("click", "[data-only]", (button) => {
  void show(withLabel(location.href, button.dataset["only"] ?? "", button.dataset["value"] ?? ""));
});
addEventListener("popstate", () => void show(location.href, false));
keys.on("j", () => tail?.move(1));
keys.on("k", () => tail?.move(-1));
keys.on("Enter", () => tail?.toggleFocused());
keys.on("p", () => setPaused(!tail?.paused));
setInterval(() => {
  const isLive = all("#log-query[data-tailing='1']").length > 0;
  if (isLive && !document.hidden && live.state.kind === "live" && !tail?.paused) announce("refresh-volume");
}, VOLUME_EVERY);
