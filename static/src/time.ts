/** Times on the page: "13 min ago" stays true, and the reader's zone is known to the server. */

import { all, cookie, delegate, setCookie } from "./dom";
import { ago, span } from "./units";

const ZONE = "zone";
const EVERY = 1000;

export function refreshTimes(now: number, root: ParentNode = document): void {
  for (const element of all<HTMLTimeElement>("time[data-ago], time[data-since]", root)) {
    const passed = (now - Date.parse(element.dateTime)) / 1000;
    const text = element.hasAttribute("data-ago") ? ago(passed) : span(passed);
    if (element.textContent !== text) element.textContent = text;
  }
}

export function localZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

export function zone(): string {
  return cookie(ZONE) ?? localZone();
}

let clock: Intl.DateTimeFormat | undefined;

/** 03:04:11.482 in the reader's zone. */
export function clockOf(milliseconds: number): string {
  clock ??= new Intl.DateTimeFormat("en-GB", {
    timeZone: zone(),
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
  });
  return clock.format(milliseconds);
}

export function startTimes(): void {
  if (cookie(ZONE) === undefined) setCookie(ZONE, localZone());
  setInterval(() => {
    if (!document.hidden) refreshTimes(Date.now());
  }, EVERY);
  delegate("click", "[data-zone]", (button) => {
    setCookie(ZONE, button.dataset["zone"] === "local" ? localZone() : "UTC");
    location.reload();
  });
}
