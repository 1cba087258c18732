/** Short messages that go by themselves, with Undo where something can be undone. */

import { all, delegate, find, icon, make } from "./dom";

const SHOWN_FOR = 8000;

export function toast(text: string, undo?: () => void): void {
  const holder = find("#toasts");
  if (!holder) return;
  const button = make("button", { type: "button" }, undo ? "Undo" : "Close");
  const element = make("div", { class: "toast" }, icon("check"), make("span", {}, text), button);
  button.addEventListener("click", () => {
    undo?.();
    element.remove();
  });
  holder.append(element);
  leave(element);
}

function leave(element: HTMLElement): void {
  setTimeout(() => {
    if (element.matches(":hover, :focus-within")) leave(element);
    else element.remove();
  }, SHOWN_FOR);
}

export function startToasts(): void {
  delegate("click", "[data-toast] [data-close]", (button) => button.closest("[data-toast]")?.remove());
  all("[data-toast]").forEach(leave);
}
