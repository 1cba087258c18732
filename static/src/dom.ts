/** Small helpers around the document. */

export function find<T extends Element = HTMLElement>(selector: string, root: ParentNode = document): T | null {
  return root.querySelector<T>(selector);
}

export function all<T extends Element = HTMLElement>(selector: string, root: ParentNode = document): T[] {
  return [...root.querySelectorAll<T>(selector)];
}

type Attributes = Record<string, string | boolean>;

/** Make an element; a false attribute is left out, children may be texts. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An icon out of the page's sprite. */
export function icon(name: string, extra = ""): SVGSVGElement {
  return sprite(`i-${name}`, `i ${extra}`.trim());
}

/** The shape of a status; a word must stand beside it. */
export function severity(status: string): SVGSVGElement {
  const shape = sprite(`s-${status}`, "sev");
  shape.setAttribute("data-status", status);
  return shape;
}

function sprite(id: string, className: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#${id}`);
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** Whether the keyboard belongs to a field now, so that single keys are text. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select");
}

/** Listen for an event on elements that match, now and later. */
export function delegate<K extends keyof DocumentEventMap>(
  type: K,
  selector: string,
  handle: (element: HTMLElement, event: DocumentEventMap[K]) => void,
): void {
  document.addEventListener(type, (event) => {
    const target = event.target instanceof Element ? event.target.closest<HTMLElement>(selector) : null;
    if (target) handle(target, event);
  });
}

/** Tell the fragments on the page that wait for it to fetch themselves anew. */
export function announce(name: string): void {
  for (const element of all(`[hx-trigger*="${name}"]`)) {
    const awaited = element.getAttribute("hx-trigger")?.split(/[\s,]+/) ?? [];
    // It must not bubble: fragments lie inside fragments.
    if (awaited.includes(name)) element.dispatchEvent(new CustomEvent(name));
  }
}

export function setCookie(name: string, value: string): void {
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=31536000; samesite=lax`;
}

export function cookie(name: string): string | undefined {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found && decodeURIComponent(found.slice(name.length + 1));
}
