/** Drag over a histogram to zoom the page to that time. */

import { brushed, withRange } from "../range";

const SVG = "http://www.w3.org/2000/svg";
const LEAST = 0.005;

/** Works on drawings that come later too, since the histogram refreshes itself. */
export function startBrush(): void {
  document.addEventListener("pointerdown", (event) => {
    const drawing = event.target instanceof Element ? event.target.closest<SVGSVGElement>("[data-brush]") : null;
    const chart = drawing?.closest<HTMLElement>("[data-volume]");
    if (!drawing || !chart || event.button !== 0 || event.pointerType === "touch") return;
    event.preventDefault();
    brush(drawing, Number(chart.dataset["start"]), Number(chart.dataset["end"]), event);
  });
}

function brush(drawing: SVGSVGElement, start: number, end: number, down: PointerEvent): void {
  const box = drawing.getBoundingClientRect();
  const share = (event: PointerEvent): number => (event.clientX - box.left) / box.width;
  const first = share(down);
  const rect = document.createElementNS(SVG, "rect");
  rect.setAttribute("class", "brush");
  rect.setAttribute("height", "64");
  drawing.append(rect);

  const move = (event: PointerEvent): void => {
    const left = Math.max(0, Math.min(first, share(event)));
    const right = Math.min(1, Math.max(first, share(event)));
    rect.setAttribute("x", `${left * 100}%`);
    rect.setAttribute("width", `${(right - left) * 100}%`);
  };
  const up = (event: PointerEvent): void => {
    document.removeEventListener("pointermove", move);
    rect.remove();
    if (Math.abs(share(event) - first) < LEAST) return;
    location.assign(withRange(location.href, { kind: "absolute", ...brushed(start, end, first, share(event)) }));
  };
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", up, { once: true });
}

