/**
 * The options of everything that asks etcd.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import type { Random } from "../../selector.ts";
import type { Fetch } from "../http.ts";
import {
  aClock,
  callback,
  callbackOr,
  type Checks,
  positive,
  text,
  textOrTexts,
} from "../../internal/options.ts";
import { SOURCE_CHECKS, type SourceOptions } from "../source.ts";

/** The endpoints of etcd, and how they are asked. */
export interface EtcdOptions {
  /** etcd's client URLs, as `http://10.0.0.1:2379`; several are tried in turn. */
  endpoints: string | readonly string[];
  /**
   * The user, if etcd has authentication enabled, or is to have it later. Default:
   * none. A user in the URL is not etcd's: it is sent as basic authorization, for a
   * proxy before etcd.
   */
  username?: string;
  /**
   * The user's password, or a function that returns it, which is called for each new
   * token: a password that is changed while the program runs is then the new one.
   */
  password?: string | (() => string | Promise<string>);
  /** How long one endpoint may take to answer, in milliseconds. Default 5,000. */
  requestTimeoutMs?: number;
  /**
   * Makes the requests. Default: the runtime's `fetch`. A function of your own
   * can add certificates: on Deno `(url, init) => fetch(url, { ...init, client })`
   * with a `Deno.createHttpClient({ caCerts })`.
   */
  fetch?: Fetch;
  /** The clock of all pauses and time limits. Default: the system's. */
  clock?: Clock;
  /** The randomness of jitter, and of which endpoint is asked first. Default `Math.random`. */
  random?: Random;
}

/** How an `EtcdDiscovery` asks etcd. */
export interface EtcdDiscoveryOptions extends EtcdOptions, SourceOptions {
  /**
   * How often all keys are read again, in milliseconds; up to a tenth later. It
   * finds out what a watch that has silently died has missed. Default 60,000.
   */
  rereadMs?: number;
  /**
   * Reads a server's address from a value that others have registered. If it
   * throws, the value is left out and reported as `invalid`. Default: the value
   * is the address.
   */
  toServer?: (value: string, key: string) => string;
}

/** What the options of all that asks etcd may be. */
export const ETCD_CHECKS: Checks<EtcdOptions> = {
  endpoints: textOrTexts,
  username: text,
  password: callbackOr(text),
  requestTimeoutMs: positive,
  fetch: callback,
  clock: aClock,
  random: callback,
};

/** What the options of a discovery may be. */
export const ETCD_DISCOVERY_CHECKS: Checks<EtcdDiscoveryOptions> = {
  ...SOURCE_CHECKS,
  ...ETCD_CHECKS,
  rereadMs: positive,
  toServer: callback,
};
