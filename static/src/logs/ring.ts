/**
 * Lines with sequence numbers, newest highest, in a ring of fixed capacity.
 *
 * New lines push the oldest out; older ones, read from the store, are added behind only
 * while there is room.
 */
export class Ring<T> {
  private readonly slots: (T | undefined)[];
  private first = 0; // sequence number of the oldest
  private count = 0;

  constructor(readonly capacity: number) {
    this.slots = new Array<T | undefined>(capacity);
  }

  get size(): number {
    return this.count;
  }

  get oldest(): number {
    return this.first;
  }

  get newest(): number {
    return this.first + this.count - 1;
  }

  get isFull(): boolean {
    return this.count === this.capacity;
  }

  get(sequence: number): T | undefined {
    if (sequence < this.oldest || sequence > this.newest) return undefined;
    return this.slots[this.slot(sequence)];
  }

  /** Add the next newer item; return its sequence number. */
  push(item: T): number {
    if (this.isFull) this.first += 1;
    else this.count += 1;
    this.slots[this.slot(this.newest)] = item;
    return this.newest;
  }

  /** Add the next older item; return its sequence number, or undefined when full. */
  pushOlder(item: T): number | undefined {
    if (this.isFull) return undefined;
    this.first -= 1;
    this.count += 1;
    this.slots[this.slot(this.first)] = item;
    return this.first;
  }

  clear(): void {
    this.slots.fill(undefined);
    this.first = 0;
    this.count = 0;
  }

  /** Where a sequence number lies in arrays of this capacity. */
  slot(sequence: number): number {
    return ((sequence % this.capacity) + this.capacity) % this.capacity;
  }
}
