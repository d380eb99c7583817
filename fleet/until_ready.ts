/**
 * Waiting until an `XClient` can make calls.
 *
 * @module
 */

import { errorText, RpcError } from "../errors.ts";
import { checkTime } from "../internal/call_options.ts";
import { aSignal, type Checks } from "../internal/options.ts";
import { sleep, type TimeLimit } from "../internal/time.ts";
import type { FleetCallContext } from "./call.ts";
import type { Endpoint } from "./endpoint.ts";
import { withinLimit } from "./until_listed.ts";

/** How long to wait for an `XClient` to be ready. */
export interface ReadyOptions {
  /** Gives up when it aborts: `ready` rejects with its reason. */
  signal?: AbortSignal;
  /** How long it may take, in milliseconds. Default: no limit. */
  timeoutMs?: number;
}

/** What the options may be. */
export const READY_CHECKS: Checks<ReadyOptions> = { signal: aSignal, timeoutMs: checkTime };

/** How long to wait before looking again, in milliseconds: twice as long each time. */
const FIRST_LOOK_MS = 50;
const LAST_LOOK_MS = 1000;
const NOT_SENT = { execution: "not_sent" } as const;

/**
 * Waits until the list of servers is known and one of them is connected. All
 * are dialled at once, and again as their backoff allows; a list that fails is
 * asked for again.
 *
 * @param context What all calls of the `XClient` share.
 * @param options Time and signal.
 * @throws {TimeoutError} If the time is over; it says why, as far as that is known.
 * @throws {RpcError} `canceled` if the client is closed.
 * @throws The signal's reason, if it aborts.
 */
export function untilReady(context: FleetCallContext, options: ReadyOptions): Promise<void> {
  const wait = new ReadyWait(context);
  const late = () => `ready: within ${options.timeoutMs} ms ${wait.why}`;
  return withinLimit("ready", options, context, late, (limit) => wait.over(limit));
}

/** One wait. */
class ReadyWait {
  readonly #context: FleetCallContext;
  /** Those whose dial is waited for. */
  readonly #dialling = new Set<Endpoint>();
  #lastError: unknown;
  /** Ends the pause between two looks. */
  #pause = new AbortController();

  constructor(context: FleetCallContext) {
    this.#context = context;
  }

  /** Why it is not over yet, for an error. */
  get why(): string {
    const addresses = this.#context.fleet.endpoints.map(({ address }) => address);
    const why = addresses.length === 0
      ? "discovery has named no servers"
      : `none of ${addresses.join(", ")} is connected`;
    return this.#lastError === undefined
      ? why
      : `${why}; the last error: ${errorText(this.#lastError)}`;
  }

  async over(limit: TimeLimit): Promise<void> {
    const { fleet, clock } = this.#context;
    try {
      for (let pauseMs = FIRST_LOOK_MS;; pauseMs = Math.min(pauseMs * 2, LAST_LOOK_MS)) {
        await this.#list(limit);
        limit.signal.throwIfAborted();
        if (fleet.closed) throw new RpcError("canceled", "ready: the client is closed", NOT_SENT);
        if (fleet.endpoints.some(({ client }) => client !== undefined)) return;
        this.#pause = new AbortController();
        this.#dial();
        await limit.race(sleep(clock, pauseMs, this.#pause.signal));
      }
    } finally {
      this.#pause.abort();
    }
  }

  async #list(limit: TimeLimit): Promise<void> {
    try {
      const update = this.#context.fleet.update();
      if (update !== undefined) await limit.race(update);
    } catch (error) {
      this.#lastError = error; // a later list may be better
    }
  }

  #dial(): void {
    const { fleet, turnClock } = this.#context;
    for (const endpoint of fleet.endpoints) {
      const { connector } = endpoint;
      const isDue = connector.state === "dialling" || connector.isDialDue(turnClock.now());
      if (this.#dialling.has(endpoint) || !isDue) continue;
      this.#dialling.add(endpoint);
      connector.connect().then(() => this.#pause.abort(), (error) => this.#lastError = error)
        .finally(() => this.#dialling.delete(endpoint));
    }
  }
}
