/**
 * The options of the registry's clients: discovery and heartbeat.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Fetch } from "../discovery/http.ts";
import { SOURCE_CHECKS, type SourceOptions } from "../discovery/source.ts";
import {
  aClock,
  aSignal,
  callback,
  type Checks,
  flag,
  positive,
  text,
  textByName,
} from "../internal/options.ts";
import type { Random } from "../selector.ts";
import { aTokenSource, type TokenSource } from "./token.ts";

/** How a `RegistryDiscovery` asks. */
export interface RegistryDiscoveryOptions extends SourceOptions {
  /**
   * How often a registry without a stream is asked, in milliseconds, a tenth
   * more or less; also the longest pause between tries while none answers.
   * Default 10,000, as in GeeRPC.
   */
  refreshMs?: number;
  /** How long a registry may take to answer, in milliseconds. Default 5,000. */
  requestTimeoutMs?: number;
  /** Whether to take changes from a stream where the registry offers one. Default `true`. */
  stream?: boolean;
  /**
   * The token that the registry asks for, sent as `Authorization: Bearer …`: visible
   * ASCII characters, or a function that returns it or a promise of it. The function
   * is called for each request, so it decides itself how long to keep a token; if it
   * fails, so does the request. Default: none.
   */
  token?: TokenSource;
  /**
   * Whether the token may be sent to a registry on another machine by `http:`, where
   * everyone on the way can read it. Default `false`: that is a `TypeError`.
   */
  insecure?: boolean;
  /** Headers of each request. */
  headers?: Readonly<Record<string, string>>;
  /** Makes the requests. Default: the platform's `fetch`. */
  fetch?: Fetch;
}

/** What has happened to the registration that a `Heartbeat` keeps. */
export type HeartbeatEvent =
  /** A registry lists the server: for the first time, or again after a failure. */
  | { readonly type: "registered"; readonly url: string }
  /** A registry could not be reached, or has refused. It is tried again, soon. */
  | { readonly type: "failed"; readonly url: string; readonly error: unknown };

/** How a `Heartbeat` keeps a server registered. */
export interface HeartbeatOptions {
  /**
   * The lease to ask for: for how long the registry lists the server without a
   * heartbeat, in milliseconds. At most some 24 days, which is the longest time
   * of a timer; a longer one is shortened to that. Only a registry of this
   * library grants it. Default: the registry's own, which is 300,000 by default.
   */
  timeoutMs?: number;
  /**
   * How often to send a heartbeat, in milliseconds, or up to a tenth earlier.
   * Default: after four fifths of the lease, so every 240,000 as in GeeRPC. If a
   * registry grants a shorter lease, heartbeats are as frequent as that needs.
   */
  everyMs?: number;
  /**
   * A secret of 1 to 256 visible ASCII characters: while the lease lasts, only who
   * sends the same can renew, change or end it. Give a server the same one at each
   * start, or it has to wait for the lease of a run that was killed. A lease that
   * began without one has no owner until it ends. Only a registry of this library
   * keeps to it; over http it can be read on the way. Default: none.
   */
  owner?: string;
  /**
   * How long a registry may take to answer, in milliseconds. A renewal takes at
   * first no more than a tenth of the lease, so that another try can follow.
   * Default 5,000.
   */
  requestTimeoutMs?: number;
  /** Closes the heartbeat when it aborts. */
  signal?: AbortSignal;
  /**
   * The token that the registry asks for, sent as `Authorization: Bearer …`: visible
   * ASCII characters, or a function that returns it or a promise of it. The function
   * is called for each request, so it decides itself how long to keep a token; if it
   * fails, so does the request. Default: none.
   */
  token?: TokenSource;
  /**
   * Whether the token may be sent to a registry on another machine by `http:`, where
   * everyone on the way can read it. Default `false`: that is a `TypeError`.
   */
  insecure?: boolean;
  /** Headers of each request. */
  headers?: Readonly<Record<string, string>>;
  /** Makes the requests. Default: the platform's `fetch`. */
  fetch?: Fetch;
  /** The clock of pauses and time limits. Default: the system's. */
  clock?: Clock;
  /** The randomness of pauses. Default `Math.random`. */
  random?: Random;
  /**
   * Called with each event, frozen, a microtask after the fact. What it throws is an
   * uncaught error of the program.
   */
  onEvent?: (event: HeartbeatEvent) => void;
}

/** What the options of a discovery may be. */
export const DISCOVERY_CHECKS: Checks<RegistryDiscoveryOptions> = {
  ...SOURCE_CHECKS,
  refreshMs: positive,
  requestTimeoutMs: positive,
  stream: flag,
  token: aTokenSource,
  insecure: flag,
  headers: textByName,
  fetch: callback,
};

/** What the options of a heartbeat may be. */
export const HEARTBEAT_CHECKS: Checks<HeartbeatOptions> = {
  timeoutMs: positive,
  everyMs: positive,
  owner: text,
  requestTimeoutMs: positive,
  signal: aSignal,
  token: aTokenSource,
  insecure: flag,
  headers: textByName,
  fetch: callback,
  clock: aClock,
  random: callback,
  onEvent: callback,
};
