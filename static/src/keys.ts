/** The keyboard: single keys and the sequences after `g`. */

import { find, isTyping } from "./dom";

const SEQUENCE_LIMIT = 1200;

type Act = (event: KeyboardEvent) => void;

/** Maps keys to acts; a sequence is written with a blank, as in "g o". */
export class Keys {
  private readonly acts = new Map<string, Act>();
  private first = "";
  private pressedAt = 0;

  on(keys: string, act: Act): void {
    this.acts.set(keys, act);
  }

  /** Return whether the key did something. */
  press(event: KeyboardEvent, now: number): boolean {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const sequence = this.first && now - this.pressedAt < SEQUENCE_LIMIT ? `${this.first} ${event.key}` : event.key;
    this.first = "";
    const act = this.acts.get(sequence);
    if (act) {
      act(event);
      return true;
    }
    if ([...this.acts.keys()].some((keys) => keys.startsWith(`${event.key} `))) {
      this.first = event.key;
      this.pressedAt = now;
    }
    return false;
  }
}

export const keys = new Keys();

export function startKeys(): void {
  document.addEventListener("keydown", (event) => {
    // An editor keeps its field in a shadow tree, out of which the target seems to be its host.
    if (isTyping(event.composedPath()[0] ?? event.target) || find("dialog[open]")) return;
    if (keys.press(event, event.timeStamp)) event.preventDefault();
  });
  for (const key of ["o", "l", "a", "s", "r"]) {
    keys.on(`g ${key}`, () => find<HTMLAnchorElement>(`.rail [data-key="${key}"]`)?.click());
  }
  keys.on("?", () => find<HTMLDialogElement>("#keys")?.showModal());
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-keys]")) find<HTMLDialogElement>("#keys")?.showModal();
  });
}
