/**
 * The list of lines: newest first, only what is in sight is in the document.
 *
 * While the reader points at it, has scrolled, has a line open or has paused, new lines
 * wait; the chip tells how many.
 */

import { make } from "../dom";
import { Heights } from "./heights";
import { nanosecondsOf, Row, type Look, type LogLine } from "./line";
import { Ring } from "./ring";

export const CAPACITY = 20_000;
const ESTIMATE = 27;
const OVERSCAN = 12;
const TOP_BAR = 100;

export interface TailHooks {
  waiting(count: number): void;
  /** The end of the list is near: older lines may be read. */
  older(): void;
  /** A line was opened, or the last open one was closed. */
  selected(line: LogLine | undefined): void;
}

export class Tail {
  private readonly ring = new Ring<LogLine>(CAPACITY);
  private readonly heights = new Heights(CAPACITY, ESTIMATE);
  private queue: LogLine[] = [];
  private waiting = 0;
  private readonly shown = new Map<number, Row>();
  private readonly spare: Row[] = [];
  private readonly above = make("li", { class: "logs-space", "aria-hidden": "true" });
  private readonly below = make("li", { class: "logs-space", "aria-hidden": "true" });
  private readonly opened = new Set<number>();
  private focus: number | undefined;
  private hovered = false;
  private frame = 0;
  paused = false;

  constructor(
    private readonly list: HTMLElement,
    lines: LogLine[],
    private readonly look: Look,
    private readonly hooks: TailHooks,
    selected = "",
  ) {
    for (const line of [...lines].reverse()) {
      this.add(line);
      if (selected && nanosecondsOf(line) === selected) this.opened.add(this.ring.newest);
    }
    list.replaceChildren(this.above, this.below);
    list.addEventListener("pointerenter", (event) => (this.hovered = event.pointerType === "mouse"));
    list.addEventListener("pointerleave", () => {
      this.hovered = false;
      this.schedule();
    });
    addEventListener("scroll", this.schedule, { passive: true });
    addEventListener("resize", this.measureAnew);
    this.render();
  }

  get size(): number {
    return this.ring.size;
  }

  /** Take new lines, oldest first. */
  push(lines: LogLine[]): void {
    for (const line of lines) this.queue.push(line);
    if (this.queue.length > 2 * CAPACITY) this.queue = this.queue.slice(-CAPACITY);
    this.schedule();
  }

  /** Take lines from the store, newest first; return false when no more fit. */
  pushOlder(lines: LogLine[]): boolean {
    for (const line of lines) {
      const sequence = this.ring.pushOlder(line);
      if (sequence === undefined) return false;
      this.heights.forget(this.ring.slot(sequence));
    }
    this.schedule();
    return true;
  }

  /** Show what waits, from the top. */
  flush(): void {
    if (this.opened.size > 0) this.hooks.selected(undefined);
    this.opened.clear();
    this.hovered = false;
    const top = this.list.getBoundingClientRect().top;
    if (top < TOP_BAR) scrollBy({ top: top - TOP_BAR });
    this.take();
    this.render();
  }

  wrap(on: boolean): void {
    this.list.classList.toggle("logs-wrap", on);
    this.measureAnew();
  }

  move(step: number): void {
    const next = this.focus === undefined ? this.ring.newest : this.focus - step;
    this.focus = Math.min(this.ring.newest, Math.max(this.ring.oldest, next));
    this.render();
    this.shown.get(this.focus)?.element.scrollIntoView({ block: "nearest" });
  }

  toggleFocused(): void {
    if (this.focus !== undefined) this.shown.get(this.focus)?.details.toggleAttribute("open");
  }

  get focused(): LogLine | undefined {
    return this.focus === undefined ? undefined : this.ring.get(this.focus);
  }

  close(): void {
    removeEventListener("scroll", this.schedule);
    removeEventListener("resize", this.measureAnew);
    cancelAnimationFrame(this.frame);
  }

