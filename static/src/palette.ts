/** `/`: search alerts and sources, or jump to a page or to words in the logs. */

import { all, delegate, find, icon, make, severity } from "./dom";
import { keys } from "./keys";
import { organization } from "./live";
import { span } from "./units";

interface Choice {
  group: string;
  mark: SVGSVGElement;
  text: string;
  side: string;
  url: string;
}

interface AlertResult {
  id: number;
  name: string;
  severity: string;
  started_at: string;
}

interface SourceResult {
  id: number;
  name: string;
  kind: string;
}

const PAUSE = 120;
const SHOWN = 6;

/** Return the places and log searches that a text leads to. */
export function places(text: string, pages: { name: string; url: string; icon: string }[], logsUrl: string): Choice[] {
  const wanted = text.trim().toLowerCase();
  const found = pages
    .filter((page) => page.name.toLowerCase().includes(wanted))
    .map((page) => ({ group: "Go to", mark: icon(page.icon), text: page.name, side: "", url: page.url }));
  if (wanted) {
    const url = `${logsUrl}?q=${encodeURIComponent(text.trim())}`;
    found.push({ group: "Go to", mark: icon("logs"), text: `Log lines with “${text.trim()}”`, side: "", url });
  }
  return found;
}

function railPages(): { name: string; url: string; icon: string }[] {
  return all<HTMLAnchorElement>(".rail nav .rail-link").map((link) => ({
    name: find("span:not(.count)", link)?.textContent ?? "",
    url: link.href,
    icon: find("use", link)?.getAttribute("href")?.replace("#i-", "") ?? "right",
  }));
}

async function results<T>(url: string): Promise<T[]> {
  const response = await fetch(url, { headers: { "X-Scope-OrgID": organization, Accept: "application/json" } });
  return response.ok ? ((await response.json()) as { results: T[] }).results : [];
}

class Palette {
  private choices: Choice[] = [];
  private chosen = 0;
  private asked = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly dialog: HTMLDialogElement,
    private readonly input: HTMLInputElement,
    private readonly list: HTMLElement,
  ) {
    input.addEventListener("input", () => this.typed());
    dialog.addEventListener("keydown", (event) => this.key(event));
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
  }

  open(): void {
    this.input.value = "";
    this.dialog.showModal();
    this.show(this.places());
  }

  private places(): Choice[] {
    return places(this.input.value, railPages(), this.list.dataset["logs"] ?? "");
  }

  private typed(): void {
    clearTimeout(this.timer);
    this.show(this.places());
    if (this.input.value.trim().length > 1) this.timer = setTimeout(() => void this.search(), PAUSE);
  }

  private async search(): Promise<void> {
    const asked = ++this.asked;
    const wanted = this.input.value.trim().toLowerCase();
    const { alertsApi = "", sourcesApi = "" } = this.list.dataset;
    const [alerts, sources] = await Promise.all([
      results<AlertResult>(`${alertsApi}?status=firing`),
      results<SourceResult>(sourcesApi),
    ]);
    if (asked !== this.asked) return;
    const base = `/o/${organization}`;
    const matching = <T extends { name: string }>(rows: T[]): T[] =>
      rows.filter((row) => row.name.toLowerCase().includes(wanted)).slice(0, SHOWN);
    this.show([
      ...matching(alerts).map((alert) => ({
        group: "Alerts",
        mark: severity(alert.severity === "error" ? "critical" : alert.severity),
        text: alert.name,
        side: span((Date.now() - Date.parse(alert.started_at)) / 1000),
        url: `${base}/alerts/${alert.id}`,
      })),
      ...matching(sources).map((source) => ({
        group: "Sources",
        mark: icon("sources"),
        text: source.name,
        side: source.kind,
        url: `${base}/sources/${source.id}`,
      })),
      ...this.places(),
    ]);
  }

  private show(choices: Choice[]): void {
    this.choices = choices;
    this.chosen = 0;
    this.list.replaceChildren();
    let list: HTMLUListElement | undefined;
    choices.forEach((choice, index) => {
      if (choice.group !== choices[index - 1]?.group) {
        list = make("ul", { role: "group", "aria-label": choice.group });
        this.list.append(make("h3", {}, choice.group), list);
      }
      const item = make("li", { role: "option", id: `choice-${index}`, "aria-selected": "false" });
      item.append(choice.mark, choice.text, make("span", { class: "push" }, choice.side));
      item.addEventListener("click", () => location.assign(choice.url));
      list?.append(item);
    });
    this.mark();
  }

  private key(event: KeyboardEvent): void {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) {
      this.chosen = (this.chosen + step + this.choices.length) % Math.max(1, this.choices.length);
      this.mark();
    } else if (event.key === "Enter") {
      const choice = this.choices[this.chosen];
      if (choice) location.assign(choice.url);
    } else if (event.key === "Escape") {
      // A search field would take the first Escape to empty itself.
      this.dialog.close();
    } else return;
    event.preventDefault();
  }

  private mark(): void {
    all("[role=option]", this.list).forEach((item, index) => item.setAttribute("aria-selected", String(index === this.chosen)));
    this.input.setAttribute("aria-activedescendant", `choice-${this.chosen}`);
    find(`#choice-${this.chosen}`, this.list)?.scrollIntoView({ block: "nearest" });
  }
}

export function startPalette(): void {
  const dialog = find<HTMLDialogElement>("#palette");
  const input = dialog && find<HTMLInputElement>("input", dialog);
  const list = find("#palette-list");
  if (!dialog || !input || !list) return;
  const palette = new Palette(dialog, input, list);
  keys.on("/", () => palette.open());
  delegate("click", "[data-palette]", () => palette.open());
}
