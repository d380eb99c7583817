/**
 * What an `XClient` may be told, and what it tells.
 *
 * @module
 */

import type { ClientOptions } from "../client.ts";
import { type RpcCode, RpcError, TimeoutError } from "../errors.ts";
import type { HealthOptions, HealthState } from "./health.ts";
import type { LivenessOptions } from "./liveness.ts";
import type { EndpointEvent } from "./endpoint.ts";
import type { FailMode, RetryBudgetOptions } from "./retry.ts";
import type { Random, SelectMode, Selector } from "../selector.ts";

/** How an `XClient` picks servers, connects to them, and gets calls through. */
export interface XClientOptions extends ClientOptions {
  /** The balancing policy, by name or your own. Default `SelectMode.ShortestExpectedDelay`. */
  mode?: SelectMode | Selector;
  /** For `consistent_hash`: how many times the mean of calls in flight a server may have. */
  boundedLoad?: number;
  /** Where policies and backoff take chance from. Default `Math.random`. */
  random?: Random;
  /** What becomes of a call whose try fails. Default `FailMode.Failover`. */
  failMode?: FailMode;
  /** The most tries of a call, the first included. Default 3. */
  maxAttempts?: number;
  /** Which methods may be run twice: their names, or a test. Default: none. */
  idempotent?: readonly string[] | ((serviceMethod: string) => boolean);
  /** How many tries beyond the first there may be. Default: 20 % of calls and 10/s. */
  retryBudget?: RetryBudgetOptions;
  /** How many of them may be hedges. Default: 5 % of calls and 1/s. */
  hedgeBudget?: RetryBudgetOptions;
  /** When a server whose calls fail is left out. */
  health?: HealthOptions;
  /** When a silent server is doubted. */
  liveness?: LivenessOptions;
  /**
   * Whether an error is its server's fault, and counts against it. Default:
   * `unavailable`, `internal`, `resource_exhausted`, `data_loss`,
   * `deadline_exceeded` and timeouts; what handlers themselves throw does not.
   */
  isFailure?: (error: unknown) => boolean;
  /** Told what happens to each server, as it happens. */
  onEvent?: (event: XClientEvent) => void;
}

/** Something that has happened to a server. */
export interface XClientEvent {
  /** What. */
  readonly type: EndpointEvent;
  /** Which server. */
  readonly address: string;
  /** The error that it happened by, if any. */
  readonly cause?: unknown;
}

/** The live figures of one server, as they were. */
export interface EndpointSnapshot {
  /** The server. */
  readonly address: string;
  /** Its share of the calls, relative to the others'. */
  readonly weight: number;
  /** Whether it has a connection that takes calls. */
  readonly connected: boolean;
  /** Whether its calls have been failing. */
  readonly health: HealthState;
  /** Whether it gives no sign of life. */
  readonly stalled: boolean;
  /** How many calls it has not answered. */
  readonly inFlight: number;
  /** For how long the oldest of these has waited, in milliseconds; 0 if there are none. */
  readonly oldestAgeMs: number;
  /** Smoothed reply time, in milliseconds; 0 while none is known. */
  readonly latencyMs: number;
  /** How many calls went well. */
  readonly successes: number;
  /** How many failed by its fault. */
  readonly failures: number;
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
 * Whether an error is its server's fault, unless the program says otherwise.
 *
 * @param error What a call failed with.
 * @returns `false` for what handlers throw as answers.
 */
export function isServersFault(error: unknown): boolean {
  return error instanceof TimeoutError ||
    error instanceof RpcError && SERVERS_FAULTS[error.code] === true;
}
