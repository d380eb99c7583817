/**
 * Whether one endpoint answers pings as quickly as it used to: within
 * milliseconds that shows a stall which its calls would show only by their age.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { ClientConnection } from "../connection/client_connection.ts";

/** A ping is late that is not answered for so long, in milliseconds, */
const LATE_MS = 20;
/** and for so many times as long as is usual. */
const LATE_TIMES = 4;
/** How much one answer moves what is usual. */
const WEIGHT = 0.1;

/** The pings of one endpoint: one at a time. Liveness has its own, which find dead connections. */
export class Pulse {
  readonly #clock: Pick<Clock, "now">;
  #lateAtMs = Infinity;
  /** The connection whose answer is waited for. */
  #asked: ClientConnection | undefined;
  /** How long an answer takes usually; below 0 while none is known. */
  #usualMs = -1;

  /** @param clock Where the time comes from. */
  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** From when on it is late with an answer; `Infinity` if it owes none. */
  get lateAtMs(): number {
    return this.#lateAtMs;
  }

  /** How long an answer takes usually, in milliseconds; 0 while none is known. */
  get roundTripMs(): number {
    return Math.max(0, this.#usualMs);
  }

  /**
   * Whether a connection can be sent a ping whose answer tells the load, and owes none.
   *
   * @param client The connection, if there is one.
   */
  canAsk(client: ClientConnection | undefined): boolean {
    return client?.server !== undefined && client !== this.#asked;
  }

  /**
   * Sends a ping.
   *
   * @param client The connection.
   * @param replyMs How long replies take, in milliseconds: a ping takes less.
   */
  ask(client: ClientConnection, replyMs: number): void {
    const askedAtMs = this.#clock.now();
    const usualMs = this.#usualMs < 0 ? replyMs : this.#usualMs * LATE_TIMES;
    const limitMs = Math.max(LATE_MS, usualMs);
    const isAsked = client.ping({
      resolve: () => {
        if (this.#asked !== client) return;
        this.forget();
        // One that was stalled says little of what is usual.
        this.observe(Math.min(this.#clock.now() - askedAtMs, Math.max(limitMs, replyMs)));
      },
      reject: () => {
        if (this.#asked === client) this.forget();
      },
    });
    if (!isAsked) return;
    this.#asked = client;
    this.#lateAtMs = askedAtMs + limitMs;
  }

  /**
   * An answer has come for which nothing had to be done there.
   *
   * @param tookMs How long it took, in milliseconds.
   */
  observe(tookMs: number): void {
    if (this.#usualMs < 0) this.#usualMs = tookMs;
    else this.#usualMs += WEIGHT * (tookMs - this.#usualMs);
  }

  /** Nothing is owed: it has answered, or another connection has taken the place of the one that was asked. */
  forget(): void {
    this.#asked = undefined;
    this.#lateAtMs = Infinity;
  }
}
