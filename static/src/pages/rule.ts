/** The rule's form: fields of its kind, rows of levels, the preview beside it. */

import { start } from "../base";
import { mountCharts } from "../charts/chart";
import { all, announce, delegate, find } from "../dom";

const PAUSE = 600;

function showKind(): void {
  const kind = find<HTMLInputElement>("#rule input[name$=kind]:checked")?.value;
  for (const part of all("[data-for-kind]")) part.hidden = part.dataset["forKind"] !== kind;
}

function addLevel(): void {
  const total = find<HTMLInputElement>("[name$=TOTAL_FORMS]");
  const empty = find<HTMLTemplateElement>("[data-level-empty]");
  if (!total || !empty) return;
  empty.insertAdjacentHTML("beforebegin", empty.innerHTML.replaceAll("__prefix__", total.value));
  total.value = String(Number(total.value) + 1);
}

let timer: ReturnType<typeof setTimeout> | undefined;

function preview(): void {
  if (!find("#rule[data-preview]")) return;
  clearTimeout(timer);
  timer = setTimeout(() => announce("preview"), PAUSE);
}

start();
showKind();
mountCharts();
delegate("click", "[data-level-add]", addLevel);
delegate("change", ".level-drop input", (box) => {
  const row = box.closest<HTMLElement>("[data-level-row]");
  if (row) row.hidden = (box as HTMLInputElement).checked;
});
delegate("change", "#rule input[name$=kind]", showKind);
delegate("input", "#rule input, #rule textarea, #rule select", preview);
document.addEventListener("htmx:afterSwap", (event) => {
  const target = event.target as Element | null;
  if (target?.id === "rule-preview") mountCharts(target);
});
