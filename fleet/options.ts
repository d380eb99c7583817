/**
 * The options of an `XClient`, its events, and the snapshot of its endpoints.
 *
 * @module
 */

import { CLIENT_CHECKS, type ClientOptions } from "../connection/client_options.ts";
import { type RpcCode, RpcError } from "../errors.ts";
import type { Random, SelectMode, Selector } from "../selector.ts";
import { isTimeout } from "./call_error.ts";
import type { EndpointEvent } from "./events.ts";
import {
  callback,
  callbackOr,
  type Checks,
  either,
  flag,
  group,
  having,
  name,
  number,
  numberFrom,
  text,
  texts,
  whole,
} from "../internal/options.ts";
import { queueMicrotask } from "../internal/platform.ts";
import { checkFailMode, type FailMode } from "./fail_mode.ts";
import { HEALTH_CHECKS, type HealthOptions, type HealthState } from "./health.ts";
import { isOverload } from "./next_step.ts";
import { BUDGET_CHECKS, type RetryBudgetOptions } from "./retry_budget.ts";

/** How an `XClient` picks servers, connects to them, and repeats calls that fail. */
export interface XClientOptions extends ClientOptions {
  /** The balancing policy, by name or your own. Default `SelectMode.ShortestExpectedDelay`. */
  mode?: SelectMode | Selector;
  /**
   * For `consistent_hash`: how many times the mean of calls in flight a server
   * may have, at least 1. Default `Infinity`.
   */
  boundedLoad?: number;
  /**
   * Over how long a server that comes gets its share of the calls, in milliseconds: one that
   * joins the list, or is there again after it could not be reached, drained or was ejected.
   * It begins with a tenth. 0 to 86,400,000. Default 0: it gets its share at once.
   */
  slowStartMs?: number;
  /**
   * Where this client is: calls stay at servers that have the same `zone=` in their
   * address while these have room. A server without one is in the zone `""`. It
   * makes no difference to `consistent_hash`. Default: calls go to all servers alike.
   */
  zone?: string;
  /** Where policies and backoff take chance from. Default `Math.random`. */
  random?: Random;

  /** What happens to a call after a failed attempt. Default `FailMode.Failover`. */
  failMode?: FailMode;
  /**
   * The most attempts of a call, the first included; at least 1. Default 3, and further
   * ones, each after a backoff, for a call with `timeoutMs` that waits for room.
   */
  maxAttempts?: number;
  /**
   * Whether a call waits for room when all servers that it was tried at have turned it
   * away: it is tried again when they say that there may be some (`retryAfterMs`), or after a
   * backoff, until its deadline. `false`: it fails at once.
   * Default: it waits where handlers turn it away for another reason (`unavailable`), and fails
   * at once where servers have too much to do (`resource_exhausted`): calls that
   * come back would be what they have too much of, and the caller hears of it before its
   * deadline. `true` is for callers that have time, such as jobs.
   */
  waitForRoom?: boolean;
  /** Which methods may run twice: their names (`Service.Method`), or a test. Default: none. */
  idempotent?: readonly string[] | ((serviceMethod: string) => boolean);
  /** How many attempts beyond the first there may be. Default: 20 % of the calls and 10/s. */
  retryBudget?: RetryBudgetOptions;
  /** How many of them may be hedges. Default: 5 % of the calls and 1/s. */
  hedgeBudget?: RetryBudgetOptions;

  /** When a server whose calls fail is ejected. */
  health?: HealthOptions;
  /**
   * Whether an error is the server's fault, and counts against its health.
   * Default: timeouts, those of a signal (`AbortSignal.timeout`) too, `unavailable`, `internal`, `resource_exhausted`,
   * `data_loss` and `deadline_exceeded`; what handlers throw does not, nor calls that were turned
   * away because there is too much to do (`resource_exhausted`, `rejected`). If it
   * throws, the default holds for that error, and what it threw is an uncaught error.
   */
  isFailure?: (error: unknown) => boolean;

  /**
   * Called with what happens to each server: a frozen event, a microtask after the fact.
   * What it throws is an uncaught error of the program.
   */
  onEvent?: (event: XClientEvent) => void;
}

