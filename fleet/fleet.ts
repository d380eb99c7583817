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
import {
  type PickContext,
  type Random,
  type SelectMode,
  type Selector,
  subsetOf,
} from "../selector.ts";
import { Endpoint, type EndpointChange, type EndpointHost } from "./endpoint.ts";
import type { EndpointEvent } from "./events.ts";
import type { Health, HealthOptions } from "./health.ts";
import { Pool } from "./pool.ts";
import { Reports } from "./reports.ts";
import type { ServerSource } from "./server_source.ts";
import { SlowStart } from "./slow_start.ts";
import { Zones } from "./zones.ts";

/** Beyond so many endpoints a policy that looks at each is given a subset. Source: gRPC A68. */
const SUBSET_SIZE = 128;
/** At most this share of the endpoints is ejected; one always may be. */
const MAX_EJECTED = 0.1;
/** How often dials, trials and shares are looked after while some endpoint is not fit or is new, in milliseconds. */
const REVIEW_EVERY_MS = 100;
/** How often zones are compared otherwise. */
const ZONES_EVERY_MS = 500;
/** What there is to say of shares without a slow start. */
const NOT_SLOW = { hasChanged: false, isOver: true };

/** What a fleet needs of its `XClient`. */
export interface FleetOptions {
  /** Where the list of servers comes from. */
  readonly source: ServerSource;
  /** Makes the policy: with zones, one for calls that stay in the caller's, one for those that leave it. */
  readonly selector: () => Selector;
  /** The policy's name; `undefined` for one of the caller's own. */
  readonly mode: SelectMode | undefined;
  /** Over how long an endpoint that comes gets its share, in milliseconds; 0: at once. */
  readonly slowStartMs: number;
  /** The caller's zone; `undefined` if calls go everywhere. */
  readonly zone: string | undefined;
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
  readonly reports = new Reports();
  readonly #source: ServerSource;
  readonly #slowStart: SlowStart | undefined;
  readonly #zones: Zones | undefined;
  /** What calls are given to; with zones, to those that stay in the caller's own. */
  readonly #pool: Pool;
  /** What calls are given to that leave the caller's zone. */
  readonly #elsewhere: Pool;
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
  /** Those of them that the policy may ever be shown. It is shown the best of them. */
  #candidates: readonly Endpoint[] = [];
  /** When dials, trials and shares are looked after next; `Infinity` while all are fit and none is new. */
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
    this.#onEvent = options.onEvent;
    const { selector, mode, random, slowStartMs, zone } = options;
    this.#pool = new Pool(selector, mode, random);
    this.#elsewhere = zone === undefined ? this.#pool : new Pool(selector, mode, random);
    this.#slowStart = slowStartMs > 0 ? new SlowStart(slowStartMs) : undefined;
    this.#zones = zone === undefined ? undefined : new Zones(zone, random);
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
      const best = this.#bestOf(others, nowMs);
      return this.#pool.pickFrom(this.#zones?.prefer(best, nowMs) ?? best, context);
    }
    const onTrial = this.#takeTrial(nowMs);
    if (onTrial !== undefined) return onTrial;
    const pool = this.#zones !== undefined && this.#zones.leaves(nowMs)
      ? this.#elsewhere
      : this.#pool;
    const picked = pool.pick(context);
    if (picked === undefined || picked.isFit(nowMs)) return picked;
    this.#review(nowMs);
    return this.#pool.pick(context);
  }

  /** Whether what servers tell of their load makes a difference now. */
  get usesReports(): boolean {
    return this.#pool.reportsFadeMs > 0;
  }

  /**
   * A call begins, which may ask a server along for its load.
   *
   * @param nowMs The present time.
   */
  callBegins(nowMs: number): void {
    const { reportsFadeMs, endpoints } = this.#pool;
    if (reportsFadeMs > 0) this.reports.callBegins(endpoints, nowMs, reportsFadeMs);
  }

  /**
   * How many calls may run or wait at an endpoint when a call arrives there.
   *
   * @param endpoint Where a call is about to be sent, which is in flight there already.
   * @param nowMs The present time.
   * @returns `Infinity` if it is to run there in any case.
   */
  expectedAt(endpoint: Endpoint, nowMs: number): number {
    const { meanOthers } = this.reports;
    return this.#pool.expectedAt(endpoint, { nowMs, meanOthers });
  }

  /** The best of some: those that are fit and not ejected, else fit, else due to be dialled. */
  #bestOf(some: readonly Endpoint[], nowMs: number): readonly Endpoint[] {
    const fit = some.filter((endpoint) => endpoint.isFit(nowMs));
    if (fit.length > 0) {
      if (this.#isPanic(nowMs)) return fit;
      const notEjected = fit.filter(({ health }) => !health.isEjected);
      const best = notEjected.length > 0 ? notEjected : fit;
      const free = best.filter(({ health }) => !health.isBusy(nowMs));
      return free.length * 2 >= best.length ? free : best; // if most are busy, that is the load
    }
    const due = some.filter(({ connector }) => connector.isDialDue(nowMs));
    return due.length > 0 ? due : some;
  }

  /**
   * Panic mode, as Envoy calls it: if half of them fail, the fault is more likely elsewhere.
   * Not so if those that are well are in another zone than the others, and have room.
   */
  #isPanic(nowMs: number): boolean {
    const unhealthy = this.#count(({ health }) => health.state(nowMs) !== "healthy");
    return unhealthy > 1 && unhealthy * 2 >= this.#endpoints.length && !this.#zones?.hasRoom;
  }

  #count(test: (endpoint: Endpoint) => boolean): number {
    let count = 0;
    for (const endpoint of this.#endpoints) if (test(endpoint)) count++;
    return count;
  }

  /**
   * Dials those that are due, and finds the one on trial and the best.
   *
   * @param isNewList Whether weights may have changed, though all endpoints stay.
   */
  #review(nowMs: number, isNewList = false): void {
    let areAllFit = true;
    this.#onTrial = undefined;
    for (const endpoint of this.#endpoints) {
      const { health, connector } = endpoint;
      const isFit = endpoint.isFit(nowMs);
      const isWell = health.state(nowMs) === "healthy" && !health.isBusy(nowMs);
      if (!isFit || !isWell) areAllFit = false;
      if (!isFit && connector.isDialDue(nowMs)) connector.connect().catch(() => {});
      if (isFit && health.isTrialDue(nowMs)) this.#onTrial = endpoint;
    }
    const { hasChanged, isOver } = this.#slowStart?.update(this.#candidates, nowMs) ?? NOT_SLOW;
    this.#reviewAtMs = !areAllFit || !isOver
      ? nowMs + REVIEW_EVERY_MS
      : this.#zones === undefined
      ? Infinity
      : nowMs + ZONES_EVERY_MS;
    this.#zones?.update(this.#candidates, nowMs);
    const best = areAllFit ? this.#candidates : this.#bestOf(this.#candidates, nowMs);
    const isNew = isNewList || hasChanged;
    if (this.#zones === undefined) return this.#pool.update(best, isNew);
    const [staying, leaving] = this.#zones.divide(best, !areAllFit && this.#isPanic(nowMs));
    this.#pool.update(staying, isNew);
    this.#elsewhere.update(leaving, isNew);
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
    event: EndpointChange,
    cause?: unknown,
  ): void {
    if (event === "connected" && endpoint.connector.wasUnreachable) this.#redialOthers();
    // With a slow start, one that is connected again has less of a share.
    const isGood = event === "joined" || event === "connected" && this.#slowStart === undefined;
    if (!isGood || this.#reviewAtMs < Infinity) this.#reviewAtMs = -Infinity;
    if (event !== "condemned" && event !== "busy") this.#onEvent(endpoint, event, cause);
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
      this.#endpoints = this.#candidates = [];
      this.#pool.update([], false);
      this.#elsewhere.update([], false);
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
    // The first to come are all alike.
    if (before.size > 0) { for (const endpoint of joined) endpoint.arrive(nowMs); }
    this.#candidates = this.#subset();
    this.#review(nowMs, true);
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

  /** Of a large fleet a part: of the caller's zone, and of all others. */
  #subset(): readonly Endpoint[] {
    const zones = this.#zones;
    if (!this.#pool.selector.subsets || this.#endpoints.length <= SUBSET_SIZE) {
      return this.#endpoints;
    }
    const seed = this.#seed ??= Math.floor(this.random() * 2 ** 32);
    if (zones === undefined) return subsetOf(this.#endpoints, seed, SUBSET_SIZE);
    const own = this.#endpoints.filter((endpoint) => zones.isOwn(endpoint));
    const others = this.#endpoints.filter((endpoint) => !zones.isOwn(endpoint));
    return [own, others].flatMap((some) => subsetOf(some, seed, SUBSET_SIZE));
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
