/** What a chart has beside its lines: threshold lines and bands, marks, hatched gaps. */

import type uPlot from "uplot";

import { token } from "../theme";
import { gaps, labelPlaces, type ChartPayload, type Mark, type Threshold } from "./payload";

const LABEL_FONT = "500 11px system-ui, sans-serif";

type Source = () => ChartPayload;

function scaled(plot: uPlot): number {
  return plot.ctx.canvas.width / plot.ctx.canvas.clientWidth || 1;
}

function write(plot: uPlot, text: string, x: number, y: number, colour: string, align: CanvasTextAlign = "left"): void {
  const { ctx } = plot;
  const ratio = scaled(plot);
  ctx.font = LABEL_FONT.replace("11px", `${11 * ratio}px`);
  ctx.textAlign = align;
  ctx.lineJoin = "round";
  ctx.lineWidth = 4 * ratio;
  ctx.strokeStyle = token("surface");
  ctx.strokeText(text, x, y);
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
}

function drawBand(plot: uPlot, threshold: Threshold): void {
  if (!threshold.band) return;
  const { ctx, bbox } = plot;
  const y = Math.min(bbox.top + bbox.height, Math.max(bbox.top, plot.valToPos(threshold.value, "y", true)));
  ctx.globalAlpha = 0.07;
  ctx.fillStyle = token(`${threshold.status}-solid`);
  if (threshold.band === "above") ctx.fillRect(bbox.left, bbox.top, bbox.width, y - bbox.top);
  else ctx.fillRect(bbox.left, y, bbox.width, bbox.top + bbox.height - y);
  ctx.globalAlpha = 1;
}

function drawThresholds(plot: uPlot, thresholds: Threshold[]): void {
  const { bbox } = plot;
  const ratio = scaled(plot);
  const lines = thresholds.map((threshold) => Math.round(plot.valToPos(threshold.value, "y", true)));
  const labels = labelPlaces(lines.map((y) => (y - bbox.top) / ratio));
  thresholds.forEach((threshold, index) => {
    const y = lines[index] ?? -1;
    if (y < bbox.top || y > bbox.top + bbox.height) return;
    drawThreshold(plot, threshold, y);
    const label = labels[index];
    if (label === null || label === undefined) return;
    write(plot, threshold.text, bbox.left + 6 * ratio, bbox.top + label * ratio, token(`${threshold.status}-text`));
  });
}

function drawThreshold(plot: uPlot, threshold: Threshold, y: number): void {
  const { ctx, bbox } = plot;
  const ratio = scaled(plot);
  ctx.strokeStyle = token(`${threshold.status}-solid`);
  ctx.lineWidth = ratio;
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.setLineDash([]);
}

function drawMark(plot: uPlot, mark: Mark): void {
  const { ctx, bbox } = plot;
  const ratio = scaled(plot);
  const x = Math.round(plot.valToPos(mark.at / 1000, "x", true));
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.strokeStyle = ctx.fillStyle = token(mark.kind === "alert" ? "critical-solid" : "ink-2");
  ctx.lineWidth = ratio;
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.beginPath();
  ctx.moveTo(x - 4 * ratio, bbox.top);
  ctx.lineTo(x + 4 * ratio, bbox.top);
  ctx.lineTo(x, bbox.top + 6 * ratio);
  ctx.fill();
  const onRight = x < bbox.left + bbox.width / 2;
  const y = mark.kind === "alert" ? bbox.top + bbox.height - 8 * ratio : bbox.top + 11 * ratio;
  write(plot, mark.text, x + (onRight ? 8 : -8) * ratio, y, token("ink-2"), onRight ? "left" : "right");
}

function drawGap(plot: uPlot, from: number, to: number): void {
  const { ctx, bbox } = plot;
  const ratio = scaled(plot);
  const left = plot.valToPos(from, "x", true);
  const right = plot.valToPos(to, "x", true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, bbox.top, right - left, bbox.height);
  ctx.clip();
  ctx.globalAlpha = 0.25;
  ctx.strokeStyle = token("ink-2");
  ctx.lineWidth = ratio;
  ctx.beginPath();
  for (let x = left - bbox.height; x < right; x += 8 * ratio) {
    ctx.moveTo(x, bbox.top + bbox.height);
    ctx.lineTo(x + bbox.height, bbox.top);
  }
  ctx.stroke();
  ctx.restore();
}

/** Draws under the lines first, over them after. */
export function furniture(source: Source): uPlot.Plugin {
  return {
    hooks: {
      drawAxes: (plot) => {
        const payload = source();
        payload.thresholds.forEach((threshold) => drawBand(plot, threshold));
        for (const [first, last] of gaps(payload.series.filter((each) => !each.compare).map((each) => each.values))) {
          drawGap(plot, (payload.times[first] ?? 0) / 1000, (payload.times[last] ?? 0) / 1000);
        }
      },
      draw: (plot) => {
        const payload = source();
        drawThresholds(plot, payload.thresholds);
        payload.marks.forEach((mark) => drawMark(plot, mark));
      },
    },
  };
}
