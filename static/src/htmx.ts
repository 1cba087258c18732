/** HTMX and what the whole product expects of it. */

import htmx from "htmx.org";

import { announce, find } from "./dom";
import { toast } from "./toast";

interface ToastDetail {
  text: string;
  undo?: string;
}

// How long a page that is being left asks for nothing more: what it would ask about may
// be deleted. A download leaves no page, so it goes on afterwards.
const LEAVING_MS = 5000;

function startLeaving(): void {
  let left = -Infinity;
  addEventListener("beforeunload", () => (left = performance.now()));
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (performance.now() - left < LEAVING_MS) event.preventDefault();
  });
}

export function startHtmx(): void {
  startLeaving();
  // Names sent in HX-Trigger arrive as events on the element that asked.
  document.addEventListener("toast", (event) => {
    const { text, undo } = (event as CustomEvent<ToastDetail>).detail;
    toast(text, undo === undefined ? undefined : () => void htmx.ajax("post", undo, { swap: "none", source: document.body }));
  });
  for (const name of ["refresh-alert", "refresh-alerts", "refresh-sources"]) {
    document.addEventListener(name, () => announce(name));
  }
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail;
    if (xhr.status === 401 || xhr.status === 403) toast("You may not do this, or you were signed out. Reload the page to see.");
    else toast(`The server answered ${xhr.status}. Nothing was changed; try again.`);
  });
  document.addEventListener("htmx:sendError", (event) => {
    const source = (event.target as Element | null)?.closest?.("form");
    if (source) toast("The server cannot be reached. Nothing was changed.");
  });
}

/**
 * Fetch a page and put its content in place of this one's, without a reload. Where the
 * server sends us on, the address is that of the page which came.
 */
export async function visit(url: string, { push = true } = {}): Promise<void> {
  if (push) history.pushState(null, "", url);
  let landed = "";
  const heard = (event: Event): void => {
    landed = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr.responseURL;
  };
  document.addEventListener("htmx:afterRequest", heard, { once: true });
  await htmx.ajax("get", url, { target: "#main", select: "#main > *", swap: "innerHTML", source: document.body });
  if (push && landed && landed !== new URL(url, location.href).href) history.replaceState(null, "", landed);
  document.title = find("title")?.textContent ?? document.title;
}

export { htmx };
