/** What every page has. Each entry in pages/ calls start() and adds its own. */

import { startCopying } from "./copy";
import { startDialogs } from "./dialog";
import { delegate, setCookie } from "./dom";
import { startHtmx } from "./htmx";
import { startKeys } from "./keys";
import { live, organization, startLive, throttled } from "./live";
import { startMenus } from "./menu";
import { startPalette } from "./palette";
import { startTheme } from "./theme";
import { startTimes } from "./time";
import { startToasts } from "./toast";

export function start(): void {
  startTheme();
  startToasts();
  startTimes();
  startMenus();
  startDialogs();
  startCopying();
  startHtmx();
  startKeys();
  startPalette();
  delegate("change", "[data-submit]", (control) => (control as HTMLInputElement).form?.requestSubmit());
  if (organization) setCookie("organization", organization);
  if (organization) refreshOn("alerts", "refresh-alerts", 1000);
  startLive();
}

/** Tell fragments to refresh when events of these topics come, calmly. */
export function refreshOn(topic: string, name: string, milliseconds: number): void {
  const refresh = throttled(name, milliseconds);
  live.subscribe(topic, {}, { onEvents: refresh, onGap: refresh });
}