  private readonly schedule = (): void => {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.tick());
  };

  private readonly measureAnew = (): void => {
    this.heights.reset(ESTIMATE);
    this.schedule();
  };

  private get isHeld(): boolean {
    const scrolled = this.list.getBoundingClientRect().top < TOP_BAR - ESTIMATE;
    return this.paused || this.hovered || scrolled || this.opened.size > 0 || this.focus !== undefined;
  }

  private tick(): void {
    this.frame = 0;
    if (this.queue.length > 0 && !this.isHeld) this.take();
    this.tellWaiting();
    this.render();
  }

  private take(): void {
    for (const line of this.queue.slice(-CAPACITY)) this.add(line);
    this.queue = [];
    this.focus = undefined;
    this.tellWaiting();
  }

  private tellWaiting(): void {
    if (this.queue.length === this.waiting) return;
    this.waiting = this.queue.length;
    this.hooks.waiting(this.waiting);
  }

  private add(line: LogLine): void {
    const sequence = this.ring.push(line);
    this.heights.forget(this.ring.slot(sequence));
    this.opened.delete(this.ring.oldest - 1);
  }

  /** Pixels from the list's top to the row. */
  private offset(sequence: number): number {
    const newer = this.ring.newest - sequence;
    return newer > 0 ? this.heights.sum(this.ring.slot(sequence + 1), newer) : 0;
  }

  /** The row at so many pixels from the list's top. */
  private rowAt(pixels: number): number {
    let low = this.ring.oldest;
    let high = this.ring.newest;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.offset(middle) <= pixels) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  private render(): void {
    if (this.ring.size === 0) return;
    const top = -this.list.getBoundingClientRect().top;
    const first = Math.min(this.ring.newest, this.rowAt(Math.max(0, top)) + OVERSCAN);
    const last = Math.max(this.ring.oldest, this.rowAt(Math.max(0, top + innerHeight)) - OVERSCAN);
    this.place(first, last);
    this.measure(first, last);
    if (last === this.ring.oldest && top > 0) this.hooks.older();
  }

  private place(first: number, last: number): void {
    for (const [sequence, row] of this.shown) {
      if (sequence > first || sequence < last) {
        this.shown.delete(sequence);
        this.spare.push(row);
      }
    }
    let before: Element = this.above;
    for (let sequence = first; sequence >= last; sequence -= 1) {
      const line = this.ring.get(sequence);
      if (!line) continue;
      const row = this.shown.get(sequence) ?? this.spare.pop() ?? new Row(this.look, (each) => this.toggled(each));
      this.shown.set(sequence, row);
      row.element.dataset["sequence"] = String(sequence);
      row.fill(line, { open: this.opened.has(sequence), focused: this.focus === sequence });
      if (before.nextElementSibling !== row.element) before.after(row.element);
      before = row.element;
    }
    for (const row of this.spare) row.element.remove();
    const total = this.heights.sum(this.ring.slot(this.ring.oldest), this.ring.size);
    const under = total - this.offset(last) - this.heights.at(this.ring.slot(last));
    this.above.style.height = `${this.offset(first)}px`;
    this.below.style.height = `${Math.max(0, under)}px`;
  }

  private measure(first: number, last: number): void {
    let changed = false;
    for (let sequence = first; sequence >= last; sequence -= 1) {
      const height = this.shown.get(sequence)?.element.offsetHeight ?? 0;
      const slot = this.ring.slot(sequence);
      if (height > 0 && height !== this.heights.at(slot)) {
        this.heights.set(slot, height);
        changed = true;
      }
    }
    if (!changed) return;
    const total = this.heights.sum(this.ring.slot(this.ring.oldest), this.ring.size);
    const under = total - this.offset(last) - this.heights.at(this.ring.slot(last));
    this.below.style.height = `${Math.max(0, under)}px`;
  }

  private toggled(row: Row): void {
    const sequence = Number(row.element.dataset["sequence"]);
    if (this.shown.get(sequence) !== row) return;
    const { open } = row.details;
    const isNews = open !== this.opened.has(sequence);
    if (open) this.opened.add(sequence);
    else this.opened.delete(sequence);
    if (isNews) this.hooks.selected(this.ring.get(open ? sequence : Math.max(...this.opened)));
    this.schedule();
  }
}
