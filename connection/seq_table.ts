/**
 * What is in flight, by sequence number.
 *
 * @module
 */

/** Something that bears a sequence number. */
export interface Numbered {
  /** The number, unique among those in the table. */
  readonly seq: number;
}

const SMALLEST = 16;
const LARGEST = 16_384;

/**
 * A table by sequence number, for numbers that come in order and go nearly
 * so. Each has its slot in a ring; one that stays while the numbers go once
 * around makes way into a map.
 *
 * A `Map` alone would do, but for its garbage: it grows through tables that
 * refer each to the next, and one that has grown old keeps all after it, with
 * the calls in them, from being collected young.
 */
export class SeqTable<T extends Numbered> {
  #ring: (T | undefined)[] = new Array(SMALLEST).fill(undefined);
  readonly #rest = new Map<number, T>();
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /**
   * Puts one in.
   *
   * @param item Its number is not in the table.
   */
  set(item: T): void {
    if (this.#size++ >= this.#ring.length && this.#ring.length < LARGEST) this.#grow();
    this.#place(item);
  }

  /**
   * Looks one up.
   *
   * @param seq Its number.
   * @returns What bears it, if it is there.
   */
  get(seq: number): T | undefined {
    const item = this.#ring[seq & (this.#ring.length - 1)];
    return item?.seq === seq ? item : this.#rest.get(seq);
  }

  /**
   * Takes one out.
   *
   * @param seq Its number.
   * @returns What bore it, if it was there.
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

  /**
   * Takes all out.
   *
   * @returns What was there, by number.
   */
  clear(): T[] {
    const items = [...this.#rest.values()];
    for (const item of this.#ring) if (item !== undefined) items.push(item);
    this.#rest.clear();
    this.#ring = new Array(SMALLEST).fill(undefined);
    this.#size = 0;
    return items.sort((one, other) => one.seq - other.seq);
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
