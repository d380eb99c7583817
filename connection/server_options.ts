/**
 * What a server allows, and whom it tells: the options, their defaults and checks.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { ServerInterceptors } from "./interceptor.ts";
import { tell } from "../internal/events.ts";
import {
  aClock,
  callback,
  checkOptions,
  type Checks,
  flag,
  interceptorList,
  oneOf,
  positive,
  textByName,
  whole,
} from "../internal/options.ts";
import { queueMicrotask } from "../internal/platform.ts";
import { INTROSPECTION_MODES, type IntrospectionMode } from "./introspection/service.ts";
import { LIMIT_CHECKS, type Limits, limitsOf, type Protocol } from "../protocol/codec.ts";

/** What a server allows its clients, and whom it tells of trouble. */
export interface ServerOptions {
  /** The largest message in each direction, in bytes. Default 4 MiB. */
  maxMessageBytes?: number;
  /** How deep arrays and objects of an argument may be nested. Default 100. */
  maxDepth?: number;
  /**
   * Whether integers beyond ±(2^53 − 1) that come from peers which know JSON alone, as Go's `int64`,
   * are bigints, and bigints are sent to them as integers. Between our own ends on `geerpc/json`
   * bigints need nothing. It needs a runtime with `JSON.rawJSON`, which Node 20 lacks. Default
   * `false`: such numbers are rounded, and a bigint is refused.
   */
  bigints?: boolean;
  /**
   * Further paths of HTTP CONNECT, with the protocol that each leads to, as
   * `{ "/orders": "netrpc/gob" }` for Go's `DialHTTPPath`. Default: none beside
   * those that the protocols have, `/_geeprc_`, `/_geerpc_`, `/_goRPC_` and `/_goRPC_json_`.
   */
  connectPaths?: Readonly<Record<string, Protocol>>;
  /**
   * The most calls running for one connection; more of them wait until some
   * end. A cancelled call counts until its handler ends. Default 1,024.
   */
  maxInFlight?: number;
  /**
   * The most calls running on all connections; one more is rejected as
   * `resource_exhausted`, so that its caller goes elsewhere. Default 100,000.
   */
  maxRunning?: number;
  /**
   * How long a call waits for others of its connection to end, in milliseconds,
   * but no longer than half of the time that its caller gives it. Then it is
   * rejected as `resource_exhausted`, so that its caller goes elsewhere.
   * Default 10,000; `Infinity`: for ever.
   */
  maxWaitMs?: number;
  /**
   * The most connections; one more is told that the server takes no calls, and
   * closed. Default 10,000.
   */
  maxConnections?: number;
  /**
   * The most connections of one IP address; one more is told that the server takes no
   * calls, and closed. Unix domain sockets have none and are not counted. All clients
   * behind one NAT or proxy are one peer. Default `Infinity`: no limit.
   */
  maxConnectionsPerPeer?: number;
  /**
   * How long a connection may take until it has said what it wants, in
   * milliseconds: TLS, HTTP CONNECT and GeeRPC's handshake. Then it is closed.
   * A connection of `netrpc/gob` or `netrpc/json` has no handshake, and may say
   * nothing until its first call. Default 10,000; `Infinity`: for ever.
   */
  handshakeTimeoutMs?: number;
  /**
   * How long a connection may be idle, in milliseconds: no call runs or comes;
   * questions for a sign of life do not count. Then its client is told to make its calls elsewhere, and it is closed,
   * up to a quarter of the time later. Default `Infinity`: for ever, since Go's
   * clients ask for no sign of life and fail when their connection is gone.
   */
  idleTimeoutMs?: number;
  /**
   * How long a client may read nothing of what is written to it, in
   * milliseconds. Then its connection is closed, up to a quarter of the time
   * later. Default 60,000; `Infinity`: for ever.
   */
  writeTimeoutMs?: number;
  /**
   * Called with whatever a handler throws that is no `RpcError`, and with why a
   * reply can't be encoded or is refused by its schema. What it throws itself is
   * dropped. Default: nobody is told; the caller gets the error's text in any
   * case, but for what is wrong with a reply that its schema refuses.
   */
  onError?: (error: unknown, call: FailedCall) => void;
  /**
   * Called when a limit has been reached, or a client is refused: a `ServerEvent`, frozen, a
   * microtask after the fact. What it throws is an uncaught error of the program. Default:
   * nobody is told.
   */
  onEvent?: (event: ServerEvent) => void;
  /** What stands around every call of every service; the outermost first. Default: nothing. */
  interceptors?: ServerInterceptors;
  /**
   * Whether calls that a handler makes can inherit from the call that it serves, without a word, if
   * they are made by clients with the option `inherit`. It costs each call some time, as it makes
   * the platform keep track with `AsyncLocalStorage`. Default `false`.
   */
  asyncContext?: boolean;
  /**
   * Whom the server tells of itself, by its service `_xclient`: its health, what it offers,
   * and its figures; see `introspect`. `"loopback"`: peers on this machine, by the loopback
   * interface, a Unix domain socket or memory. Behind a proxy on this machine that is
   * everyone whom the proxy lets in. For all others the service is not there, nor for
   * anybody with `"off"`. Default `"loopback"`.
   */
  introspection?: IntrospectionMode;
  /**
   * Whether to measure how long handlers take, for `server.figures()` and `introspect`.
   * That reads the clock twice a call. Default `false`.
   */
  latencies?: boolean;
  /** Where deadlines and limits take the time from. Default: the system's clock. */
  clock?: Clock;
}

