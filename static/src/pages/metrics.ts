/** Metrics: queries with completion, charts that move on, history. */

import type { EditorView } from "@codemirror/view";

import { start } from "../base";
import { mountCharts, refreshCharts } from "../charts/chart";
import { all, delegate, find, make } from "../dom";
import { live, organization } from "../live";
import { edit } from "../metrics/editor";
import { QueryHistory } from "../metrics/history";
import { readRange } from "../range";

const CHARTS_EVERY = 10_000;
const MOST_QUERIES = 6;

start();
const charts = mountCharts();
const form = find<HTMLFormElement>("#metric-query");
const editors = new Map<HTMLElement, EditorView>();
const past = new QueryHistory(`queries:${organization ?? ""}`);

function rows(): HTMLElement[] {
  return all("[data-query]", find("[data-queries]") ?? document);
}

function settle(): void {
  const shown = rows();
  for (const row of shown) {
    const remove = find<HTMLButtonElement>("[data-query-remove]", row);
    if (remove) remove.hidden = shown.length < 2;
  }
  const add = find<HTMLButtonElement>("[data-query-add]");
  if (add) add.hidden = shown.length >= MOST_QUERIES;
}

function begin(row: HTMLElement): void {
  const area = find<HTMLTextAreaElement>("textarea", row);
  if (area) editors.set(row, edit(area, () => form?.requestSubmit()));
}

function add(text = ""): void {
  const empty = find<HTMLTemplateElement>("[data-query-empty]")?.content.firstElementChild?.cloneNode(true);
  if (!(empty instanceof HTMLElement)) return;
  const area = find<HTMLTextAreaElement>("textarea", empty);
  if (area) area.value = text;
  find("[data-queries]")?.append(empty);
  begin(empty);
  settle();
  editors.get(empty)?.focus();
}

/** Write into the query that is empty, or else the one that was edited last. */
function write(text: string): void {
  const target = rows().find((row) => !find<HTMLTextAreaElement>("textarea", row)?.value) ?? rows().at(-1);
  const view = target && editors.get(target);
  view?.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
  view?.focus();
}

function showHistory(): void {
  const box = find<HTMLDetailsElement>("[data-history]");
  const menu = find("[data-history-menu]");
  if (!box || !menu || past.queries.length === 0) return;
  box.hidden = false;
  menu.replaceChildren(
    ...past.queries.map((query) => {
      const button = make("button", { type: "button", class: "mono clip", title: query }, query);
      button.addEventListener("click", () => {
        write(query);
        box.open = false;
      });
      return button;
    }),
  );
}

for (const row of rows()) begin(row);
settle();
past.remember(all<HTMLTextAreaElement>("textarea[name=q]:not([aria-invalid])", form ?? document).map((area) => area.value.trim()));
showHistory();

delegate("click", "[data-query-add]", () => add());
delegate("click", "[data-query-remove]", (button) => {
  const row = button.closest<HTMLElement>("[data-query]");
  if (!row) return;
  editors.get(row)?.destroy();
  editors.delete(row);
  row.remove();
  settle();
});
// An empty query asks nothing and would only lengthen the address.
form?.addEventListener("submit", () => {
  for (const area of all<HTMLTextAreaElement>("textarea[name=q]", form)) area.disabled = !area.value.trim();
  const sought = find<HTMLInputElement>("[name=find]");
  if (sought && !sought.value) sought.disabled = true;
});
addEventListener("pageshow", () => {
  for (const area of all<HTMLTextAreaElement>("textarea[name=q]", form ?? document)) area.disabled = false;
});

if (readRange(location.search).kind === "relative" && charts.length > 0) {
  let drawn = Date.now();
  live.subscribe("metrics", {}, {
    onEvents: () => {
      const now = Date.now();
      if (document.hidden || now - drawn < CHARTS_EVERY) return;
      drawn = now;
      void refreshCharts(charts);
    },
  });
}
