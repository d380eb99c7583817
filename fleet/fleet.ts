/**
 * This file is one class: the endpoints of an `XClient`, kept in step with the
 * list of servers, and picked from by the policy among those that can be
 * reached and whose calls succeed.
 *
 * @module
 */

import { parseAddress } from "../address.ts";
import type { ClientOptions } from "../connection/client_options.ts";
import type { Clock } from "../clock.ts";
import type { Liveness } from "../connection/liveness.ts";
import { isSame, noServersText } from "../discovery/endpoint_list.ts";
import { atFaultPoint } from "../internal/fault_points.ts";
import { type PickContext, type Random, type Selector, subsetOf } from "../selector.ts";
import { Endpoint, type EndpointHost } from "./endpoint.ts";
import type { EndpointEvent } from "./events.ts";
import type { Health, HealthOptions } from "./health.ts";
import type { ServerSource } from "./server_source.ts";

/** Beyond so many endpoints a policy that looks at each is given a subset. Source: gRPC A68. */
const SUBSET_SIZE = 128;
/** At most this share of the endpoints is ejected; one always may be. */
const MAX_EJECTED = 0.1;
/** How often dials and trials are looked after while some endpoint is not fit, in milliseconds. */
const REVIEW_EVERY_MS = 100;

/** What a fleet needs of its `XClient`. */
export interface FleetOptions {
  /** Where the list of servers comes from. */
  readonly source: ServerSource;
  /** The policy. */
  readonly selector: Selector;
  /** How to connect. */
  readonly client: ClientOptions;
  /** When an endpoint is ejected for its failures. */
  readonly health: Required<HealthOptions>;
  /** Where backoff and subsets take chance from. */
  readonly random: Random;
  /** Where the time comes from. */
  readonly clock: Pick<Clock, "now">;
  /** Watches connections for silence. */
  readonly liveness: Pick<Liveness, "watch">;
  /** Something has happened to an endpoint. Called once all is up to date; it must not throw. */
  onEvent(endpoint: Endpoint, event: EndpointEvent, cause?: unknown): void;
}

/** The endpoints, and which of them gets a call. */
export class Fleet implements EndpointHost {
  readonly options: ClientOptions;
  readonly health: Required<HealthOptions>;
  readonly random: Random;
  readonly clock: Pick<Clock, "now">;
  readonly liveness: Pick<Liveness, "watch">;
  readonly #source: ServerSource;
  readonly #selector: Selector;
  readonly #onEvent: FleetOptions["onEvent"];
  readonly #watchAbort = new AbortController();
  /** Those that are told when the list has changed. */
  readonly #followers = new Set<() => void>();
  /** Those that are listed no more, but whose last calls have not ended. */
  readonly #leaving = new Set<Endpoint>();
  /** The health of those that were ejected of late, and are listed no more. */
  readonly #former = new Map<string, Health>();
  /** Which part of a large fleet is ours. */
  #seed: number | undefined;
  #isWatched = false;
  #isClosed = false;
  /** All there were when it was closed. */
  #closing: readonly Endpoint[] = [];
  /** How many times the source was asked, and which answer is the newest. */
  #asked = 0;
  #answered = 0;
  /** The list that `#endpoints` was made from. */
  #servers: readonly string[] | undefined;
  #endpoints: readonly Endpoint[] = [];
  /** Those of them that the policy may ever be shown. */
  #candidates: readonly Endpoint[] = [];
  /** The best of them, which the policy is shown: all, while all are fit. */
  #best: readonly Endpoint[] = [];
  /** When dials and trials are looked after next; `Infinity` while all are fit. */
  #reviewAtMs = Infinity;
  /** The endpoint that gets the next call as its trial. */
  #onTrial: Endpoint | undefined;

  /** @param options Source, policy, and how to connect. */
  constructor(options: FleetOptions) {
    this.options = options.client;
    this.health = options.health;
    this.random = options.random;
    this.clock = options.clock;
    this.liveness = options.liveness;
    this.#source = options.source;
    this.#selector = options.selector;
    this.#onEvent = options.onEvent;
  }

