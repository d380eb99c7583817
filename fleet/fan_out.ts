/**
 * One call to many servers: all of them, the first that succeeds, or each
 * one's outcome as it comes.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { type Abortable, abortWith, releaseFrom } from "../internal/abort.ts";
import { Later } from "./attempt.ts";
import { type Attempt, errorText, type Execution, RpcError, TimeoutError } from "../errors.ts";
import type { FleetCallContext, FleetCallOptions } from "./call.ts";
import type { Endpoint } from "./endpoint.ts";
import { atLeast } from "../internal/validate.ts";
import { FailMode } from "./retry.ts";
import type { CallOptions } from "../service.ts";

/** What may be said along with a call to many servers. */
export interface FanOutOptions extends CallOptions {
  /** How many must succeed. The rest are cancelled then. Default: all; for `fork` 1. */
  quorum?: number;
  /** The most servers asked at once. Default: all. */
  concurrency?: number;
  /** How long each server may take, in milliseconds. Default: `timeoutMs`, which is for all. */
  serverTimeoutMs?: number;
}

/** What became of a call at one server. */
export type Receipt<T> =
  | {
    /** The server. */
    readonly address: string;
    /** It succeeded. */
    readonly ok: true;
    /** What it replied. */
    readonly reply: T;
    /** How long it took, in milliseconds. */
    readonly elapsedMs: number;
  }
  | {
    /** The server. */
    readonly address: string;
    /** It failed. */
    readonly ok: false;
    /** Why. */
    readonly error: unknown;
    /** How long it took, in milliseconds. */
    readonly elapsedMs: number;
  };

/** Calls one server. */
export type CallEndpoint = (endpoint: Endpoint, options: FleetCallOptions) => Promise<unknown>;

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Waits for discovery, but no longer than the call may take, and not if it is
 * given up or the client is closed.
 *
 * @param update What discovery is asked for.
 * @param serviceMethod For messages.
 * @param options Time and signal of the call.
 * @param context What all calls of the `XClient` share.
 * @throws What ended the waiting.
 */
export async function untilListed(
  update: Promise<void>,
  serviceMethod: string,
  { signal, timeoutMs = Infinity }: CallOptions,
  { clock, deadlines, waiting }: FleetCallContext,
): Promise<void> {
  const details = { serviceMethod, execution: "not_sent" } as const;
  const over = new AbortController();
  const wait = {
    abort: (reason: unknown) => over.abort(reason),
    close: () =>
      over.abort(new RpcError("canceled", `${serviceMethod}: the client is closed`, details)),
  };
  const late = new Later(clock.now() + timeoutMs, () => {
    const message = `${serviceMethod}: discovery has named no servers within ${timeoutMs} ms`;
    over.abort(new TimeoutError(message, details));
  });
  if (timeoutMs < Infinity) deadlines.add(late);
  if (signal !== undefined) abortWith(signal, wait);
  waiting.add(wait);
  try {
    await deadline(update, Infinity, { signal: over.signal });
  } finally {
    deadlines.remove(late);
    if (signal !== undefined) releaseFrom(signal, wait);
    waiting.delete(wait);
  }
}

/** A call to many servers, made of calls to each. */
export class FanOut<T> implements Abortable {
  readonly #endpoints: readonly Endpoint[];
  readonly #callEndpoint: CallEndpoint;
  readonly #options: FanOutOptions;
  readonly #serviceMethod: string;
  readonly #context: FleetCallContext;
  /** What is left of the options' `timeoutMs`. */
  readonly #leftMs: number;
  /** The caller has given it up. */
  readonly #aborted = new AbortController();
  /** Nothing more is to come of it: given up, failed, or enough. */
  readonly #linked = new AbortController();