/** What the options may be. */
export const XCLIENT_CHECKS: Checks<XClientOptions> = {
  ...CLIENT_CHECKS,
  mode: either(
    (value) => typeof value === "string",
    text, // `createSelector` knows the names
    having("a SelectMode or a Selector, with pick", "pick"),
  ),
  boundedLoad: number(1),
  slowStartMs: numberFrom(0, 86_400_000),
  zone: text,
  random: callback,
  failMode: name(checkFailMode),
  maxAttempts: whole(1),
  waitForRoom: flag,
  idempotent: callbackOr(texts),
  retryBudget: group(BUDGET_CHECKS),
  hedgeBudget: group(BUDGET_CHECKS),
  health: group(HEALTH_CHECKS),
  isFailure: callback,
  onEvent: callback,
};

/** Something that has happened to a server. Frozen. */
export interface XClientEvent {
  /** What has happened. */
  readonly type: EndpointEvent;
  /** The server. */
  readonly address: string;
  /** Why, for `unreachable`. */
  readonly error?: unknown;
  /** The same as `error`, by the name that it had before. */
  readonly cause?: unknown;
}

/** The live figures of one server at one time. Frozen. */
export interface EndpointSnapshot {
  /** The server. */
  readonly address: string;
  /** Its share of the calls, relative to the others'. */
  readonly weight: number;
  /** The same, but lower in its slow start; see {@linkcode XClientOptions.slowStartMs}. */
  readonly effectiveWeight: number;
  /** Where it is; empty if its address does not say. */
  readonly zone: string;
  /** Whether it has a connection that takes calls. */
  readonly connected: boolean;
  /** Whether it is given calls, as far as its own have failed. */
  readonly health: HealthState;
  /** Whether it was asked for a sign of life and gave none. */
  readonly stalled: boolean;
  /** How many calls and streams are in flight. */
  readonly inFlight: number;
  /** How long the oldest of these calls has been in flight, in milliseconds; 0 if there are none. */
  readonly oldestAgeMs: number;
  /** Smoothed reply time, in milliseconds; 0 while none is known. */
  readonly latencyMs: number;
  /**
   * How many calls of all clients ran or waited there when it last told, or what it says in
   * place of that; `undefined` while it has told nothing: only servers of this library do.
   */
  readonly reportedLoad?: number | undefined;
  /** How long ago that was told, or confirmed by a reply, in milliseconds; `undefined` likewise. */
  readonly reportedAgeMs?: number | undefined;
  /** How many calls succeeded. */
  readonly successes: number;
  /** How many calls and dials failed by its fault. */
  readonly failures: number;
  /** How many calls it has turned away because it had too much to do. */
  readonly refused: number;
}

/** Which codes are the fault of the server that answers with them. */
const SERVERS_FAULTS: Readonly<Record<RpcCode, boolean>> = {
  canceled: false,
  unknown: false,
  invalid_argument: false,
  deadline_exceeded: true,
  not_found: false,
  already_exists: false,
  permission_denied: false,
  resource_exhausted: true,
  failed_precondition: false,
  aborted: false,
  out_of_range: false,
  unimplemented: false,
  internal: true,
  unavailable: true,
  data_loss: true,
  unauthenticated: false,
};

/**
 * Whether an error is the server's fault, unless `isFailure` says otherwise.
 *
 * @param error What a call failed with.
 * @returns `false` for what handlers throw.
 */
export function isServersFault(error: unknown): boolean {
  return isTimeout(error) ||
    error instanceof RpcError && SERVERS_FAULTS[error.code] === true && !isOverload(error);
}

/**
 * The program's own test whether an error is the server's fault.
 *
 * @param isFailure The test. If it throws, the default holds for that error, and what it threw is
 * an uncaught error of the program.
 */
export function guardedJudge(
  isFailure: (error: unknown) => boolean,
): (error: unknown) => boolean {
  return (error) => {
    try {
      return isFailure(error);
    } catch (thrown) {
      queueMicrotask(() => {
        throw thrown; // where nothing of ours is on the stack
      });
      return isServersFault(error);
    }
  };
}
