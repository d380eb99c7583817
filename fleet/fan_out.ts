/**
 * One call to all endpoints: a quorum of them, the first that succeeds, or the
 * outcome of each as it comes. This file is one class, and the types of its
 * options and outcomes.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { type Attempt, errorText, type Execution, RpcError, TimeoutError } from "../errors.ts";
import {
  CALL_OPTIONS,
  checkCallNames,
  checkCallValues,
  checkTime,
  NO_OPTIONS,
} from "../internal/call_options.ts";
import { whole } from "../internal/options.ts";
import { TimeLimit } from "../internal/time.ts";
import type { CallOptions } from "../internal/service.ts";
import type { InterceptedCall } from "../connection/intercepted_call.ts";
import type { Settler } from "../connection/pending_calls.ts";
import { Arrivals } from "./arrivals.ts";
import { FleetCall, type FleetCallContext } from "./call.ts";
import { executionOf, lessCertain } from "./call_error.ts";
import type { FleetCallOptions } from "./call_options.ts";
import type { Endpoint } from "./endpoint.ts";
import { InterceptedFleetCall } from "./intercepted_call.ts";
import { FailMode } from "./fail_mode.ts";

/** What a caller may give along with a call to all servers. */
export interface FanOutOptions extends CallOptions {
  /** How many must succeed; the others are cancelled then. Default: all; for `fork` 1. */
  quorum?: number;
  /** The most servers that are asked at once. Default: all. */
  concurrency?: number;
  /** How long each server may take, in milliseconds. Default: `timeoutMs`, which is for all. */
  serverTimeoutMs?: number;
}