  /**
   * @param endpoints The servers, at least one.
   * @param serviceMethod For messages.
   * @param callEndpoint Calls one of them.
   * @param options Quorum, time and metadata.
   * @param context What all calls of the `XClient` share.
   * @param startedAtMs Since when the time counts.
   * @throws {RangeError} If the quorum can't be reached, the concurrency is no
   * positive number, or `timeoutMs` is none.
   */
  constructor(
    endpoints: readonly Endpoint[],
    serviceMethod: string,
    callEndpoint: CallEndpoint,
    options: FanOutOptions,
    context: FleetCallContext,
    startedAtMs: number,
  ) {
    const { quorum = 1, concurrency = 1, timeoutMs = Infinity } = options;
    if (!(quorum >= 1 && quorum <= endpoints.length)) {
      throw new RangeError(`quorum ${quorum} of ${endpoints.length} servers can't be reached`);
    }
    atLeast(1, "concurrency", concurrency);
    if (Number.isNaN(timeoutMs)) throw new RangeError("timeoutMs is not a number");
    this.#endpoints = endpoints;
    this.#serviceMethod = serviceMethod;
    this.#callEndpoint = callEndpoint;
    this.#options = options;
    this.#context = context;
    this.#leftMs = timeoutMs - (context.fleet.nowMs() - startedAtMs);
  }

  /**
   * Waits for a quorum of successes; what is left is cancelled.
   *
   * @param defaultQuorum How many, if the options do not say. Default: all.
   * @returns The reply that came first.
   * @throws The first failure, where all must succeed; {@linkcode RpcError}
   * with all failures otherwise, when too many have failed.
   */
  async quorum(defaultQuorum = this.#endpoints.length): Promise<T> {
    const { quorum = defaultQuorum, timeoutMs = Infinity } = this.#options;
    const replies: T[] = [];
    const failures: Attempt[] = [];
    const missing = new Set(this.#endpoints.map(({ address }) => address));
    const late = () => this.#late(timeoutMs, missing, failures);
    const enough = this.#run((receipt) => {
      // Where each has as long as all, the one's deadline is the other's.
      const { serverTimeoutMs = timeoutMs } = this.#options;
      if (!receipt.ok && receipt.error instanceof TimeoutError && serverTimeoutMs >= timeoutMs) {
        throw late();
      }
      missing.delete(receipt.address);
      if (receipt.ok) replies.push(receipt.reply);
      else failures.push(failureOf(receipt));
      if (this.#endpoints.length - failures.length < quorum) throw this.#failed(failures, quorum);
      return replies.length >= quorum;
    });
    try {
      // Not what cancels the rest: that also happens when there is enough.
      const { signal } = this.#aborted;
      await deadline(enough, timerMs(this.#leftMs), { signal });
      return replies[0];
    } catch (error) {
      if (this.#aborted.signal.aborted) throw this.#aborted.signal.reason;
      throw this.#end(isTimeout(error) && !(error instanceof TimeoutError) ? late() : error);
    }
  }

  /**
   * Each server's outcome as it comes, those that can't be reached among them.
   * Ends when all have come, or a quorum has succeeded. Who stops early
   * cancels what is left.
   */
  async *receipts(): AsyncGenerator<Receipt<T>> {
    const { quorum = Infinity } = this.#options;
    const arrived: Receipt<T>[] = [];
    let wake = () => {};
    let over = false;
    let successes = 0;
    const all = this.#run((receipt) => {
      arrived.push(receipt);
      wake();
      return receipt.ok && ++successes >= quorum;
    });
    // A deadline or an abort ends each call that is left, and so comes as receipts.
    const watched = deadline(all, timerMs(this.#leftMs), { signal: this.#linked.signal })
      .catch((error) => {
        this.#end(error);
        return all;
      })
      .catch(() => {})
      .finally(() => {
        over = true;
        wake();
      });
    try {
      for (;;) {
        while (arrived.length > 0) yield arrived.shift()!;
        if (over) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (arrived.length > 0 || over) resolve();
        });
      }
    } finally {
      this.#end(new RpcError("canceled", `${this.#serviceMethod}: no further reply is wanted`));
      await watched;
    }
  }

  /**
   * Calls the servers and tells of each outcome.
   *
   * @param tell Returns whether that is enough. What it throws ends the rest too.
   */
  #run(tell: (receipt: Receipt<T>) => boolean): Promise<void> {
    const { signal, serverTimeoutMs = this.#leftMs, meta, schema, concurrency } = this.#options;
    const { fleet } = this.#context;
    if (signal?.aborted) this.abort(signal.reason);
    else if (signal !== undefined) abortWith(signal, this);
    const options: FleetCallOptions = {
      signal: this.#linked.signal,
      timeoutMs: serverTimeoutMs,
      meta,
      schema,
      failMode: FailMode.Failfast,
    };
    let next = 0;
    let enough = false;
    const settle = (receipt: Receipt<T>) => {
      if (enough) return;
      try {
        enough = tell(receipt);
      } catch (error) {
        enough = true;
        this.#end(error); // at once: the others are cancelled in this very turn
        throw error;
      }
      if (enough) {
        this.#end(new RpcError("canceled", `${this.#serviceMethod}: no further reply is needed`));
      }
    };
    const work = async () => {
      while (next < this.#endpoints.length && !enough) {
        const endpoint = this.#endpoints[next++];
        const { address } = endpoint;
        const startedAtMs = fleet.nowMs();
        const elapsed = () => fleet.nowMs() - startedAtMs;
        await this.#callEndpoint(endpoint, options).then(
          (reply) => settle({ address, ok: true, reply: reply as T, elapsedMs: elapsed() }),
          (error) => settle({ address, ok: false, error, elapsedMs: elapsed() }),
        );
      }
    };
    const workers = Math.min(concurrency ?? Infinity, this.#endpoints.length);
    return Promise.all(Array.from({ length: workers }, work))
      .then(() => {})
      .finally(() => signal && releaseFrom(signal, this));
  }

  abort(reason: unknown): void {
    this.#end(reason);
    this.#aborted.abort(reason);
  }

  /** Cancels every call that is left. */
  #end(reason: unknown): unknown {
    if (!this.#linked.signal.aborted) this.#linked.abort(reason);
    return reason;
  }

  #late(
    timeoutMs: number,
    missing: ReadonlySet<string>,
    attempts: readonly Attempt[],
  ): TimeoutError {
    const serviceMethod = this.#serviceMethod;
    const message = `${serviceMethod}: no reply within ${timeoutMs} ms from ` +
      [...missing].join(", ");
    return new TimeoutError(message, { serviceMethod, attempts });
  }

