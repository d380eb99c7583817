/**
 * What waits for its time, the earliest first.
 *
 * @module
 */

/** Something that waits. */
export interface Waiting {
  /** When it is due. Not changed while it waits. */
  readonly dueAt: number;
  /** Whether it still waits: kept by the queue. */
  waiting: boolean;
}

/** How few entries are not worth sweeping. */
const SMALL_HEAP = 64;

/**
 * A binary heap. What waits no more is not taken out of its middle but only
 * marked, and swept out when it is half of all.
 */
export class DueQueue<T extends Waiting> {
  readonly #isBefore: (one: T, other: T) => boolean;
  #heap: T[] = [];
  #size = 0;

  /** @param isBefore Whether one is due before the other. */
  constructor(isBefore: (one: T, other: T) => boolean) {
    this.#isBefore = isBefore;
  }

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** The one that is due first. */
  get first(): T | undefined {
    while (this.#heap.length > 0 && !this.#heap[0].waiting) this.#pop();
    return this.#heap[0];
  }

  /**
   * Lets one wait.
   *
   * @param entry It does not wait yet.
   */
  add(entry: T): void {
    entry.waiting = true;
    this.#size++;
    this.#push(entry);
  }

  /**
   * Lets one wait no more. Costs next to nothing, also for one that does not wait.
   *
   * @param entry Which.
   */
  remove(entry: T): void {
    if (!entry.waiting) return;
    entry.waiting = false;
    this.#size--;
    if (this.#heap.length <= SMALL_HEAP || this.#size * 2 >= this.#heap.length) return;
    const kept = this.#heap.filter((one) => one.waiting);
    this.#heap = [];
    for (const one of kept) this.#push(one);
  }

  /**
   * Takes out the one that is due first.
   *
   * @param nowMs The present time.
   * @returns `undefined` if none is due yet.
   */
  takeDue(nowMs: number): T | undefined {
    const { first } = this;
    if (first === undefined || first.dueAt > nowMs) return undefined;
    this.#pop();
    first.waiting = false;
    this.#size--;
    return first;
  }

  /** Lets nothing wait any more. The entries are not told. */
  clear(): void {
    for (const entry of this.#heap) entry.waiting = false;
    this.#heap = [];
    this.#size = 0;
  }

  #push(entry: T): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(entry, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1], heap[child])) child++;
      if (!this.#isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}