  /** All that are listed now. */
  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** What is said of a list without endpoints; it names the source. */
  get emptyText(): string {
    return noServersText(this.#source.name);
  }

  /** Whether it has been closed. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /**
   * Brings the endpoints in step with the source.
   *
   * @returns A promise if the source has to be waited for, or has failed.
   */
  update(): Promise<void> | undefined {
    if (this.#isClosed) return undefined;
    try {
      const { current } = this.#source;
      if (current === undefined) return handled(this.#ask());
      if (current !== this.#servers) this.#reconcile(current);
    } catch (error) {
      return handled(Promise.reject(error));
    }
    return undefined;
  }

  /** The same as far as the source shows its list without being asked; a wrong list is no news. */
  followList(): void {
    try {
      const { current } = this.#source;
      if (current !== undefined && current !== this.#servers) this.#reconcile(current);
    } catch {
      // The next call fails with it.
    }
  }

  /**
   * Has somebody told when the list has changed, and the endpoints with it.
   *
   * @param changed Called each time; it must not throw.
   * @returns Ends it.
   */
  onList(changed: () => void): () => void {
    this.#followers.add(changed);
    return () => void this.#followers.delete(changed);
  }

  /**
   * Picks an endpoint for a call, or for a further attempt of it.
   *
   * @param context Time and key.
   * @param tried Those that were tried already.
   * @returns `undefined` if there is none that was not.
   * @throws What the policy throws.
   */
  pick(context: PickContext, tried?: ReadonlySet<Endpoint>): Endpoint | undefined {
    const { nowMs } = context;
    if (nowMs >= this.#reviewAtMs) this.#review(nowMs);
    if (tried !== undefined) {
      const others = this.#candidates.filter((endpoint) => !tried.has(endpoint));
      if (others.length === 0) return undefined;
      return this.#selector.pick(this.#bestOf(others, nowMs), context);
    }
    const onTrial = this.#takeTrial(nowMs);
    if (onTrial !== undefined) return onTrial;
    const picked = this.#selector.pick(this.#best, context);
    if (picked === undefined || picked.isFit(nowMs)) return picked;
    this.#review(nowMs);
    return this.#selector.pick(this.#best, context);
  }

  /** The best of some: those that are fit and not ejected, else fit, else due to be dialled. */
  #bestOf(some: readonly Endpoint[], nowMs: number): readonly Endpoint[] {
    const fit = some.filter((endpoint) => endpoint.isFit(nowMs));
    if (fit.length > 0) {
      // Panic mode, as Envoy calls it: if half of them fail, the fault is more likely elsewhere.
      const unhealthy = this.#count(({ health }) => health.state(nowMs) !== "healthy");
      if (unhealthy > 1 && unhealthy * 2 >= this.#endpoints.length) return fit;
      const notEjected = fit.filter(({ health }) => !health.isEjected);
      return notEjected.length > 0 ? notEjected : fit;
    }
    const due = some.filter(({ connector }) => connector.isDialDue(nowMs));
    return due.length > 0 ? due : some;
  }

  #count(test: (endpoint: Endpoint) => boolean): number {
    let count = 0;
    for (const endpoint of this.#endpoints) if (test(endpoint)) count++;
    return count;
  }

  /** Dials those that are due, and finds the one on trial and the best. */
  #review(nowMs: number): void {
    let areAllFit = true;
    this.#onTrial = undefined;
    for (const endpoint of this.#endpoints) {
      const { health, connector } = endpoint;
      const isFit = endpoint.isFit(nowMs);
      if (!isFit || health.state(nowMs) !== "healthy") areAllFit = false;
      if (!isFit && connector.isDialDue(nowMs)) connector.connect().catch(() => {});
      if (isFit && health.isTrialDue(nowMs)) this.#onTrial = endpoint;
    }
    this.#reviewAtMs = areAllFit ? Infinity : nowMs + REVIEW_EVERY_MS;
    const best = areAllFit ? this.#candidates : this.#bestOf(this.#candidates, nowMs);
    // The same array as long as it holds the same: policies keep what they know of it.
    if (!areSame(best, this.#best)) {
      this.#best = areSame(best, this.#candidates) ? this.#candidates : best;
    }
  }

  #takeTrial(nowMs: number): Endpoint | undefined {
    const endpoint = this.#onTrial;
    if (endpoint === undefined) return undefined;
    this.#onTrial = undefined;
    return endpoint.isFit(nowMs) && endpoint.health.reserveTrial() ? endpoint : undefined;
  }

  mayEject(endpoint: Endpoint): boolean {
    const ejected = this.#count((other) => other !== endpoint && other.health.isEjected);
    return ejected < Math.max(1, Math.floor(this.#endpoints.length * MAX_EJECTED));
  }

  endpointChanged(
    endpoint: Endpoint,
    event: EndpointEvent | "condemned",
    cause?: unknown,
  ): void {
    if (event === "connected" && endpoint.connector.wasUnreachable) this.#redialOthers();
    const isGood = event === "joined" || event === "connected";
    if (!isGood || this.#reviewAtMs < Infinity) this.#reviewAtMs = -Infinity;
    if (event !== "condemned") this.#onEvent(endpoint, event, cause);
  }

  /**
   * Where most can't be reached, the first that can be again is a sign that the
   * outage is over. The others are dialled at once, or it would get all calls.
   * One that could be reached all the time, and loses its connections, is no sign.
   */
  #redialOthers(): void {
    const nowMs = this.clock.now();
    const away = this.#endpoints.filter(({ connector }) => !connector.isReachable(nowMs));
    if (away.length * 2 < this.#endpoints.length) return;
    for (const { connector } of away) connector.redialSoon();
  }

  /**
   * Ends everything. Called again with less time, it hurries.
   *
   * @param graceMs How long calls in flight may take to end.
   */
  async close(graceMs: number): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#closing = [...this.#endpoints, ...this.#leaving];
      this.#endpoints = this.#candidates = this.#best = [];
      this.#onTrial = undefined;
      this.#watchAbort.abort();
    }
    await Promise.all(this.#closing.map((endpoint) => endpoint.close(graceMs)));
  }

  async #ask(): Promise<void> {
    const turn = ++this.#asked;
    let servers: readonly string[];
    try {
      servers = await this.#source.getAll();
      const wait = atFaultPoint("list_answered");
      if (wait !== undefined) await wait;
    } catch (error) {
      if (this.#servers === undefined) throw error;
      return; // the last good list stays
    }
    if (turn < this.#answered) return; // a later question was answered before
    this.#answered = turn;
    this.#reconcile(servers);
  }

  /** Makes endpoints of a new list: those in both lists stay, the others leave or join. */
  #reconcile(servers: readonly string[]): void {
    if (this.#isClosed) return;
    if (!Array.isArray(servers)) {
      if (this.#servers !== undefined) return; // the last good list stays
      throw new TypeError("discovery gave no list of servers");
    }
    if (isSame(servers, this.#servers)) {
      this.#servers = servers;
      return;
    }
    const before = new Map(this.#endpoints.map((endpoint) => [endpoint.address, endpoint]));
    const endpoints = new Map<string, Endpoint>();
    let invalid: unknown;
    for (const server of servers) {
      try {
        const parsed = parseAddress(server);
        const endpoint = before.get(parsed.address) ??
          new Endpoint(parsed, this, this.#former.get(parsed.address));
        endpoint.relist(parsed);
        endpoints.set(parsed.address, endpoint);
      } catch (error) {
        invalid = error; // it is left out
      }
    }
    if (endpoints.size === 0 && invalid !== undefined) {
      if (this.#servers === undefined) throw invalid;
      this.#servers = servers;
      return; // the last good list stays
    }
    this.#servers = servers;
    // All of it before anything is called that may call back: the caller's chance, its policy.
    this.#endpoints = [...endpoints.values()];
    const joined = this.#endpoints.filter(({ address }) => !before.has(address));
    const left = [...before.values()].filter(({ address }) => !endpoints.has(address));
    for (const endpoint of left) this.#leaving.add(endpoint);
    const nowMs = this.clock.now();
    this.#remember(joined, left, nowMs);
    this.#candidates = this.#subset();
    this.#best = []; // even if all stay: weights may have changed
    this.#review(nowMs);
    for (const endpoint of joined) this.endpointChanged(endpoint, "joined");
    for (const endpoint of left) {
      endpoint.leave().then(() => this.#leaving.delete(endpoint));
      this.endpointChanged(endpoint, "left");
    }
    for (const changed of [...this.#followers]) changed();
    this.#watch();
  }

  /** An endpoint that leaves the list and comes back is as ejected as it was. */
  #remember(joined: readonly Endpoint[], left: readonly Endpoint[], nowMs: number): void {
    for (const { address } of joined) this.#former.delete(address);
    for (const { address, health } of left) this.#former.set(address, health);
    for (const [address, health] of this.#former) {
      if (!health.isRemembered(nowMs)) this.#former.delete(address);
    }
  }

  #subset(): readonly Endpoint[] {
    if (!this.#selector.subsets || this.#endpoints.length <= SUBSET_SIZE) {
      return this.#endpoints;
    }
    this.#seed ??= Math.floor(this.random() * 2 ** 32);
    return subsetOf(this.#endpoints, this.#seed, SUBSET_SIZE);
  }

  /** Follows the source while no calls are made too, so that endpoints that leave are closed. */
  async #watch(): Promise<void> {
    if (this.#isWatched || this.#source.watch === undefined) return;
    this.#isWatched = true;
    try {
      for await (const servers of this.#source.watch(this.#watchAbort.signal)) {
        const wait = atFaultPoint("list_watched", this.#watchAbort.signal);
        if (wait !== undefined) await wait;
        try {
          this.#reconcile(servers);
        } catch {
          // None of its addresses is valid: the next list may be better.
        }
      }
    } catch {
      // A source whose watch fails is asked for each call.
    }
    this.#isWatched = false;
  }
}

/** A promise whose failure is no unhandled rejection, even if its call throws before it waits. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function areSame(some: readonly Endpoint[], others: readonly Endpoint[]): boolean {
  return some.length === others.length &&
    some.every((endpoint, place) => endpoint === others[place]);
}
