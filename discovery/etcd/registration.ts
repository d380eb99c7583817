/**
 * A server's registration with etcd: a key that exists for as long as its
 * lease is kept alive.
 *
 * @module
 */

import { parseAddress } from "../../address.ts";
import { systemClock } from "../../clock.ts";
import { RpcError } from "../../errors.ts";
import {
  aSignal,
  callback,
  checkOptions,
  type Checks,
  numberFrom,
} from "../../internal/options.ts";
import { RegistrationLoop } from "../registration_loop.ts";
import { EtcdClient } from "./client.ts";
import { EtcdLease } from "./lease.ts";
import { ETCD_CHECKS, type EtcdOptions } from "./options.ts";

/** What has happened to an {@linkcode EtcdRegistration}. */
export type EtcdRegistrationEvent =
  /** The server is registered: for the first time, or again. */
  | { readonly type: "registered" }
  /** etcd has lost the lease: the server is registered again. */
  | { readonly type: "lost"; readonly error: unknown }
  /** etcd does not answer, or refuses. It is tried again. */
  | { readonly type: "failed"; readonly error: unknown };

/** How an {@linkcode EtcdRegistration} is kept. */
export interface EtcdRegistrationOptions extends EtcdOptions {
  /**
   * The time of the lease, in milliseconds, rounded up to whole seconds: for so
   * long a server that was killed stays registered. etcd grants no less than two
   * seconds by default. Default 10,000.
   */
  ttlMs?: number;
  /** Closes the registration when it aborts. */
  signal?: AbortSignal;
  /**
   * Called with each event, frozen, a microtask after the fact. What it throws is an
   * uncaught error of the program.
   */
  onEvent?: (event: EtcdRegistrationEvent) => void;
}

/** What etcd grants at most: 9,000,000,000 s. */
const LONGEST_TTL_MS = 9e12;
const REGISTRATION_CHECKS: Checks<EtcdRegistrationOptions> = {
  ...ETCD_CHECKS,
  ttlMs: numberFrom(1000, LONGEST_TTL_MS),
  signal: aSignal,
  onEvent: callback,
};

/** A lease is kept alive up to this share earlier than after a third of its time. */
const JITTER = { least: 0.8, range: 0.2 };

/**
 * Registers a server with etcd under a lease, and keeps the lease alive until
 * the registration is closed. It begins at once and continues through outages:
 * if etcd is down it tries again, and if the lease is lost it registers again.
 *
 * The key is the prefix and the address; the value is the address with its
 * metadata.
 *
 * @example
 * ```ts ignore
 * import { Server } from "@geerpc/xclient";
 * import { EtcdRegistration } from "@geerpc/xclient/etcd";
 *
 * const server = new Server();
 * await server.listen("tcp@10.0.0.7:9001");
 * const registration = new EtcdRegistration("arith/", "tcp@10.0.0.7:9001?weight=3", {
 *   endpoints: "http://10.0.0.1:2379",
 * });
 *
 * await registration.close(); // clients see it at once
 * await server.close();
 * ```
 */
export class EtcdRegistration implements AsyncDisposable {
  /** The registered address, with its metadata. */
  readonly address: string;
  /**
   * Resolves once the server is registered. Rejects with `canceled` if it is closed
   * before, and with an error that does not heal by itself: a user, a password or a
   * permission is refused, or a certificate is not trusted. It is tried again all the
   * same, until it is closed.
   */
  readonly ready: Promise<void>;
  readonly #loop: RegistrationLoop;

  /**
   * Begins to register a server.
   *
   * @param prefix The prefix of such servers' keys.
   * @param address Where clients reach the server, with or without metadata.
   * @param options Endpoints, user, lease.
   * @throws {RpcError} `invalid_argument` if the address is invalid.
   * @throws {TypeError} If the prefix is empty, or an endpoint is no URL.
   * @throws {RangeError} If `ttlMs` is less than a second or over 285 years, or `requestTimeoutMs` not above 0.
   */
  constructor(prefix: string, address: string, options: EtcdRegistrationOptions) {
    checkOptions("EtcdRegistration", options, REGISTRATION_CHECKS);
    const { ttlMs = 10_000, clock = systemClock, random = Math.random, onEvent, signal } = options;
    if (prefix === "") throw new TypeError("a registration with etcd needs a prefix");
    const key = prefix + parseAddress(address).address;
    const message = `${key}: the registration is closed`;
    const lease = new EtcdLease(new EtcdClient(options), { key, value: address, ttlMs });
    this.address = address;
    this.#loop = new RegistrationLoop(lease, {
      clock,
      random,
      jitter: JITTER,
      signal,
      closedError: () => new RpcError("canceled", message, { execution: "not_sent" }),
      onEvent,
    });
    this.ready = this.#loop.ready;
  }

  /** Whether the server is registered, as far as is known. */
  get registered(): boolean {
    return this.#loop.isRegistered;
  }

  /**
   * Takes the server out of the list, if etcd can be reached, and no longer
   * registers it. Idempotent.
   *
   * @returns Resolves when nothing is left running. Never rejects.
   */
  close(): Promise<void> {
    return this.#loop.close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
