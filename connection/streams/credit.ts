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

/** The credit that the end gives that reads: back in batches, half of the window at a time. */
export class Window {
  readonly #mostItems: number;
  readonly #mostBytes: number;
  readonly #grant: (items: number, bytes: number) => void;
  // What the other end may send still.
  #itemsLeft: number;
  #bytesLeft: number;
  // What has been read, and is not given back yet.
  #itemsRead = 0;
  #bytesRead = 0;

  /**
   * @param items How many items are held at most.
   * @param bytes How many bytes of them, but for a single item that is larger.
   * @param grant Gives credit to the other end.
   */
  constructor(items: number, bytes: number, grant: (items: number, bytes: number) => void) {
    this.#mostItems = this.#itemsLeft = items;
    this.#mostBytes = this.#bytesLeft = bytes;
    this.#grant = grant;
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
    const items = this.#itemsRead;
    const read = this.#bytesRead;
    this.#itemsRead = this.#bytesRead = 0;
    this.#itemsLeft += items;
    this.#bytesLeft += read;
    this.#grant(items, read);
  }
}
