/**
 * Finds silent connections: a server that stands still, or a connection whose
 * other end is gone without a word.
 *
 * @module
 */

import type { ClientConnection } from "../connection/client_connection.ts";
import type { Clock, Timer } from "../clock.ts";
import { type Checks, positive } from "../internal/options.ts";
import type { Endpoint } from "./endpoint.ts";

/** When a silent connection is doubted, and when it is closed. Above 0; `Infinity` for never. */
export interface LivenessOptions {
  /**
   * A server that owes a reply and has sent nothing for so many milliseconds is
   * asked for a sign of life. Default 1,000.
   */
  silenceMs?: number;
  /**
   * If it gives none within so many milliseconds, it is stalled: it gets no
   * further calls, and its idempotent ones are sent elsewhere as well. Default 500.
   */
  pongMs?: number;
  /** Its connection is closed after so many milliseconds of silence. Default 10,000. */
  deadMs?: number;
}

/** What the options may be. */
export const LIVENESS_CHECKS: Checks<LivenessOptions> = {
  silenceMs: positive,
  pongMs: positive,
  deadMs: positive,
};

/** Whose connections are watched: a `Fleet`. */
export interface WatchedFleet {
  /** Whether it has been closed. */
  readonly closed: boolean;
  /** All endpoints that may have a connection. */
  all(): Iterable<Endpoint>;
}

/** What is known of one connection's silence. */
interface Watch {
  /** How many times bytes had come when the silence began. */
  heard: number;
  /** When the silence began. */
  silentSinceMs: number;
  /** When it was asked for a sign of life; `Infinity` if it was not. */
  askedAtMs: number;
}

/** Watches the connections on which calls are in flight. Its timer runs only while there are any. */
export class Liveness {
  readonly #fleet: WatchedFleet;
  readonly #clock: Clock;
  readonly #silenceMs: number;
  readonly #pongMs: number;
  readonly #deadMs: number;
  #watches = new Map<ClientConnection, Watch>();
  #timer: Timer | undefined;
  #dueAtMs = 0;

  /**
   * @param fleet Whose connections.
   * @param clock Where the time comes from.
   * @param options When; checked.
   */
  constructor(fleet: WatchedFleet, clock: Clock, options: LivenessOptions) {
    this.#fleet = fleet;
    this.#clock = clock;
    this.#silenceMs = options.silenceMs ?? 1000;
    this.#pongMs = options.pongMs ?? 500;
    this.#deadMs = options.deadMs ?? 10_000;
  }

  /** A call has been sent: watches until none is in flight. */
  wake(): void {
    if (this.#timer !== undefined || this.#silenceMs === Infinity || this.#fleet.closed) return;
    this.#dueAtMs = this.#clock.now() + this.#pongMs;
    this.#timer = this.#clock.setTimer(this.#pongMs, this.#tick);
  }

  /** Ends the watching. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#watches.clear();
  }

  readonly #tick = (): void => {
    this.#timer = undefined;
    if (this.#fleet.closed) return;
    const nowMs = this.#clock.now();
    const lateMs = nowMs - this.#dueAtMs;
    const watches = new Map<ClientConnection, Watch>();
    for (const endpoint of this.#fleet.all()) {
      const { connector } = endpoint;
      for (const client of connector.clients) {
        if (client.inFlight === 0) {
          connector.resume(client); // all is answered, the question for a sign of life too
          continue;
        }
        const watch = this.#watches.get(client) ??
          { heard: client.heard, silentSinceMs: nowMs, askedAtMs: Infinity };
        watches.set(client, watch);
        if (lateMs < this.#pongMs / 2) {
          this.#check(endpoint, client, watch, nowMs);
        } else {
          // This process stood still: what has come meanwhile has not been read yet.
          watch.silentSinceMs += lateMs;
          watch.askedAtMs += lateMs;
        }
      }
    }
    this.#watches = watches;
    if (watches.size > 0) this.wake();
  };

  #check(endpoint: Endpoint, client: ClientConnection, watch: Watch, nowMs: number): void {
    if (client.heard !== watch.heard) {
      watch.heard = client.heard;
      watch.silentSinceMs = nowMs;
      watch.askedAtMs = Infinity;
      endpoint.connector.resume(client);
      return;
    }
    const silentMs = nowMs - watch.silentSinceMs;
    if (watch.askedAtMs === Infinity) {
      if (silentMs < this.#silenceMs) return;
      if (client.ping({ resolve() {}, reject() {} })) watch.askedAtMs = nowMs;
      return;
    }
    if (silentMs >= this.#deadMs) {
      client.giveUp(`no sign of life for ${Math.round(silentMs)} ms`);
    } else if (nowMs - watch.askedAtMs >= this.#pongMs) {
      endpoint.stall(client);
    }
  }
}
