/**
 * The beats to one registry.
 *
 * @module
 */

import { type Clock, systemClock, type Timer } from "../clock.ts";
import { backoffMs } from "../discovery/time.ts";
import { aboveZero } from "../internal/validate.ts";
import { Exchange, type Fetch, type Web } from "./http.ts";
import {
  checkReachable,
  FIRST_RETRY_MS,
  LEASE_HEADER,
  LEASE_MS,
  LONGEST_LEASE_MS,
  SERVER_HEADER,
} from "./protocol.ts";
import type { Random } from "../selector.ts";

/** Something that a {@linkcode Heartbeat} has to tell. */
export type HeartbeatEvent =
  /** A registry lists the server: for the first time, or again after a failure. */
  | { readonly type: "registered"; readonly url: string }
  /** A registry did not take a beat. It is tried again, soon. */
  | { readonly type: "failed"; readonly url: string; readonly error: unknown };

/** How a `Heartbeat` beats. */
export interface HeartbeatOptions {
  /**
   * How long a registry of ours is to list the server without a beat, in
   * milliseconds; no longer than a timer can be, some 24 days. Default: what the
   * registry says, which is 300,000 by default.
   */
  timeoutMs?: number;
  /**
   * How often to beat, in milliseconds, or up to a tenth earlier. Default: after
   * four fifths of the lease, so every 240,000 as in GeeRPC. If a registry grants
   * a shorter lease than was asked for, it beats as often as that needs.
   */
  everyMs?: number;
  /**
   * How long a registry may take to answer, in milliseconds. Where a short lease
   * is to be kept, a beat takes a tenth of it at first, so that another can
   * follow. Default 5,000.
   */
  requestTimeoutMs?: number;
  /** Ends it, as `close` does. */
  signal?: AbortSignal;
  /** Sent with each request. */
  headers?: Readonly<Record<string, string>>;
  /** What makes requests. Default: the platform's `fetch`. */
  fetch?: Fetch;
  /** Where the time comes from. Default: the system's clock. */
  clock?: Clock;
  /** Where pauses take chance from. Default `Math.random`. */
  random?: Random;
  /** Told what happens, as it happens. */
  onEvent?: (event: HeartbeatEvent) => void;
}

/** A beat comes before this share of the lease is over. */
const LEASE_SHARE = 0.8;
/** One that gets no answer is given up so soon that another can come in time. */
const LIMIT_SHARE = 0.1;
/** While a registry does not answer, the longest pause between tries. */
const LONGEST_RETRY_MS = 10_000;
/** Once it is to end, the longest that each of its last two requests may take. */
const CLOSE_MS = 1000;

/** What the beats to each registry have in common. */
export class Beat {
  readonly headers: Record<string, string>;
  readonly everyMs: number;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly web: Web;
  readonly tell: (event: HeartbeatEvent) => void;

  /**
   * @param server The server's address.
   * @param options How often to beat.
   */
  constructor(server: string, options: HeartbeatOptions) {
    checkReachable(server);
    const { timeoutMs, onEvent } = options;
    this.headers = { [SERVER_HEADER]: server };
    if (timeoutMs !== undefined) {
      const leaseMs = Math.min(aboveZero("timeoutMs", timeoutMs), LONGEST_LEASE_MS);
      this.headers[LEASE_HEADER] = String(Math.ceil(leaseMs));
    }
    const everyMs = options.everyMs ?? (timeoutMs ?? LEASE_MS) * LEASE_SHARE;
    this.everyMs = aboveZero("everyMs", everyMs);
    this.requestTimeoutMs = aboveZero("requestTimeoutMs", options.requestTimeoutMs ?? 5000);
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.tell = (event) => onEvent && queueMicrotask(() => onEvent(event));
    this.web = {
      fetch: options.fetch ?? ((url, init) => fetch(url, init)),
      headers: options.headers ?? {},
      clock: this.clock,
      // A beat that is under way is not broken off: it could come in after the
      // request that takes the server out.
      signal: new AbortController().signal,
    };
  }
}

/** Beats to one registry until it is told to stop. */
export class Heart {
  /** What the first beat came to. */
  readonly tried: Promise<void>;
  /** Resolves at the first beat that is taken; rejects if it stops before. */
  readonly registered: Promise<void>;
  readonly #url: string;
  readonly #beat: Beat;
  readonly #running: Promise<void>;
  #registered!: () => void;
  #never!: (reason: unknown) => void;
  #isOver = false;
  #exchange: Exchange | undefined;
  #timer: Timer | undefined;
  #wake = () => {};

  /**
   * @param url The registry.
   * @param beat What to send, and how often.
   */
  constructor(url: string, beat: Beat) {
    this.#url = url;
    this.#beat = beat;
    this.registered = new Promise((resolve, reject) => {
      this.#registered = resolve;
      this.#never = reject;
    });
    this.registered.catch(() => {});
    const first = this.#send("POST");
    this.tried = first.then(() => {});
    this.tried.catch(() => {});
    this.#running = this.#run(first);
  }

  /**
   * Takes the server out, and beats no more.
   *
   * @param reason What `registered` rejects with, if it was not.
   */
  async stop(reason: unknown): Promise<void> {
    this.#isOver = true;
    this.#never(reason);
    this.#exchange?.within(CLOSE_MS, "no answer came");
    this.#wake();
    await this.#running;
    const out = this.#send("DELETE");
    this.#exchange?.within(CLOSE_MS, "no answer came");
    await out.catch(() => {}); // the lease runs out
  }

  async #run(first: Promise<number>): Promise<void> {
    const { everyMs, random, tell } = this.#beat;
    const url = this.#url;
    let limitMs = Infinity; // the first beat has no lease to lose
    let failures = -1; // the first success is told, too
    for (let beat = first; !this.#isOver; beat = this.#send("POST", limitMs)) {
      let pauseMs: number;
      try {
        const leaseMs = await beat;
        if (failures !== 0) tell({ type: "registered", url });
        failures = 0;
        this.#registered();
        limitMs = leaseMs * LIMIT_SHARE;
        pauseMs = Math.min(everyMs, leaseMs * LEASE_SHARE) * (0.9 + 0.1 * random());
      } catch (error) {
        tell({ type: "failed", url, error });
        failures = Math.max(failures, 0) + 1;
        limitMs *= 2; // it may rather be slow
        const mostMs = Math.min(everyMs, LONGEST_RETRY_MS);
        pauseMs = backoffMs({ firstMs: FIRST_RETRY_MS, mostMs }, failures - 1, random());
      }
      if (this.#isOver) break;
      await this.#pause(pauseMs);
      if (this.#isOver) break;
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#timer?.cancel();
        resolve();
      };
      this.#timer = this.#beat.clock.setTimer(ms, this.#wake);
    });
  }

  /** Makes one request; resolves to the lease that was granted. */
  async #send(method: string, limitMs = Infinity): Promise<number> {
    const { web, headers, requestTimeoutMs } = this.#beat;
    const exchange = this.#exchange = new Exchange(web, this.#url);
    try {
      exchange.within(Math.min(requestTimeoutMs, limitMs), "no answer came");
      const answer = await exchange.send(method, headers);
      // A registry that tells no lease, as Go's, knows none but GeeRPC's.
      return Number(answer.headers.get(LEASE_HEADER)) || LEASE_MS;
    } finally {
      exchange.end();
      this.#exchange = undefined;
    }
  }
}
