/**
 * How a client connects, and what it allows: the options, their defaults and checks.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { aboveZero, atLeast } from "../internal/validate.ts";
import { limitsOf, type Protocol } from "../protocol/codec.ts";
import { checkConnectPath } from "../protocol/connect_paths.ts";
import type { Network, TlsOptions } from "../transport.ts";

/** How a client connects, and what it allows. */
export interface ClientOptions {
  /** Handshake and encoding. Default: what the address says, else `geerpc/json`. */
  protocol?: Protocol;
  /**
   * The path of HTTP CONNECT at `http@` addresses, as `/orders` for Go's `HandleHTTP("/orders", …)`.
   * An address with `?path=` says its own, and begins with CONNECT whatever its scheme. Default: the
   * protocol's, `/_geeprc_`, `/_goRPC_` or `/_goRPC_json_`.
   */
  connectPath?: string;
  /** Certificates and names for `tls@` addresses. */
  tls?: TlsOptions;
  /** How long connecting may take, TLS and CONNECT handshakes included. Default 10,000. */
  connectTimeoutMs?: number;
  /** How long a GeeRPC server may take for each call of this connection. Default: no limit. */
  handleTimeoutMs?: number;
  /** The largest message in each direction, in bytes. Default 4 MiB. */
  maxMessageBytes?: number;
  /** How deep arrays and objects of a reply may be nested. Default 100. */
  maxDepth?: number;
  /** The most calls in flight; one more fails as `resource_exhausted`. Default 10,000. */
  maxInFlight?: number;
  /** When a silent connection is doubted, and when it is given up. */
  liveness?: LivenessOptions;
  /** What makes connections. Default: the machine's network. */
  network?: Network;
  /** Where timeouts take the time from. Default: the system's clock. */
  clock?: Clock;
}

/**
 * When a silent connection is doubted, and when it is given up. All in
 * milliseconds, above 0; `Infinity` for never.
 */
export interface LivenessOptions {
  /**
   * A server that owes a reply and has sent nothing for so long is asked for a
   * sign of life. Default 1,000; `Infinity` switches all of this off.
   */
  silenceMs?: number;
  /**
   * If it gives none within so long, its connection is stalled: an `XClient`
   * sends it no further calls, connects anew beside it, and sends the idempotent
   * calls in flight elsewhere as well. Default 500.
   */
  pongMs?: number;
  /**
   * After so long a silence the connection is closed, and its calls fail as
   * `unavailable`. Default 10,000.
   */
  deadMs?: number;
  /** An idle connection is asked for a sign of life so often. Default 30,000. */
  idleMs?: number;
  /**
   * The same as `deadMs`, where the protocol has no way to ask (`geerpc/gob`):
   * there a silent server may only take its time. Default 300,000. If two calls
   * or more were given up in one silence, `deadMs` holds there too.
   */
  muteMs?: number;
}

/** All of {@linkcode LivenessOptions}. */
export type LivenessLimits = Readonly<Required<LivenessOptions>>;

/**
 * Checks the options and fills in the defaults.
 *
 * @param options What the caller gave.
 * @returns All of them.
 * @throws {RangeError} If one is not above 0.
 */
export function livenessLimits(options: LivenessOptions = {}): LivenessLimits {
  return {
    silenceMs: aboveZero("liveness.silenceMs", options.silenceMs ?? 1000),
    pongMs: aboveZero("liveness.pongMs", options.pongMs ?? 500),
    deadMs: aboveZero("liveness.deadMs", options.deadMs ?? 10_000),
    idleMs: aboveZero("liveness.idleMs", options.idleMs ?? 30_000),
    muteMs: aboveZero("liveness.muteMs", options.muteMs ?? 300_000),
  };
}

/** How {@linkcode dial} connects. */
export interface DialOptions extends ClientOptions {
  /** Stops connecting; `dial` rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** How a client closes. */
export interface CloseOptions {
  /** How long calls in flight may take to end, in milliseconds. Default 0: they fail at once. */
  graceMs?: number;
}

/** The default of {@linkcode ClientOptions.connectTimeoutMs}. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** The default of {@linkcode ClientOptions.maxInFlight}. */
export const MAX_IN_FLIGHT = 10_000;

/**
 * Checks the numbers among a client's options.
 *
 * @param options The caller's options.
 * @throws {RangeError} If one is out of range.
 * @throws {RpcError} `invalid_argument` for a `connectPath` that is none.
 */
export function checkClientOptions(options: ClientOptions): void {
  limitsOf(options);
  const { maxInFlight, connectTimeoutMs, handleTimeoutMs } = options;
  atLeast(1, "maxInFlight", maxInFlight ?? MAX_IN_FLIGHT);
  if (options.connectPath !== undefined) checkConnectPath(options.connectPath);
  aboveZero("connectTimeoutMs", connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
  atLeast(0, "handleTimeoutMs", handleTimeoutMs ?? 0);
  livenessLimits(options.liveness);
}
