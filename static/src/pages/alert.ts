/** One alert: its chart, its timeline, and what can be done about it. */

import { start } from "../base";
import { mountCharts } from "../charts/chart";
import { find } from "../dom";
import { keys } from "../keys";
import { live, throttled } from "../live";

interface AlertEvent {
  id: number;
}

function isBusy(): boolean {
  // What someone writes or has opened must not be swapped away.
  const comment = find<HTMLInputElement>("#alert #note");
  return Boolean(comment?.value) || find("#alert details.pop[open], #ackbar details.pop[open]") !== null;
}

start();
mountCharts();

const mine = Number(find("#alert")?.dataset["alert"]);
const refresh = throttled("refresh-alert", 1000, isBusy);
live.subscribe<AlertEvent>("alerts", {}, {
  onEvents: (events) => {
    if (events.some((event) => event.data.id === mine)) refresh();
  },
  onGap: refresh,
});

// What is sent is no longer being written.
document.addEventListener("htmx:afterRequest", (event) => {
  const { elt, successful } = (event as CustomEvent<{ elt: Element; successful: boolean }>).detail;
  if (successful && elt instanceof HTMLFormElement) elt.reset();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event as CustomEvent<{ target: Element; shouldSwap: boolean }>;
  if (detail.target.id !== "alert" || !isBusy()) return;
  detail.shouldSwap = false;
  refresh();
});
document.addEventListener("htmx:afterSwap", (event) => {
  if ((event.target as Element | null)?.id === "alert") mountCharts();
});
keys.on("a", () => find<HTMLButtonElement>("[data-acknowledge]")?.click());
