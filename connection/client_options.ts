/**
 * How a client connects, and what it allows: the options, their defaults and checks.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { ClientInterceptors } from "./interceptor.ts";
import {
  aClock,
  aNetwork,
  anObject,
  anything,
  aSignal,
  type Check,
  checkOptions,
  type Checks,
  flag,
  group,
  interceptorList,
  name,
  number,
  numberFrom,
  positive,
  textByName,
  whole,
} from "../internal/options.ts";
import { tlsSource } from "../internal/tls_options.ts";
import { LIMIT_CHECKS, type Protocol } from "../protocol/codec.ts";
import { checkProtocol } from "../protocol/protocols.ts";
import { checkConnectPath } from "../protocol/connect_paths.ts";
import type { Network, TlsSource } from "../transport.ts";

/** How a client connects, and what it allows. */
export interface ClientOptions {
  /**
   * Handshake and encoding of the servers whose address does not say it, as
   * `?protocol=netrpc/gob` does. Default `geerpc/json`.
   */
  protocol?: Protocol;
  /**
   * The path of HTTP CONNECT at `http@` addresses, as `/orders` for Go's `HandleHTTP("/orders", …)`.
   * An address with `?path=` says its own, and begins with CONNECT whatever its scheme. Default: the
   * protocol's, `/_geeprc_`, `/_goRPC_` or `/_goRPC_json_`.
   */
  connectPath?: string;
  /**
   * Certificates and names for `tls@` addresses, or a function that gives them: it is asked for
   * each dial, and may return a promise. If it fails, so does the dial, as `unavailable`. Default:
   * servers need a certificate of an authority that the runtime trusts, and get none of ours.
   */
  tls?: TlsSource;
  /** How long connecting may take, TLS and CONNECT handshakes included. Default 10,000. */
  connectTimeoutMs?: number;
  /** How long a GeeRPC server may take for each call of this connection. Default: no limit. */
  handleTimeoutMs?: number;
  /** The largest message in each direction, in bytes. Default 4 MiB. */
  maxMessageBytes?: number;
  /** How deep arrays and objects of a reply may be nested. Default 100. */
  maxDepth?: number;
  /**
   * Whether integers beyond ±(2^53 − 1) that come from peers which know JSON alone, as Go's `int64`,
   * are bigints, and bigints are sent to them as integers. Between our own ends on `geerpc/json`
   * bigints need nothing. It needs a runtime with `JSON.rawJSON`, which Node 20 lacks. Default
   * `false`: such numbers are rounded, and a bigint is refused.
   */
  bigints?: boolean;
  /** The most calls in flight; one more fails as `resource_exhausted`. Default 10,000. */
  maxInFlight?: number;
  /** When a silent connection is doubted, and when it is given up. */
  liveness?: LivenessOptions;
  /** What stands around every call, and around every attempt; the outermost first. Default: nothing. */
  interceptors?: ClientInterceptors;
  /** The time and the metadata of calls that do not say their own, for all and by method. */
  defaults?: CallDefaults;
  /**
   * Whether a call that is made while this process serves another one inherits from that: its
   * deadline, its signal and its trace, as by `ctx.inherit()`. It needs a `Server` with the option
   * `asyncContext`; docs/interceptors.md has the traps. Default `false`.
   */
  inherit?: boolean;
  /** What makes connections. Default: the machine's network. */
  network?: Network;
  /** Where timeouts take the time from. Default: the system's clock. */
  clock?: Clock;
}

/** What a call is given that does not say its own. */
export interface MethodDefaults {
  /**
   * How long to wait for the reply, in milliseconds, above 0. A call that is to wait for ever says
   * `Infinity`. Default: for ever.
   */
  timeoutMs?: number;
  /** Metadata for the server; a call's own goes over it, name by name. */
  meta?: Readonly<Record<string, string>>;
}

/**
 * What calls are given that do not say their own. What a method has goes over what is for all.
 *
 * @example
 * ```ts
 * import { type CallDefaults, XClient } from "@geerpc/xclient";
 *
 * const defaults: CallDefaults = {
 *   timeoutMs: 2000,
 *   meta: { tenant: "acme" },
 *   methods: { "Report.Build": { timeoutMs: 60_000 } },
 * };
 * await using xclient = new XClient(["tcp@127.0.0.1:9001"], { defaults });
 * ```
 */
