/** Tables under the keyboard: j and k move, x selects, Enter opens, a acknowledges. */

import { all, find } from "./dom";
import { keys } from "./keys";

function rows(): HTMLTableRowElement[] {
  return all<HTMLTableRowElement>("[data-rows] tbody tr");
}

export function focusedRow(): HTMLTableRowElement | undefined {
  return rows().find((row) => row.hasAttribute("data-focus"));
}

function move(step: number): void {
  const list = rows();
  if (list.length === 0) return;
  const at = list.findIndex((row) => row.hasAttribute("data-focus"));
  const next = list[at < 0 ? 0 : Math.min(list.length - 1, Math.max(0, at + step))];
  list[at]?.removeAttribute("data-focus");
  next?.setAttribute("data-focus", "");
  next?.scrollIntoView({ block: "nearest" });
}

export function startRows(): void {
  keys.on("j", () => move(1));
  keys.on("k", () => move(-1));
  keys.on("Enter", () => focusedRow()?.querySelector<HTMLAnchorElement>("th a")?.click());
  keys.on("x", () => find<HTMLInputElement>("input[name=ids]", focusedRow() ?? document.createElement("tr"))?.click());
}
