/** Dark and light: the system's, or the reader's choice, which the server then renders. */

import { delegate, setCookie } from "./dom";

export type Theme = "dark" | "light";

const changed = new EventTarget();

export function theme(): Theme {
  return getComputedStyle(document.documentElement).colorScheme === "dark" ? "dark" : "light";
}

/** Call when colours have changed, so that canvases are drawn anew. */
export function onThemeChange(redraw: () => void): void {
  changed.addEventListener("change", redraw);
}

/** A token's value now. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function startTheme(): void {
  delegate("click", "[data-theme-toggle]", () => {
    const chosen: Theme = theme() === "dark" ? "light" : "dark";
    document.documentElement.dataset["theme"] = chosen;
    setCookie("theme", chosen);
    changed.dispatchEvent(new Event("change"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => changed.dispatchEvent(new Event("change")));
}
