/**
 * A priority queue by due time.
 *
 * @module
 */

/** An entry of a {@linkcode DueQueue}. */
export interface Waiting {
  /** When it is due. Must not change while it is in the queue. */
  readonly dueAt: number;
  /** Whether it is in the queue; `false` at first. Only the queue changes it. */
  waiting: boolean;
}

/** Up to this many entries, removed ones included, a heap is not cleaned up. */
const SMALL_HEAP = 64;

/**
 * A binary heap whose entries can be removed at any time. A removed entry is
 * only marked, and leaves the heap when it comes to its top or when half of all
 * are marked: nearly every deadline is removed before it is due, and that must
 * cost next to nothing.
 */
export class DueQueue<T extends Waiting> {
  readonly #isBefore: (one: T, other: T) => boolean;
  #heap: T[] = [];
  #size = 0;

  /** @param isBefore Whether one entry is due before the other. */
  constructor(isBefore: (one: T, other: T) => boolean) {
    this.#isBefore = isBefore;
  }

  /** How many entries are in the queue. */
  get size(): number {
    return this.#size;
  }

  /** The entry that is due first. */
  get first(): T | undefined {
    while (this.#heap.length > 0 && !this.#heap[0].waiting) this.#pop();
    return this.#heap[0];
  }

  /**
   * Adds an entry.
   *
   * @param entry Must not be in the queue yet.
   */
  add(entry: T): void {
    entry.waiting = true;
    this.#size++;
    this.#push(entry);
  }

  /**
   * Removes an entry. Costs next to nothing; does nothing for one that is not in the queue.
   *
   * @param entry The entry to remove.
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
   * Removes the entry that is due first, if it is due now.
   *
   * @param nowMs The present time.
   * @returns The entry; `undefined` if none is due yet.
   */
  takeDue(nowMs: number): T | undefined {
    const { first } = this;
    if (first === undefined || first.dueAt > nowMs) return undefined;
    this.#pop();
    first.waiting = false;
    this.#size--;
    return first;
  }

  /** Removes all entries. */
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