/** The call whose handler has failed, as {@linkcode ServerOptions.onError} gets it. */
export interface FailedCall {
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** The caller's address. */
  readonly remote: string;
}

/**
 * A limit that has been reached, or a client that is refused, as
 * {@linkcode ServerOptions.onEvent} gets it, frozen:
 *
 * - `overloaded`: calls of a connection are rejected, because too many run or
 *   wait; told once until it is over.
 * - `recovered`: its calls run again without waiting.
 * - `cut`: a connection is closed, because it has not said in time what it
 *   wants, was idle, or its client does not read.
 * - `turned_away`: a connection is not taken, because there are too many.
 * - `refused`: a connection is not taken, because TLS could not be agreed on,
 *   its certificate is not good enough, or it begins with something else than
 *   the protocol that is spoken here.
 */
export interface ServerEvent {
  /** What has happened. */
  readonly type: "overloaded" | "recovered" | "cut" | "turned_away" | "refused";
  /** The client's address. */
  readonly remote: string;
  /** Why, with the limit and the name of its option if it is one. */
  readonly reason: string;
}

/** The numbers among the options, checked and filled in. */
export interface ServerLimits extends Limits {
  /** The most calls running for one connection. */
  readonly maxInFlight: number;
  /** The most calls running on all connections. */
  readonly maxRunning: number;
  /** How long a call waits to run, in milliseconds. */
  readonly maxWaitMs: number;
  /** The most connections. */
  readonly maxConnections: number;
  /** The most connections of one IP address. */
  readonly maxConnectionsPerPeer: number;
  /** How long a handshake may take, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** How long a connection may be idle, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** How long a client may read nothing, in milliseconds. */
  readonly writeTimeoutMs: number;
}

const SERVER_CHECKS: Checks<ServerOptions> = {
  ...LIMIT_CHECKS,
  connectPaths: textByName, // `Server` knows what paths and protocols are
  maxInFlight: whole(1),
  maxRunning: whole(1),
  maxWaitMs: positive,
  maxConnections: whole(1),
  maxConnectionsPerPeer: whole(1),
  handshakeTimeoutMs: positive,
  idleTimeoutMs: positive,
  writeTimeoutMs: positive,
  onError: callback,
  onEvent: callback,
  interceptors: interceptorList("handle"),
  asyncContext: flag,
  introspection: oneOf(...INTROSPECTION_MODES),
  latencies: flag,
  clock: aClock,
};

/**
 * Checks a server's options, and fills in the defaults.
 *
 * @param options The user's options.
 * @throws {TypeError} If one does not exist, or is of the wrong type.
 * @throws {RangeError} If one is out of range.
 */
export function serverLimitsOf(options: ServerOptions): ServerLimits {
  checkOptions("Server", options, SERVER_CHECKS);
  return {
    ...limitsOf(options),
    maxInFlight: options.maxInFlight ?? 1024,
    maxRunning: options.maxRunning ?? 100_000,
    maxWaitMs: options.maxWaitMs ?? 10_000,
    maxConnections: options.maxConnections ?? 10_000,
    maxConnectionsPerPeer: options.maxConnectionsPerPeer ?? Infinity,
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 10_000,
    idleTimeoutMs: options.idleTimeoutMs ?? Infinity,
    writeTimeoutMs: options.writeTimeoutMs ?? 60_000,
  };
}

/** Whom a server tells of errors and events: the user's callbacks, which can't disturb it. */
export class ServerListeners {
  readonly #onError: ServerOptions["onError"];
  readonly #onEvent: ServerOptions["onEvent"];

  /** @param options The user's callbacks. */
  constructor({ onError, onEvent }: ServerOptions) {
    this.#onError = onError;
    this.#onEvent = onEvent;
  }

  /** Tells of an error, a microtask later: a callback may close the server. */
  error(error: unknown, call: FailedCall): void {
    const onError = this.#onError;
    if (onError === undefined) return;
    queueMicrotask(() => {
      try {
        onError(error, call);
      } catch {
        // It is the user's, and nothing here depends on it.
      }
    });
  }

  /** Tells of an event. */
  event(event: ServerEvent): void {
    tell(this.#onEvent, event);
  }
}
