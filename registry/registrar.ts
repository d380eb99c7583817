/**
 * One server's registration with one registry, request by request.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { type HttpEndpoint, platformFetch } from "../discovery/http.ts";
import type { Registrar } from "../discovery/registration_loop.ts";
import { abortWith, releaseFrom } from "../internal/abort.ts";
import type { Backoff } from "../internal/backoff.ts";
import { checkOptions } from "../internal/options.ts";
import { LONGEST_TIMER_MS } from "../internal/time.ts";
import { HEARTBEAT_CHECKS, type HeartbeatOptions } from "./options.ts";
import {
  checkReachable,
  FIRST_RETRY_MS,
  isOwner,
  LEASE_HEADER,
  LEASE_MS,
  LONGEST_OWNER,
  OWNER_HEADER,
  SERVER_HEADER,
} from "./protocol.ts";
import { RegistryRequest, type RequestSettings } from "./request.ts";

/** A registration is renewed before this share of its lease is over. */
const LEASE_SHARE = 0.8;
/** A renewal may take this share of the lease at first, so that another try is in time. */
const LIMIT_SHARE = 0.1;
/** A lease that a registry grants is renewed no more often, in milliseconds, however short it is. */
const LEAST_RENEWAL_MS = 200;
/** The longest pause between tries while a registry does not answer. */
const LONGEST_RETRY_MS = 10_000;
/** How long each of the last two requests may take once the registration is closed. */
const CLOSE_MS = 1000;

/** What the registrations of one server with several registries have in common. */
export interface RegistrationSettings {
  /** The headers of each request: the address, and lease and owner if there are any. */
  readonly headers: Record<string, string>;
  /** How often to renew at the least. */
  readonly everyMs: number;
  /** How long a registry may take to answer. */
  readonly requestTimeoutMs: number;
  /** How requests are made. */
  readonly requests: RequestSettings;
}

/**
 * Reads the options of a heartbeat.
 *
 * @param server The server's address.
 * @param clock The clock of time limits.
 * @param options The options.
 * @returns What they come to.
 * @throws {RpcError} `invalid_argument` if the address can't be registered.
 * @throws {RangeError} If a duration is not above 0.
 * @throws {TypeError} If the owner's secret is none.
 */
export function registrationSettings(
  server: string,
  clock: Clock,
  options: HeartbeatOptions,
): RegistrationSettings {
  checkOptions("Heartbeat", options, HEARTBEAT_CHECKS);
  checkReachable(server);
  const { timeoutMs, owner, everyMs = (timeoutMs ?? LEASE_MS) * LEASE_SHARE } = options;
  const headers: Record<string, string> = { [SERVER_HEADER]: server };
  if (timeoutMs !== undefined) {
    const leaseMs = Math.min(timeoutMs, LONGEST_TIMER_MS);
    headers[LEASE_HEADER] = String(Math.ceil(leaseMs));
  }
  if (owner !== undefined) {
    if (!isOwner(owner)) {
      throw new TypeError(
        `owner must be a secret of 1 to ${LONGEST_OWNER} visible ASCII characters`,
      );
    }
    headers[OWNER_HEADER] = owner;
  }
  return {
    headers,
    everyMs,
    requestTimeoutMs: options.requestTimeoutMs ?? 5000,
    // Without a signal: a request that was cut off could still reach the
    // registry, after the one that deregisters the server.
    requests: {
      fetch: options.fetch ?? platformFetch,
      headers: options.headers ?? {},
      token: options.token,
      clock,
    },
  };
}

/** Registers one server with one registry. */
export class RegistryRegistrar implements Registrar {
  readonly #registry: HttpEndpoint;
  readonly #settings: RegistrationSettings;
  #leaseMs = LEASE_MS;
  /** How long a renewal may take; the first has no lease to lose. */
  #limitMs = Infinity;
  /** Whether the last request was answered, so the registry certainly lists the server. */
  #isListed = false;

  /**
   * @param registry The registry.
   * @param settings What to send, and how often.
   */
  constructor(registry: HttpEndpoint, settings: RegistrationSettings) {
    this.#registry = registry;
    this.#settings = settings;
  }

  get renewAfterMs(): number {
    const { everyMs } = this.#settings;
    return Math.min(everyMs, Math.max(this.#leaseMs * LEASE_SHARE, LEAST_RENEWAL_MS));
  }

  get backoff(): Backoff {
    return {
      firstMs: FIRST_RETRY_MS,
      maxMs: Math.min(this.#settings.everyMs, LONGEST_RETRY_MS),
    };
  }

  /**
   * Registers the server, or renews its lease; for a registry that is the same.
   *
   * @param signal Shortens what is left of the request's time to a second.
   * @returns Whether it is the first success, or the first after a failure.
   * @throws {RpcError} `unavailable` if the registry does not answer or refuses,
   * `invalid_argument` if it refuses the address.
   */
  async renew(signal: AbortSignal): Promise<boolean> {
    try {
      const limitMs = Math.min(this.#settings.requestTimeoutMs, this.#limitMs);
      this.#leaseMs = await this.#send("POST", limitMs, signal);
    } catch (error) {
      this.#isListed = false;
      this.#limitMs *= 2; // the registry may only be slow
      throw error;
    }
    this.#limitMs = Math.max(this.#leaseMs, LEAST_RENEWAL_MS) * LIMIT_SHARE;
    const isNew = !this.#isListed;
    this.#isListed = true;
    return isNew;
  }

  /** Never: the next request registers the server anyway. */
  isLost(): boolean {
    return false;
  }

  /** Deregisters the server. If that fails, its lease expires by itself. */
  async deregister(): Promise<void> {
    await this.#send("DELETE", CLOSE_MS).catch(() => {});
  }

  /** Makes one request; returns the lease that was granted. */
  async #send(method: string, limitMs: number, closing?: AbortSignal): Promise<number> {
    const { headers, requests } = this.#settings;
    const request = new RegistryRequest(this.#registry, requests);
    const limit = (ms: number) => request.limit(ms, "no answer came");
    const onClose = { abort: () => limit(CLOSE_MS) };
    try {
      limit(limitMs);
      if (closing !== undefined) abortWith(closing, onClose);
      const answer = await request.send(method, headers);
      return grantedLeaseMs(answer.headers.get(LEASE_HEADER));
    } finally {
      if (closing !== undefined) releaseFrom(closing, onClose);
      request.end();
    }
  }
}

/** A registry that reports no lease, as Go's, or none that can be one, knows GeeRPC's. */
function grantedLeaseMs(text: string | null): number {
  return text !== null && /^\d{1,10}$/.test(text) ? Number(text) || LEASE_MS : LEASE_MS;
}
