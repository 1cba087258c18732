/** Alerts: rows update in place, new ones wait while the reader points at the list. */

import { start } from "../base";
import { all, announce, delegate, find } from "../dom";
import { htmx } from "../htmx";
import { keys } from "../keys";
import { live } from "../live";
import { focusedRow, startRows } from "../rows";
import { number } from "../units";

interface AlertEvent {
  id: number;
  status: string;
}

const waiting = new Set<number>();

function table(): HTMLElement | null {
  return find("#alert-table");
}

function isHeld(): boolean {
  const held = find("#alert-table:hover") && matchMedia("(hover: hover)").matches;
  return Boolean(held) || scrollY > 200 || selected().length > 0;
}

function showWaiting(): void {
  const chip = find<HTMLButtonElement>("#alert-filter [data-new]");
  if (!chip) return;
  chip.hidden = waiting.size === 0;
  const word = find("span", chip);
  if (word) word.textContent = `${number(waiting.size)} new`;
}

function refreshTable(): void {
  waiting.clear();
  showWaiting();
  announce("refresh-table");
}

let timer: ReturnType<typeof setTimeout> | undefined;

function arrived(events: AlertEvent[]): void {
  for (const { id } of events) {
    const row = find(`tr[data-alert="${id}"]`);
    if (row) row.dispatchEvent(new CustomEvent("refresh"));
    else waiting.add(id);
  }
  if (waiting.size > 0 && !isHeld() && !timer) {
    refreshTable();
    // A burst of new alerts is one refresh, not hundreds.
    timer = setTimeout(() => {
      timer = undefined;
      if (waiting.size > 0 && !isHeld()) refreshTable();
    }, 1000);
  }
  showWaiting();
}

// --- Selection ------------------------------------------------------------------------

function boxes(): HTMLInputElement[] {
  return all<HTMLInputElement>("#alert-table input[name=ids]");
}

function selected(): HTMLInputElement[] {
  return boxes().filter((box) => box.checked);
}

function showSelection(): void {
  for (const box of boxes()) box.closest("tr")?.setAttribute("aria-selected", String(box.checked));
  const bar = find("[data-bulk]");
  const count = selected().length;
  if (bar) bar.hidden = count === 0;
  const word = find("[data-bulk-count]");
  if (word) word.textContent = `${count} selected`;
}

function acknowledge(): void {
  const focused = focusedRow();
  const box = focused && find<HTMLInputElement>("input[name=ids]", focused);
  if (selected().length === 0 && box) box.checked = true;
  if (selected().length > 0) submit("acknowledge");
}

function submit(action: string, extra: Record<string, string> = {}): void {
  const form = find<HTMLFormElement>("#alert-bulk");
  if (!form) return;
  const values = { action, ...extra, ids: selected().map((box) => box.value) };
  void htmx
    .ajax("post", form.getAttribute("action") ?? "", { source: document.body, swap: "none", values })
    .then(() => {
      for (const box of boxes()) box.checked = false;
      showSelection();
      refreshTable();
    });
}

start();
startRows();
live.subscribe<AlertEvent>("alerts", {}, {
  onEvents: (events) => arrived(events.map((event) => event.data)),
  onGap: refreshTable,
});
delegate("click", "#alert-filter [data-new]", refreshTable);
delegate("change", "#alert-table input[type=checkbox]", (element) => {
  const box = element as HTMLInputElement;
  if (box.hasAttribute("data-select-all")) boxes().forEach((each) => (each.checked = box.checked));
  showSelection();
});
delegate("click", "[data-bulk-clear]", () => {
  boxes().forEach((box) => (box.checked = false));
  showSelection();
});
delegate("submit", "#alert-bulk", (_form, event) => {
  event.preventDefault();
  const button = (event as SubmitEvent).submitter as HTMLButtonElement | null;
  if (button?.dataset["action"]) submit(button.dataset["action"], { assignee: button.value });
  else if (button?.name === "action") submit(button.value);
});
document.addEventListener("htmx:afterSwap", showSelection);
keys.on("a", acknowledge);
table()?.addEventListener("pointerleave", () => {
  if (waiting.size > 0 && !isHeld()) refreshTable();
});
