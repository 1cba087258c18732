/** A live plot in place of the server's drawing: same size, same colours, same data. */

import uPlot from "uplot";

import { all, find } from "../dom";
import { readRange, withRange } from "../range";
import { onThemeChange, token } from "../theme";
import { zone } from "../time";
import { inUnit, type Value } from "../units";
import { furniture } from "./furniture";
import { bottomOf, facts, topOf, type ChartPayload } from "./payload";
import { chartTable } from "./table";

const CURSOR = "page";
const COLOURS = 8;
// What labels of these units need more than plain numbers.
const ROOM: Record<string, number> = { bytes: 12, seconds: 28 };
const LEFT_EDGE = 16;
const GUTTER = 44;
const GUTTER_PHONE = 40;
const AXIS_HEIGHT = 20;
const SHORT_RANGE = 300_000;
const AXIS_FONT = "11px system-ui, sans-serif";

function columns(payload: ChartPayload): uPlot.AlignedData {
  const times = payload.times.map((time) => time / 1000);
  return [times, ...payload.series.map((series) => series.values as (number | null)[])];
}

function faded(colour: string, share: number): string {
  return `${colour}${Math.round(share * 255)
    .toString(16)
    .padStart(2, "0")}`;
}

/** One chart of the page, from its panel. */
export class ChartPanel {
  private plot: uPlot | undefined;
  private readonly host: HTMLElement;

  constructor(
    private readonly panel: HTMLElement,
    private payload: ChartPayload,
  ) {
    this.host = find(".chart", panel) ?? panel;
    this.draw();
    onThemeChange(() => this.draw());
    new ResizeObserver(() => this.fit()).observe(this.host);
    find("[data-chart-table]", panel)?.addEventListener("click", (event) => this.toggleTable(event.currentTarget as HTMLElement));
  }

  get url(): string {
    return this.payload.url;
  }

  get key(): string {
    return this.payload.key;
  }

  update(payload: ChartPayload): void {
    const sameSeries = payload.series.map((s) => s.name).join() === this.payload.series.map((s) => s.name).join();
    this.payload = payload;
    if (!sameSeries) this.draw();
    else this.plot?.setData(columns(payload));
    this.legend();
    const table = find(".chart-table", this.panel);
    table?.replaceWith(chartTable(payload));
  }

  private draw(): void {
    this.plot?.destroy();
    this.host.classList.add("is-plot");
    this.host.replaceChildren();
    this.plot = new uPlot(this.options(), columns(this.payload), this.host);
  }

