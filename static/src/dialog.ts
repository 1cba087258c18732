/** A destructive form asks once, naming what will go: data-confirm on the form. */

import { delegate, make } from "./dom";

export interface Question {
  title: string;
  text: string;
  act: string;
  keep: string;
}

/** Ask, and return whether to go on. */
export function confirm({ title, text, act, keep }: Question): Promise<boolean> {
  const stay = make("button", { class: "btn", value: "keep" }, keep);
  const go = make("button", { class: "btn btn-danger", value: "act" }, act);
  const dialog = make(
    "dialog",
    { class: "dialog", "aria-labelledby": "confirm-h" },
    make("h2", { id: "confirm-h" }, title),
    make("p", { class: "quiet" }, text),
    make("form", { method: "dialog", class: "dialog-foot" }, stay, go),
  );
  document.body.append(dialog);
  dialog.showModal();
  stay.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "act");
    });
  });
}

export function startDialogs(): void {
  const agreed = new WeakSet<HTMLElement>();
  delegate("submit", "form[data-confirm]", (element, event) => {
    if (agreed.has(element)) return;
    event.preventDefault();
    const form = element as HTMLFormElement;
    const { confirm: title = "", confirmText = "", confirmDo = "Delete", confirmKeep = "Keep it" } = form.dataset;
    void confirm({ title, text: confirmText, act: confirmDo, keep: confirmKeep }).then((yes) => {
      if (!yes) return;
      agreed.add(form);
      form.requestSubmit();
    });
  });
}
