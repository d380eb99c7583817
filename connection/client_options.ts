/**
 * How a client connects, and what it allows: the options, their defaults and checks.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { aboveZero, atLeast } from "../internal/validate.ts";
import { limitsOf, type Protocol } from "../protocol/codec.ts";
import type { Network, TlsOptions } from "../transport.ts";

/** How a client connects, and what it allows. */
export interface ClientOptions {
  /** Handshake and encoding. Default: what the address says, else `geerpc/json`. */
  protocol?: Protocol;
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
  /** What makes connections. Default: the machine's network. */
  network?: Network;
  /** Where timeouts take the time from. Default: the system's clock. */
  clock?: Clock;
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
 */
export function checkClientOptions(options: ClientOptions): void {
  limitsOf(options);
  const { maxInFlight, connectTimeoutMs, handleTimeoutMs } = options;
  atLeast(1, "maxInFlight", maxInFlight ?? MAX_IN_FLIGHT);
  aboveZero("connectTimeoutMs", connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
  atLeast(0, "handleTimeoutMs", handleTimeoutMs ?? 0);
}
