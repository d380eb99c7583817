/**
 * Finds silent connections: a server that stands still, or a connection whose
 * other end is gone without a word, as behind a firewall that forgot it.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import type { ClientConnection } from "./client_connection.ts";
import { type LivenessLimits, livenessLimits, type LivenessOptions } from "./client_options.ts";
import { Silence } from "./silence.ts";

/** Learns what silence says of a connection, at each look. One that is dead is given up already. */
export interface SilenceListener {
  /** It lives, or owes nothing. */
  connectionAlive(connection: ClientConnection): void;
  /** It has been silent for long: another connection is in order. */
  connectionSilent(connection: ClientConnection, verdict: "slow" | "stalled"): void;
}

/** A connection that is watched. */
interface Watched {
  readonly silence: Silence;
  readonly listener: SilenceListener | undefined;
}

/**
 * Looks after the connections of one client, all on one timer: often while one
 * owes a reply, rarely while all are idle.
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #limits: LivenessLimits;
  readonly #watched = new Map<ClientConnection, Watched>();
  #timer: Timer | undefined;
  #dueAtMs = 0;
  /** Whether the timer runs for a connection that owes a reply. */
  #isBusy = false;
  #isStopped = false;

  /**
   * @param clock Where the time comes from.
   * @param options When.
   * @throws {RangeError} If a duration is not above 0.
   */
  constructor(clock: Clock, options: LivenessOptions = {}) {
    this.#clock = clock;
    this.#limits = livenessLimits(options);
    this.#isStopped = this.#limits.silenceMs === Infinity;
  }

  /**
   * Watches a connection until it is over.
   *
   * @param connection The connection.
   * @param listener Learns of its silence.
   */
  watch(connection: ClientConnection, listener?: SilenceListener): void {
    if (this.#isStopped) return;
    const silence = new Silence(connection, this.#clock.now());
    this.#watched.set(connection, { silence, listener });
    connection.closed.then(() => {
      this.#watched.delete(connection);
      if (this.#watched.size === 0) this.#rest();
    });
    if (this.#timer === undefined) this.#set(this.#limits.idleMs);
  }

  /** A call has been sent: looks often until all connections have answered. */
  wake(): void {
    if (this.#isBusy || this.#isStopped) return;
    this.#isBusy = true;
    this.#set(this.#limits.pongMs);
  }

  /** Ends the watching. */
  stop(): void {
    this.#isStopped = true;
    this.#rest();
    this.#watched.clear();
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const nowMs = this.#clock.now();
    const lateMs = nowMs - this.#dueAtMs;
    // This process stood still: what has come meanwhile has not been read yet.
    const isLate = lateMs >= this.#limits.pongMs / 2;
    this.#isBusy = false;
    for (const [connection, { silence, listener }] of this.#watched) {
      if (isLate) silence.postpone(lateMs);
      else this.#judge(connection, silence, listener, nowMs);
      if (silence.owes) this.#isBusy = true;
    }
    if (this.#isStopped || this.#watched.size === 0) return this.#rest();
    this.#set(this.#isBusy || isLate ? this.#limits.pongMs : this.#untilIdle(nowMs));
  };

  /** How long until the first of the connections has been idle for `idleMs`. */
  #untilIdle(nowMs: number): number {
    const { idleMs, pongMs } = this.#limits;
    let longestMs = 0;
    for (const { silence } of this.#watched.values()) {
      longestMs = Math.max(longestMs, silence.silentMs(nowMs));
    }
    return Math.max(idleMs - longestMs, Math.min(pongMs, idleMs));
  }

  #judge(
    connection: ClientConnection,
    silence: Silence,
    listener: SilenceListener | undefined,
    nowMs: number,
  ): void {
    const verdict = silence.look(nowMs, this.#limits);
    if (verdict === "alive") listener?.connectionAlive(connection);
    else if (verdict === "dead") {
      const silentMs = Math.round(silence.silentMs(nowMs));
      connection.giveUp(`no sign of life for ${silentMs} ms`);
    } else if (verdict !== "silent") listener?.connectionSilent(connection, verdict);
  }

  #set(ms: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (ms === Infinity) return;
    this.#dueAtMs = this.#clock.now() + ms;
    this.#timer = this.#clock.setTimer(ms, this.#look);
  }

  #rest(): void {
    this.#isBusy = false;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
