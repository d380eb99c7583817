/**
 * Calls in flight, by sequence number.
 *
 * @module
 */

/** Something that has a sequence number. */
export interface Numbered {
  /** The sequence number, unique in a table. */
  readonly seq: number;
}

/** Sizes of the ring, which are powers of two. */
const SMALLEST = 16;
const LARGEST = 16_384;

/**
 * A table by sequence number, for numbers that are added in order and removed
 * nearly in order. Each item has a slot in a ring. An item that is still there
 * when its slot is needed again moves to a map.
 *
 * A `Map` alone would do, but for its garbage: when it grows, each table of its
 * entries refers to the next, and one that was promoted to the old generation
 * keeps all later ones, with the calls in them, from being collected young.
 */
export class SeqTable<T extends Numbered> {
  #ring: (T | undefined)[] = new Array(SMALLEST).fill(undefined);
  readonly #rest = new Map<number, T>();
  #size = 0;

  /** How many items there are. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds an item.
   *
   * @param item Its number is not in the table.
   */
  set(item: T): void {
    if (this.#size++ >= this.#ring.length && this.#ring.length < LARGEST) this.#grow();
    this.#place(item);
  }

  /**
   * Looks an item up.
   *
   * @param seq Its number.
   * @returns `undefined` if there is none of that number.
   */
  get(seq: number): T | undefined {
    const item = this.#ring[seq & (this.#ring.length - 1)];
    return item?.seq === seq ? item : this.#rest.get(seq);
  }

  /**
   * Takes an item out.
   *
   * @param seq Its number.
   * @returns `undefined` if there was none of that number.
   */
  take(seq: number): T | undefined {
    const slot = seq & (this.#ring.length - 1);
    let item = this.#ring[slot];
    if (item?.seq === seq) {
      this.#ring[slot] = undefined;
    } else {
      item = this.#rest.get(seq);
      if (item === undefined) return undefined;
      this.#rest.delete(seq);
    }
    this.#size--;
    return item;
  }

  /** All items, in the order of their numbers. */
  list(): T[] {
    const items = [...this.#rest.values()];
    for (const item of this.#ring) if (item !== undefined) items.push(item);
    return items.sort((one, other) => one.seq - other.seq);
  }

  /**
   * Takes all items out.
   *
   * @returns The items, in the order of their numbers.
   */
  clear(): T[] {
    const items = this.list();
    this.#rest.clear();
    this.#ring = new Array(SMALLEST).fill(undefined);
    this.#size = 0;
    return items;
  }

  #place(item: T): void {
    const slot = item.seq & (this.#ring.length - 1);
    const before = this.#ring[slot];
    if (before !== undefined) this.#rest.set(before.seq, before);
    this.#ring[slot] = item;
  }

  #grow(): void {
    const before = this.#ring;
    this.#ring = new Array(before.length * 4).fill(undefined);
    for (const item of before) if (item !== undefined) this.#place(item);
  }
}