  private fit(): void {
    const width = this.host.clientWidth;
    if (this.plot && width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.payload.height });
  }

  private options(): uPlot.Options {
    const axis: uPlot.Axis = {
      stroke: token("chart-axis"),
      font: AXIS_FONT,
      ticks: { show: false },
      grid: { stroke: token("chart-grid"), width: 1 },
    };
    const narrow = matchMedia("(max-width: 719px)").matches;
    return {
      width: this.host.clientWidth || 600,
      height: this.payload.height,
      padding: [8, 16, 0, 0],
      legend: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone()),
      cursor: {
        sync: { key: CURSOR, setSeries: false },
        points: { size: 8 },
        drag: { x: true, y: false, setScale: false },
      },
      scales: {
        x: { time: true, range: () => [this.payload.start / 1000, this.payload.end / 1000] },
        y: { range: () => [bottomOf(this.payload), topOf(this.payload)] },
      },
      axes: [
        { ...axis, size: AXIS_HEIGHT, gap: 4, grid: { show: false }, space: narrow ? 70 : 90, values: (plot, ticks) => this.times(plot, ticks) },
        {
          ...axis,
          size: (narrow ? GUTTER_PHONE : GUTTER) + (ROOM[this.payload.unit.replace(/\/s$/, "")] ?? 0),
          gap: 6,
          splits: () => this.levels(),
          values: (_plot, ticks) => ticks.map((tick) => inUnit(tick, this.payload.unit.replace(/\/s$/, ""))),
        },
      ],
      series: [{}, ...this.lines()],
      plugins: [furniture(() => this.payload)],
      hooks: {
        setSelect: [(plot) => this.zoom(plot)],
        setCursor: [(plot) => this.legend(plot.cursor.idx)],
      },
    };
  }

  private levels(): number[] {
    const [low, high] = [bottomOf(this.payload), topOf(this.payload)];
    return [0, 0.25, 0.5, 0.75, 1].map((share) => low + share * (high - low));
  }

  /** Ticks of the time axis; a longer range names the day at midnight. */
  private times(plot: uPlot, ticks: number[]): string[] {
    const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone(), hour: "2-digit", minute: "2-digit" });
    const day = new Intl.DateTimeFormat("en-GB", { timeZone: zone(), day: "2-digit", month: "short" });
    const withSeconds = this.payload.end - this.payload.start < SHORT_RANGE;
    const second = new Intl.DateTimeFormat("en-GB", { timeZone: zone(), hour: "2-digit", minute: "2-digit", second: "2-digit" });
    return ticks.map((tick) => {
      // At the left edge stands the lowest value of the other axis.
      if (plot.valToPos(tick, "x") < LEFT_EDGE) return "";
      const text = clock.format(tick * 1000);
      if (text === "00:00") return day.format(tick * 1000);
      return withSeconds ? second.format(tick * 1000) : text;
    });
  }

  private lines(): uPlot.Series[] {
    let place = 0;
    return this.payload.series.map((series) => {
      const colour = token(series.compare ? "chart-compare" : `chart-${(place++ % COLOURS) + 1}`);
      return {
        label: series.name,
        stroke: colour,
        width: series.compare ? 1.25 : 1.75,
        ...(series.area ? { fill: faded(colour, 0.12) } : {}),
        points: { show: false },
        spanGaps: false,
      };
    });
  }

  /** A brushed stretch becomes the range of the page, and so of all its charts. */
  private zoom(plot: uPlot): void {
    if (plot.select.width < 4) return;
    const start = Math.round(plot.posToVal(plot.select.left, "x") * 1000);
    const end = Math.round(plot.posToVal(plot.select.left + plot.select.width, "x") * 1000);
    location.assign(withRange(location.href, { kind: "absolute", start, end }));
  }

  /** The legend shows the last values, or those under the cursor. */
  private legend(index?: number | null): void {
    const rows = all<HTMLTableRowElement>(".legend tbody tr", this.panel);
    this.payload.series.forEach((series, at) => {
      const cells = rows[at]?.cells;
      if (!cells) return;
      const { last, min, max } = facts(series.values);
      const first: Value = index === null || index === undefined ? last : series.values[index];
      [first, min, max].forEach((value, cell) => {
        const text = inUnit(value, this.payload.unit);
        const target = cells[cell + 1];
        if (target && target.textContent !== text) target.textContent = text;
      });
    });
  }

  private toggleTable(button: HTMLElement): void {
    const shown = button.getAttribute("aria-pressed") === "true";
    button.setAttribute("aria-pressed", String(!shown));
    this.host.hidden = !shown;
    if (shown) find(".chart-table", this.panel)?.remove();
    else this.host.after(chartTable(this.payload));
  }
}

/** Take over the charts on the page. */
export function mountCharts(root: ParentNode = document): ChartPanel[] {
  return all("[data-chart]", root).flatMap((panel) => {
    const script = find("script[type='application/json']", panel);
    if (!script || !find(".chart", panel)) return [];
    return [new ChartPanel(panel, JSON.parse(script.textContent ?? "") as ChartPayload)];
  });
}

/** Fetch what came since and show it; only where the range moves on with the time. */
export async function refreshCharts(charts: ChartPanel[]): Promise<void> {
  if (readRange(location.search).kind === "absolute") return;
  for (const url of new Set(charts.map((chart) => chart.url).filter(Boolean))) {
    const response = await fetch(url, { headers: { Accept: "application/json" } });
    if (!response.ok) continue;
    const { charts: payloads } = (await response.json()) as { charts: ChartPayload[] };
    for (const payload of payloads) charts.find((chart) => chart.key === payload.key)?.update(payload);
  }
}
