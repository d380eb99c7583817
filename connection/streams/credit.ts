/**
 * How much of a stream may be on its way to a reader that does not read: the credit that one end has
 * and the other gives, in items and bytes.
 *
 * @module
 */

/**
 * The credit of the end that sends. An item larger than what is left goes if at least half of the
 * window is free, so that one that is larger than all of it still comes through, alone.
 */
export class Credit {
  #items: number;
  #bytes: number;
  /** The most bytes that were ever free. */
  #windowBytes: number;

  /**
   * @param items How many items may be sent to begin with.
   * @param bytes How many bytes of them.
   */
  constructor(items: number, bytes: number) {
    this.#items = items;
    this.#bytes = this.#windowBytes = bytes;
  }

  /** How many bytes the next item may have; 0 if none may be sent. */
  get mostBytes(): number {
    if (this.#items < 1 || this.#bytes <= 0) return 0;
    return this.#bytes * 2 >= this.#windowBytes ? Infinity : this.#bytes;
  }

  /** An item has been sent. */
  spend(bytes: number): void {
    this.#items--;
    this.#bytes -= bytes;
  }

  /** The other end gives more. */
  add(items: number, bytes: number): void {
    this.#items += items;
    this.#bytes += bytes;
    if (this.#bytes > this.#windowBytes) this.#windowBytes = this.#bytes;
  }
}

/** What a {@linkcode Window} begins with, and how it grows. */
export interface WindowOptions {
  /** How many items are held at most. */
  readonly items: number;
  /** How many bytes of them, but for a single item that is larger. */
  readonly bytes: number;
  /**
   * The present time, in milliseconds, if both may grow to four times as much for a reader that is
   * as fast as the stream: each grant is a write of its own, which wakes the other end.
   */
  readonly now?: (() => number) | undefined;
  /** Gives credit to the other end. */
  grant(items: number, bytes: number): void;
}

/** How often a window may double. */
const MOST_DOUBLINGS = 2;
/** A stream is fast if half of its window comes and is read within so many milliseconds. */
const FAST_MS = 10;

/** The credit that the end gives that reads: back in batches, half of the window at a time. */
export class Window {
  readonly #options: WindowOptions;
  #mostItems: number;
  #mostBytes: number;
  // What the other end may send still.
  #itemsLeft: number;
  #bytesLeft: number;
  // What has been read, and is not given back yet.
  #itemsRead = 0;
  #bytesRead = 0;
  #doublingsLeft: number;
  /** When credit was given last. */
  #grantedAtMs = -Infinity;

  /** @param options How much to begin with, and how it grows. */
  constructor(options: WindowOptions) {
    this.#options = options;
    this.#mostItems = this.#itemsLeft = options.items;
    this.#mostBytes = this.#bytesLeft = options.bytes;
    this.#doublingsLeft = options.now === undefined ? 0 : MOST_DOUBLINGS;
  }

  /**
   * An item has come.
   *
   * @param bytes What it counts.
   * @returns `false` if the other end had no credit for it.
   */
  arrived(bytes: number): boolean {
    const left = this.#bytesLeft;
    if (this.#itemsLeft < 1 || left <= 0) return false;
    if (bytes > left && left * 2 < this.#mostBytes) return false;
    this.#itemsLeft--;
    this.#bytesLeft = left - bytes;
    return true;
  }

  /** An item has been read. */
  read(bytes: number): void {
    this.#itemsRead++;
    this.#bytesRead += bytes;
    if (this.#itemsRead * 2 < this.#mostItems && this.#bytesRead * 2 < this.#mostBytes) return;
    let items = this.#itemsRead;
    let more = this.#bytesRead;
    this.#itemsRead = this.#bytesRead = 0;
    if (this.#doublingsLeft > 0 && this.#isFast(items)) {
      this.#doublingsLeft--;
      items += this.#mostItems;
      more += this.#mostBytes;
      this.#mostItems *= 2;
      this.#mostBytes *= 2;
    }
    this.#itemsLeft += items;
    this.#bytesLeft += more;
    this.#options.grant(items, more);
  }

  /** Whether the reader has read all that has come, and it has come fast. */
  #isFast(itemsRead: number): boolean {
    const nowMs = this.#options.now!();
    const tookMs = nowMs - this.#grantedAtMs;
    this.#grantedAtMs = nowMs;
    return tookMs <= FAST_MS && this.#itemsLeft + itemsRead === this.#mostItems;
  }
}
