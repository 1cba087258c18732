/**
 * Heights of rows by slot of a ring, with sums in logarithmic time (a Fenwick tree), so
 * that rows may wrap and open without the list being measured as a whole.
 */
export class Heights {
  private readonly heights: Float64Array;
  private readonly tree: Float64Array;

  constructor(
    private readonly capacity: number,
    private estimate: number,
  ) {
    this.heights = new Float64Array(capacity);
    this.tree = new Float64Array(capacity + 1);
    this.reset(estimate);
  }

  /** Forget all measurements. */
  reset(estimate: number): void {
    this.estimate = estimate;
    this.heights.fill(estimate);
    for (let index = 1; index <= this.capacity; index += 1) {
      this.tree[index] = estimate * (index & -index);
    }
  }

  at(slot: number): number {
    return this.heights[slot] ?? this.estimate;
  }

  set(slot: number, height: number): void {
    const change = height - this.at(slot);
    if (change === 0) return;
    this.heights[slot] = height;
    for (let index = slot + 1; index <= this.capacity; index += index & -index) {
      this.tree[index] = (this.tree[index] ?? 0) + change;
    }
  }

  /** A new row came into the slot. */
  forget(slot: number): void {
    this.set(slot, this.estimate);
  }

  /** Sum over `count` slots from `slot` on, going round the end. */
  sum(slot: number, count: number): number {
    const end = slot + count;
    if (end <= this.capacity) return this.before(end) - this.before(slot);
    return this.before(this.capacity) - this.before(slot) + this.before(end - this.capacity);
  }

  private before(slot: number): number {
    let sum = 0;
    for (let index = slot; index > 0; index -= index & -index) sum += this.tree[index] ?? 0;
    return sum;
  }
}