  #failed(failures: readonly Attempt[], quorum: number): unknown {
    if (quorum === this.#endpoints.length) return failures[0].error;
    const first = failures[0].error;
    const code = first instanceof RpcError ? first.code : "unavailable";
    const servers = this.#endpoints.length;
    const message = `${this.#serviceMethod}: ${failures.length} of ${servers} servers failed, ` +
      `${quorum} had to succeed; the first: ${failures[0].address}: ${errorText(first)}`;
    return new RpcError(code, message, {
      serviceMethod: this.#serviceMethod,
      execution: failures.reduce(lessCertain, "not_sent"),
      attempts: failures,
      cause: new AggregateError(failures.map(({ error }) => error)),
    });
  }
}

const CERTAINTIES: readonly unknown[] = ["not_sent", "rejected", "answered"];

/** What is certain about some calls, taken together: what is so about each. */
function lessCertain(execution: Execution, { error }: Attempt): Execution {
  const other = error instanceof RpcError || error instanceof TimeoutError
    ? error.execution
    : "unknown";
  const [one, two] = [CERTAINTIES.indexOf(execution), CERTAINTIES.indexOf(other)];
  return one < 0 || two < 0 ? "unknown" : one < two ? other : execution;
}

/** What a timer can hold; what it can't is for ever. */
function timerMs(timeoutMs: number): number {
  return timeoutMs > LONGEST_TIMER_MS ? Infinity : Math.max(timeoutMs, 0);
}

function failureOf(receipt: Receipt<unknown> & { ok: false }): Attempt {
  const { address, elapsedMs, error } = receipt;
  return { address, phase: "call", elapsedMs, why: "fan-out", error };
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}
