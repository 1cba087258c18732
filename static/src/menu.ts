/** Menus are <details class="pop">: they work without this, which only closes them in time. */

import { all } from "./dom";

export function startMenus(): void {
  document.addEventListener("click", (event) => {
    const inside = event.target instanceof Element ? event.target.closest("details.pop") : null;
    for (const menu of all<HTMLDetailsElement>("details.pop[open]")) {
      if (menu !== inside) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of all<HTMLDetailsElement>("details.pop[open]")) {
      menu.open = false;
      menu.querySelector("summary")?.focus();
    }
  });
  document.addEventListener("submit", (event) => {
    const menu = (event.submitter ?? (event.target as Element)).closest<HTMLDetailsElement>("details.pop");
    if (menu) menu.open = false;
  });
}
