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
  const field = document.activeElement?.matches("#alert input, #alert textarea, #ackbar textarea");
  return Boolean(field) || find("#alert details.pop[open], #ackbar details.pop[open]") !== null;
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

// What the reader did shows at once; what others did waits until nothing is open.
let acted = false;
document.addEventListener("refresh-alert", () => (acted = true));
document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event as CustomEvent<{ target: Element; shouldSwap: boolean }>;
  if (detail.target.id !== "alert") return;
  if (isBusy() && !acted) {
    detail.shouldSwap = false;
    refresh();
  }
  acted = false;
});
document.addEventListener("htmx:afterSwap", (event) => {
  if ((event.target as Element | null)?.id === "alert") mountCharts();
});
keys.on("a", () => find<HTMLButtonElement>("[data-acknowledge]")?.click());
