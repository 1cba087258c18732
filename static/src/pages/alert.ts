/** One alert: its chart, its timeline, and what can be done about it. */

import { start } from "../base";
import { mountCharts } from "../charts/chart";
import { announce, find } from "../dom";
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
const refresh = throttled("refresh-alert", 1000);
live.subscribe<AlertEvent>("alerts", {}, {
  onEvents: (events) => {
    if (events.some((event) => event.data.id === mine) && !isBusy()) refresh();
  },
  onGap: () => announce("refresh-alert"),
});
document.addEventListener("htmx:afterSwap", (event) => {
  if ((event.target as Element | null)?.id === "alert") mountCharts();
});
keys.on("a", () => find<HTMLButtonElement>("[data-acknowledge]")?.click());