/** The outcome of a call at one server. */
export type Receipt<T> =
  | {
    /** The server. */
    readonly address: string;
    /** It succeeded. */
    readonly ok: true;
    /** Its reply. */
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

type Outcome<T> = { readonly ok: true; readonly reply: T } | {
  readonly ok: false;
  readonly error: unknown;
};

/**
 * What `deadline` is given: a number that every release of it takes (some pass
 * it to `AbortSignal.timeout`, which refuses `Infinity` and fractions), and for
 * which Deno may hold its timer and all that hangs on it.
 */
const DEADLINE_TIMER_MS = 60_000;

const KNOWN = [...CALL_OPTIONS, "quorum", "concurrency", "serverTimeoutMs"];
const countCheck = whole(1);

/**
 * Checks what needs no list of servers to be wrong.
 *
 * @param options What the caller gave.
 * @throws {RangeError} If a number is out of range.
 * @throws {TypeError} If an option does not exist, or is of the wrong type.
 * @throws The signal's reason, if it has aborted.
 */
export function checkFanOutOptions(options: FanOutOptions): void {
  if (options === NO_OPTIONS) return;
  checkCallNames(options, KNOWN);
  checkCallValues(options);
  const { quorum, concurrency, serverTimeoutMs } = options;
  if (quorum !== undefined) countCheck("quorum", quorum);
  if (concurrency !== undefined) countCheck("concurrency", concurrency);
  if (serverTimeoutMs !== undefined) checkTime("serverTimeoutMs", serverTimeoutMs);
  options.signal?.throwIfAborted();
}

/** A call to all endpoints, made of a call to each. It ends in one way: its limit aborts. */
export class FanOut<T> {
  readonly #endpoints: readonly Endpoint[];
  readonly #context: FleetCallContext;
  readonly #serviceMethod: string;
  readonly #args: unknown;
  readonly #options: FanOutOptions;
  readonly #intercepted: InterceptedCall | undefined;
  /** When the time is over, on the clock's scale. */
  readonly #dueAtMs: number;
  /** Aborts at the deadline, with the caller's signal, and when no further reply is needed. */
  readonly #limit: TimeLimit;
  /** The calls that have begun. */
  readonly #calls = new Map<Endpoint, FleetCall>();
  /** Whether the deadline for all of it has passed. */
  #isLate = false;

  /**
   * @param endpoints All of them, at least one.
   * @param context What all calls of the `XClient` share.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Quorum, time and metadata; checked by {@linkcode checkFanOutOptions}.
   * @param startedAtMs Since when the time counts.
   * @param intercepted The call as interceptors see it, if there are some.
   * @throws {RangeError} If there are not so many servers as the quorum.
   */
  constructor(
    endpoints: readonly Endpoint[],
    context: FleetCallContext,
    serviceMethod: string,
    args: unknown,
    options: FanOutOptions,
    startedAtMs: number,
    intercepted?: InterceptedCall,
  ) {
    const { quorum = 1, timeoutMs = Infinity, signal } = options;
    if (!(quorum >= 1 && quorum <= endpoints.length)) {
      throw new RangeError(`quorum ${quorum} of ${endpoints.length} servers can't be reached`);
    }
    this.#endpoints = endpoints;
    this.#context = context;
    this.#serviceMethod = serviceMethod;
    this.#args = args;
    this.#options = options;
    this.#intercepted = intercepted;
    this.#dueAtMs = startedAtMs + timeoutMs;
    this.#limit = new TimeLimit({ clock: context.clock, signal });
  }

  /**
   * Waits for a quorum of successes. The calls that are left are cancelled.
   *
   * @param defaultQuorum How many, if the options do not say. Default: all.
   * @returns The reply that came first.
   * @throws The first failure, where all must succeed; otherwise an
   * {@linkcode RpcError} that lists all failures, once too many have failed.
   * @throws {TimeoutError} At the deadline, naming the servers that are missing.
   * @throws The caller's signal's reason, if it aborts.
   */
  async quorum(defaultQuorum = this.#endpoints.length): Promise<T> {
    const { quorum = defaultQuorum } = this.#options;
    const { signal } = this.#limit;
    const replies: T[] = [];
    const failures: Attempt[] = [];
    const missing = new Set(this.#endpoints);
    const late = () => this.#lateError(missing, failures, replies.length > 0);
    const all = this.#run(late, (receipt, endpoint) => {
      if (this.#isLate) {
        this.#limit.abort(late());
        return true;
      }
      missing.delete(endpoint);
      if (receipt.ok) return replies.push(receipt.reply) >= quorum;
      failures.push(failureOf(receipt));
      if (this.#endpoints.length - failures.length >= quorum) return false;
      this.#limit.abort(this.#quorumError(missing, failures, replies.length > 0, quorum));
      return true;
    });
    try {
      await deadline(all, DEADLINE_TIMER_MS, { signal });
    } catch {
      // Its timer runs on the platform's clock and decides nothing: the time is the limit's.
      if (!signal.aborted) await this.#limit.race(all).catch(() => {});
    }
    if (replies.length >= quorum) return replies[0];
    throw signal.reason;
  }

  /**
   * The outcome of each server as it comes, also of those that can't be reached.
   * Ends when all have come, or a quorum has succeeded. A caller that stops
   * early cancels the calls that are left.
   */
  async *receipts(): AsyncGenerator<Receipt<T>> {
    const { quorum = Infinity } = this.#options;
    const arrivals = new Arrivals<Receipt<T>>();
    let successes = 0;
    const late = () => this.#lateError(this.#endpoints, [], true);
    const all = this.#run(late, (receipt) => {
      arrivals.add(receipt);
      return receipt.ok && ++successes >= quorum;
    }).then(() => arrivals.end());
    try {
      yield* arrivals.taken();
    } finally {
      this.#cancel("no further reply is wanted");
      await all;
    }
  }

  /**
   * Calls the endpoints, so many at once as the options say.
   *
   * @param late Makes the error that the calls are cancelled with at the deadline.
   * @param take Takes each outcome, and returns whether the fan-out is over.
   * @returns Resolves when it is over, or all outcomes have come. Never rejects.
   */
  async #run(
    late: () => TimeoutError,
    take: (receipt: Receipt<T>, endpoint: Endpoint) => boolean,
  ): Promise<void> {
    const { concurrency = Infinity } = this.#options;
    const { turnClock } = this.#context;
    let next = 0;
    let isOver = false;
    const work = async () => {
      while (next < this.#endpoints.length && !isOver) {
        const endpoint = this.#endpoints[next++];
        const startedAtMs = turnClock.now();
        const outcome = await this.#call(endpoint);
        if (isOver) return;
        const elapsedMs = turnClock.now() - startedAtMs;
        isOver = take({ address: endpoint.address, ...outcome, elapsedMs }, endpoint);
        // In this very turn: the servers are told to stop, and nothing more is sent.
        if (isOver) this.#cancel("no further reply is needed");
      }
    };
    const workers = Math.min(concurrency, this.#endpoints.length);
    const all = Promise.all(Array.from({ length: workers }, work));
    // After the calls, which have the same deadline: what ends by its own is judged by it.
    this.#limit.set(this.#leftMs, () => {
      this.#isLate = true;
      return late();
    });
    await all;
    this.#limit.end();
  }

  #call(endpoint: Endpoint): Promise<Outcome<T>> {
    const { meta, schema, certain, serverTimeoutMs = Infinity } = this.#options;
    const { signal } = this.#limit;
    const leftMs = this.#leftMs;
    const timeoutMs = Math.min(serverTimeoutMs, leftMs);
    const failMode = FailMode.Failfast;
    const options = { signal, timeoutMs, meta, schema, certain, failMode };
    return new Promise((resolve) => {
      const settler: Settler = {
        resolve: (reply) => resolve({ ok: true, reply: reply as T }),
        reject: (error) => {
          if (error !== signal.reason) {
            if (error instanceof TimeoutError && timeoutMs === leftMs) this.#isLate = true;
          } else if (this.#isLate) {
            error = this.#timeoutError([endpoint], call.execution);
          }
          resolve({ ok: false, error });
        },
      };
      const call = this.#fleetCall(options, settler, endpoint);
      this.#calls.set(endpoint, call);
      call.start();
    });
  }

  #fleetCall(options: FleetCallOptions, settler: Settler, endpoint: Endpoint): FleetCall {
    const context = this.#context;
    return this.#intercepted === undefined
      ? new FleetCall(context, this.#serviceMethod, this.#args, options, settler, endpoint)
      : new InterceptedFleetCall(context, this.#intercepted, options, settler, endpoint);
  }

  get #leftMs(): number {
    return this.#dueAtMs - this.#context.turnClock.now();
  }

  /** Cancels the calls that are left, unless they have ended for another reason. */
  #cancel(why: string): void {
    this.#limit.abort(new RpcError("canceled", `${this.#serviceMethod}: ${why}`));
  }

  /** The error of the deadline for all of it. */
  #lateError(
    missing: Iterable<Endpoint>,
    failures: readonly Attempt[],
    hasRun: boolean,
  ): TimeoutError {
    const execution = hasRun ? "unknown" : this.#executionSoFar(missing, failures);
    return this.#timeoutError([...missing], execution, failures);
  }

  /** What is certain about the call at all servers taken together, but for those that replied. */
  #executionSoFar(missing: Iterable<Endpoint>, failures: readonly Attempt[]): Execution {
    const inFlight = [...missing].map((endpoint) =>
      this.#calls.get(endpoint)?.execution ?? "not_sent"
    );
    return [...inFlight, ...failures.map(({ error }) => executionOf(error))].reduce(lessCertain);
  }

  #timeoutError(
    missing: readonly Endpoint[],
    execution: Execution,
    attempts: readonly Attempt[] = [],
  ): TimeoutError {
    const serviceMethod = this.#serviceMethod;
    const addresses = missing.map(({ address }) => address);
    const message = `${serviceMethod}: no reply within ${this.#options.timeoutMs} ms from ` +
      addresses.join(", ");
    return new TimeoutError(message, { address: addresses[0], serviceMethod, execution, attempts });
  }

  #quorumError(
    missing: Iterable<Endpoint>,
    failures: readonly Attempt[],
    hasRun: boolean,
    quorum: number,
  ): unknown {
    const [{ address, error: first }] = failures;
    const needsAll = quorum === this.#endpoints.length;
    // An error that names its server says what is certain there.
    if (needsAll && !(first instanceof RpcError && first.address === undefined)) return first;
    const serviceMethod = this.#serviceMethod;
    const servers = this.#endpoints.length;
    const soFar = this.#executionSoFar(missing, failures);
    return new RpcError(
      first instanceof RpcError ? first.code : "unavailable",
      needsAll ? errorText(first) : `${serviceMethod}: ${failures.length} of ${servers} servers ` +
        `failed, ${quorum} had to succeed; the first: ${address}: ${errorText(first)}`,
      {
        serviceMethod,
        execution: hasRun ? lessCertain(soFar, "answered") : soFar,
        attempts: failures,
        cause: new AggregateError(failures.map(({ error }) => error)),
      },
    );
  }
}

function failureOf({ address, elapsedMs, error }: Receipt<unknown> & { ok: false }): Attempt {
  return { address, phase: "call", elapsedMs, why: "fan-out", error };
}
