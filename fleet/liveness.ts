/**
 * Finds out who is silent: a server that is stalled, or a connection whose
 * other end is gone without a word.
 *
 * @module
 */

import type { ClientConnection as Client } from "../connection/client_connection.ts";
import type { Clock, Timer } from "../clock.ts";
import type { Fleet } from "./fleet.ts";
import type { Endpoint } from "./endpoint.ts";
import { aboveZero } from "../internal/validate.ts";

/** When a silent connection is doubted, and when it is given up. */
export interface LivenessOptions {
  /**
   * A server that owes a reply and has sent nothing for so long is asked for a
   * sign of life, in milliseconds. Default 1,000; `Infinity`: never.
   */
  silenceMs?: number;
  /** It is passed over if it gives none within so many milliseconds. Default 500. */
  pongMs?: number;
  /** Its connection is given up after so many milliseconds without any. Default 10,000. */
  deadMs?: number;
}

/** What is known of one connection's silence. */
interface Watch {
  heard: number;
  heardAtMs: number;
  askedAtMs: number;
}

/** Watches the connections on which calls wait. Runs only while there are any. */
export class Liveness {
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #silenceMs: number;
  readonly #pongMs: number;
  readonly #deadMs: number;
  readonly #onStall: (endpoint: Endpoint) => void;
  #watches = new Map<Client, Watch>();
  #timer: Timer | undefined;
  #dueAtMs = 0;

  /**
   * @param fleet Whose connections.
   * @param clock Where the time comes from.
   * @param options When.
   * @param onStall Told of a server that gives no sign of life.
   * @throws {RangeError} If a duration is not above 0.
   */
  constructor(
    fleet: Fleet,
    clock: Clock,
    options: LivenessOptions,
    onStall: (endpoint: Endpoint) => void,
  ) {
    this.#fleet = fleet;
    this.#clock = clock;
    this.#silenceMs = aboveZero("liveness.silenceMs", options.silenceMs ?? 1000);
    this.#pongMs = aboveZero("liveness.pongMs", options.pongMs ?? 500);
    this.#deadMs = aboveZero("liveness.deadMs", options.deadMs ?? 10_000);
    this.#onStall = onStall;
  }

  /** A call is on its way: watches until none is. */
  wake(): void {
    if (this.#timer !== undefined || this.#silenceMs === Infinity || this.#fleet.closed) return;
    this.#dueAtMs = this.#clock.now() + this.#pongMs;
    this.#timer = this.#clock.setTimer(this.#pongMs, this.#tick);
  }

  /** Watches no more. */
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
    const watches = new Map<Client, Watch>();
    for (const endpoint of this.#fleet.all()) {
      for (const client of endpoint.clients) {
        if (client.inFlight === 0) {
          this.#resume(endpoint, client); // all is answered, what was asked too
          continue;
        }
        const watch = this.#watches.get(client) ??
          { heard: client.heard, heardAtMs: nowMs, askedAtMs: Infinity };
        watches.set(client, watch);
        if (lateMs < this.#pongMs / 2) {
          this.#look(endpoint, client, watch, nowMs);
        } else {
          // It was we who stood still: what has been said meanwhile has not been read yet.
          watch.heardAtMs += lateMs;
          watch.askedAtMs += lateMs;
        }
      }
    }
    this.#watches = watches;
    if (watches.size > 0) this.wake();
  };

  #look(endpoint: Endpoint, client: Client, watch: Watch, nowMs: number): void {
    if (client.heard !== watch.heard) {
      watch.heard = client.heard;
      watch.heardAtMs = nowMs;
      watch.askedAtMs = Infinity;
      this.#resume(endpoint, client);
      return;
    }
    const silentMs = nowMs - watch.heardAtMs;
    if (watch.askedAtMs === Infinity) {
      if (silentMs < this.#silenceMs) return;
      if (client.ping({ resolve() {}, reject() {} })) watch.askedAtMs = nowMs;
      return;
    }
    if (silentMs >= this.#deadMs) {
      client.giveUp(`no sign of life for ${Math.round(silentMs)} ms`);
    } else if (nowMs - watch.askedAtMs >= this.#pongMs) {
      this.#stall(endpoint, client);
    }
  }

  /** A connection that drains is passed over anyway, and says nothing of the one behind it. */
  #stall(endpoint: Endpoint, client: Client): void {
    if (client === endpoint.client && !endpoint.stalled) {
      endpoint.stalled = true;
      this.#fleet.tell(endpoint, "stalled");
      this.#onStall(endpoint);
    }
  }

  #resume(endpoint: Endpoint, client: Client): void {
    if (client !== endpoint.client || !endpoint.stalled) return;
    endpoint.stalled = false;
    this.#fleet.tell(endpoint, "resumed");
  }
}
