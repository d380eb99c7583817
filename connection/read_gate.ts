/**
 * When a server reads on from a connection, and when it pauses.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";

/** What a {@linkcode ReadGate} looks at. */
export interface ReadGateSource {
  /** Whether the client does not read its replies. */
  isBehind(): boolean;
  /** Whether more requests wait than are to be held. */
  isOverfull(): boolean;
}

/**
 * - `reading`: requests are read.
 * - `paused`: too much is held; the client is read from when it is less.
 * - `refusing`: too much was held for too long. The client is read from all
 *   the same, since it may cancel calls or end; its requests are turned away.
 *   It lasts as long as a pause at least, so that what was written meanwhile is read.
 */
type State = "reading" | "paused" | "refusing";

/** How long a connection is not read from because too many of its requests wait, in milliseconds. */
const LONGEST_PAUSE_MS = 1000;

/**
 * Pauses reading while the client reads no replies or too many of its requests
 * wait, which slows down a client that is faster than the handlers. The second
 * pause is short: nobody hears a cancel while it lasts.
 */
export class ReadGate {
  readonly #clock: Clock;
  readonly #source: ReadGateSource;
  #state: State = "reading";
  #resume: (() => void) | undefined;
  #timer: Timer | undefined;
  /** Until when it is not paused again, once a pause was too long. */
  #refusesUntilMs = 0;

  /**
   * @param clock Where the time comes from.
   * @param source What is held.
   */
  constructor(clock: Clock, source: ReadGateSource) {
    this.#clock = clock;
    this.#source = source;
  }

  /** Whether a request that can't run now is to be turned away. */
  get isRefusing(): boolean {
    return this.#state === "refusing" && this.#source.isOverfull();
  }

  /** Called when a read has been worked through; what it returns is waited for before the next. */
  wait(): Promise<void> | void {
    const isOverfull = this.#source.isOverfull();
    if (!isOverfull) this.#calm();
    const isWaiting = isOverfull && this.#state === "reading";
    if (!isWaiting && !this.#source.isBehind()) return;
    if (isWaiting) {
      this.#state = "paused";
      this.#timer = this.#clock.setTimer(LONGEST_PAUSE_MS, () => {
        this.#state = "refusing";
        this.#refusesUntilMs = this.#clock.now() + LONGEST_PAUSE_MS;
        this.update();
      });
    }
    return new Promise((resolve) => this.#resume = resolve);
  }

  /** What is held may have become less. */
  update(): void {
    if (!this.#source.isOverfull()) this.#calm();
    else if (this.#state !== "refusing") return;
    if (this.#resume !== undefined && !this.#source.isBehind()) this.open();
  }

  /** Reads on, whatever is held. */
  open(): void {
    this.#timer?.cancel();
    if (this.#state === "paused") this.#state = "reading";
    this.#resume?.();
    this.#resume = undefined;
  }

  /** No more is held than may be. */
  #calm(): void {
    if (this.#state !== "refusing") return;
    if (this.#clock.now() >= this.#refusesUntilMs) this.#state = "reading";
  }
}
