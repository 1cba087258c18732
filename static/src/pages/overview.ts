/** Overview: the figures, the charts, the log volume and the alerts, live. */

import { refreshOn, start } from "../base";
import { mountCharts, refreshCharts } from "../charts/chart";
import { startBrush } from "../charts/brush";
import { announce, find } from "../dom";
import { live } from "../live";
import { readRange } from "../range";

const CHARTS_EVERY = 5000;
const VOLUME_EVERY = 5000;
const FIRST_DATA_EVERY = 3000;

start();
startBrush();
const charts = mountCharts();
const moves = readRange(location.search).kind === "relative";

if (moves) {
  refreshOn("metrics", "refresh-metrics", 2000);
  refreshOn("sources", "refresh-sources", 5000);
  let drawn = 0;
  live.subscribe("metrics", {}, {
    onEvents: () => {
      const now = Date.now();
      if (document.hidden || now - drawn < CHARTS_EVERY) return;
      drawn = now;
      void refreshCharts(charts);
    },
  });
  setInterval(() => {
    if (!document.hidden && live.state.kind === "live") announce("refresh-volume");
  }, VOLUME_EVERY);
}

// An empty overview waits for the first data and then shows them.
if (!find("#figures")) setInterval(() => live.state.kind === "live" && !document.hidden && location.reload(), FIRST_DATA_EVERY * 5);