export interface CallDefaults extends MethodDefaults {
  /** By method, as `Service.Method`. */
  methods?: Readonly<Record<string, MethodDefaults>>;
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
   * The same as `deadMs`, where there is no way to ask (`geerpc/gob`, with a
   * server that is not ours): there a silent server may only take its time. Default 300,000. If two calls
   * or more were given up in one silence, `deadMs` holds there too.
   */
  muteMs?: number;
}

/** All of {@linkcode LivenessOptions}. */
export type LivenessLimits = Readonly<Required<LivenessOptions>>;

const LIVENESS_CHECKS: Checks<LivenessOptions> = {
  silenceMs: positive,
  pongMs: positive,
  deadMs: positive,
  idleMs: positive,
  muteMs: positive,
};

const METHOD_DEFAULTS_CHECKS: Checks<MethodDefaults> = { timeoutMs: positive, meta: textByName };
const methodDefaults = group(METHOD_DEFAULTS_CHECKS);
const DEFAULTS_CHECKS: Checks<CallDefaults> = {
  ...METHOD_DEFAULTS_CHECKS,
  methods(name, value) {
    anObject(name, value);
    for (const [method, one] of Object.entries(value as object)) {
      methodDefaults(`${name}[${JSON.stringify(method)}]`, one);
    }
  },
};

/**
 * Fills in the defaults.
 *
 * @param options What the caller gave, checked.
 * @returns All of them.
 */
export function livenessLimits(options: LivenessOptions = {}): LivenessLimits {
  return {
    silenceMs: options.silenceMs ?? 1000,
    pongMs: options.pongMs ?? 500,
    deadMs: options.deadMs ?? 10_000,
    idleMs: options.idleMs ?? 30_000,
    muteMs: options.muteMs ?? 300_000,
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
/** Go counts a duration in nanoseconds, as an int64. */
const LONGEST_GO_MS = 9_223_372_036_854;

/** The default of {@linkcode ClientOptions.maxInFlight}. */
export const MAX_IN_FLIGHT = 10_000;

/** What the options of a client may be. */
export const CLIENT_CHECKS: Checks<ClientOptions> = {
  protocol: name(checkProtocol),
  connectPath: name(checkConnectPath),
  tls: tlsSource,
  connectTimeoutMs: positive,
  handleTimeoutMs: numberFrom(0, LONGEST_GO_MS),
  ...LIMIT_CHECKS,
  maxInFlight: whole(1),
  liveness: group(LIVENESS_CHECKS),
  interceptors: interceptorList("call", "attempt"),
  defaults: group(DEFAULTS_CHECKS),
  inherit: flag,
  network: aNetwork,
  clock: aClock,
};

/** An `XClient`'s, which are a client's and more: one object of options may be for both. */
const XCLIENT_OPTIONS: Readonly<Record<string, Check>> = Object.fromEntries(
  [
    "mode",
    "boundedLoad",
    "failMode",
    "maxAttempts",
    "idempotent",
    "retryBudget",
    "hedgeBudget",
    "health",
    "isFailure",
    "onEvent",
  ].map((option) => [option, anything]),
);

const DIAL_CHECKS: Checks<DialOptions> = { ...CLIENT_CHECKS, signal: aSignal };

/**
 * Checks the options of `dial`.
 *
 * @param options The caller's options.
 * @throws {TypeError} If one does not exist, or is of the wrong type.
 * @throws {RangeError} If a number is out of range.
 * @throws {RpcError} `invalid_argument` for an unknown protocol, or TLS options that are no PEM.
 */
export function checkDialOptions(options: DialOptions): void {
  checkOptions("dial", options, DIAL_CHECKS, XCLIENT_OPTIONS);
}

/**
 * Checks how a client or server is to close.
 *
 * @param options The caller's options.
 * @param defaultMs The grace if they do not say.
 * @returns The grace, in milliseconds.
 * @throws {TypeError} If an option does not exist, or is no number.
 * @throws {RangeError} If the grace is negative or not a number.
 */
export function checkCloseOptions(options: CloseOptions, defaultMs: number): number {
  checkOptions("close", options, { graceMs: number(0) });
  return options.graceMs ?? defaultMs;
}
