/**
 * The servers of an `XClient`: kept in step with discovery, and picked from
 * with regard to who can be reached and who is in health.
 *
 * @module
 */

import { parseAddress } from "../address.ts";
import type { Discovery } from "../discovery.ts";
import type { HealthOptions } from "./health.ts";
import type { InFlight, Outcome } from "./load.ts";
import { Endpoint, type EndpointEvent, type EndpointHost } from "./endpoint.ts";
import type { Client, ClientOptions } from "../client.ts";
import { isSame } from "../discovery/endpoint_list.ts";
import { type PickContext, type Random, type Selector, subsetOf } from "../selector.ts";

/** Beyond so many servers a policy that looks at each is given a subset. Source: gRPC A68. */
const SUBSET_SIZE = 128;
/** At most this share of the servers is left out for failures; one may always be. */
const MOST_EJECTED = 0.1;
/** While something is amiss, how often dials and trials are looked after, in milliseconds. */
const ATTEND_EVERY_MS = 100;

/** What a fleet needs of its `XClient`. */
export interface FleetOptions {
  /** Which servers there are. */
  readonly discovery: Discovery;
  /** The policy. */
  readonly selector: Selector;
  /** Whether the policy is the caller's, and what it picks has to be looked at. */
  readonly isOwnSelector: boolean;
  /** How to connect. */
  readonly client: ClientOptions;
  /** When a server is left out for failures. */
  readonly health: Required<HealthOptions>;
  /** Where backoff and subsets take chance from. */
  readonly random: Random;
  /** The present time, in milliseconds. */
  nowMs(): number;
  /** Something has happened to a server. */
  tell(endpoint: Endpoint, event: EndpointEvent, cause?: unknown): void;
}

/** A call to a server, as far as its end says something of the server. */
export interface JudgedCall extends InFlight {
  /** The server. */
  readonly endpoint: Endpoint;
  /** The connection that it was sent on, if it was. */
  readonly client: Client | undefined;
}

/** The servers, and which of them is to get a call. */
export class Fleet implements EndpointHost {
  readonly options: ClientOptions;
  readonly health: Required<HealthOptions>;
  readonly random: Random;
  readonly #fleet: FleetOptions;
  readonly #watching = new AbortController();
  readonly #leaving = new Set<Endpoint>();
  /** Which part of a large fleet is ours. */
  #seed: number | undefined;
  #watched = false;
  #closed = false;
  /** How many times discovery has been asked, and which answer is the newest. */
  #asked = 0;
  #answered = 0;
  /** The list that `#endpoints` was made from. */
  #servers: readonly string[] | undefined;
  #endpoints: readonly Endpoint[] = [];
  /** Those of them that the policy may ever be shown. */
  #candidates: readonly Endpoint[] = [];
  /** The best of them: what the policy is shown. All, while nothing is amiss. */
  #best: readonly Endpoint[] = [];
  /** When dials and trials are to be looked after; `Infinity` while nothing is amiss. */
  #attendAtMs = Infinity;
  /** A server that the next call tries out. */
  #trial: Endpoint | undefined;

  /** @param fleet Discovery, policy, and how to connect. */
  constructor(fleet: FleetOptions) {
    this.#fleet = fleet;
    this.options = fleet.client;
    this.health = fleet.health;
    this.random = fleet.random;
  }

  nowMs(): number {
    return this.#fleet.nowMs();
  }

  /** All servers that are listed now. */
  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Whether it has been closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** All servers that may have a connection: those too that have left, but not ended. */
  *all(): Generator<Endpoint> {
    yield* this.#endpoints;
    yield* this.#leaving;
  }

  /**
   * Brings the servers in step with discovery.
   *
   * @returns A promise if discovery has to be waited for, or has failed.
   */
  update(): Promise<void> | undefined {
    if (this.#closed) return undefined;
    try {
      const { current } = this.#fleet.discovery;
      if (current === undefined) return this.#ask();
      if (current !== this.#servers) this.#reconcile(current);
    } catch (error) {
      return Promise.reject(error);
    }
    return undefined;
  }

  /**
   * Picks a server for a call, or for another try of it.
   *
   * @param context Time and key.
   * @param tried Those that have been tried.
   * @returns `undefined` if there is none that was not tried.
   */
  pick(context: PickContext, tried?: ReadonlySet<Endpoint>): Endpoint | undefined {
    const { nowMs } = context;
    if (nowMs >= this.#attendAtMs) this.#attend(nowMs);
    if (tried !== undefined) {
      const others = this.#candidates.filter((endpoint) => !tried.has(endpoint));
      if (others.length === 0) return undefined;
      return this.#select(this.#bestOf(others, nowMs), context);
    }
    const trial = this.#takeTrial(nowMs);
    if (trial !== undefined) return trial;
    const picked = this.#select(this.#best, context);
    if (picked === undefined || isFit(picked, nowMs)) return picked;
    this.#attend(nowMs);
    return this.#select(this.#best, context);
  }

  #select(among: readonly Endpoint[], context: PickContext): Endpoint | undefined {
    const { selector, isOwnSelector } = this.#fleet;
    const picked = selector.pick(among, context);
    if (isOwnSelector && picked !== undefined && !among.includes(picked)) {
      throw new TypeError("the selector picked what is not among its candidates");
    }
    return picked;
  }

  /** The best that there are of some: in health, else connected, else due to be dialled. */
  #bestOf(some: readonly Endpoint[], nowMs: number): readonly Endpoint[] {
    const fit = some.filter((endpoint) => isFit(endpoint, nowMs));
    if (fit.length > 0) {
      // Panic: if half of them fail, the fault is more likely elsewhere than in them.
      const unhealthy = this.#count((endpoint) => endpoint.isUnhealthy(nowMs));
      if (unhealthy > 1 && unhealthy * 2 >= this.#endpoints.length) return fit;
      const healthy = fit.filter(({ health }) => health.state(nowMs) === "healthy");
      return healthy.length > 0 ? healthy : fit;
    }
    const dialable = some.filter((endpoint) => endpoint.isDialDue(nowMs));
    return dialable.length > 0 ? dialable : some;
  }

  #count(test: (endpoint: Endpoint) => boolean): number {
    let count = 0;
    for (const endpoint of this.#endpoints) if (test(endpoint)) count++;
    return count;
  }

  /** Dials again who is due, finds who is to be tried out, and who is best. */
  #attend(nowMs: number): void {
    let amiss = false;
    this.#trial = undefined;
    for (const endpoint of this.#endpoints) {
      const state = endpoint.health.state(nowMs);
      const fit = isFit(endpoint, nowMs);
      if (endpoint.isUnhealthy(nowMs) || !fit) amiss = true;
      if (!fit && endpoint.isDialDue(nowMs)) endpoint.connect().catch(() => {});
      if (state === "trial" && fit && endpoint.trial === undefined) this.#trial = endpoint;
    }
    this.#attendAtMs = amiss ? nowMs + ATTEND_EVERY_MS : Infinity;
    const best = amiss ? this.#bestOf(this.#candidates, nowMs) : this.#candidates;
    // The same list as long as it is the same: policies keep what they know of it.
    if (!areSame(best, this.#best)) {
      this.#best = areSame(best, this.#candidates) ? this.#candidates : best;
    }
  }

  #takeTrial(nowMs: number): Endpoint | undefined {
    const trial = this.#trial;
    if (trial === undefined) return undefined;
    this.#trial = undefined;
    if (trial.trial !== undefined || !isFit(trial, nowMs)) return undefined;
    trial.trial = "next";
    return trial;
  }

  /**
   * A call to a server has ended.
   *
   * @param call The call.
   * @param outcome How, as far as the server is concerned.
   * @param nowMs The present time.
   */
  judge(call: JudgedCall, outcome: Outcome, nowMs: number): void {
    const { endpoint } = call;
    if (outcome === "success") {
      endpoint.isCondemned = false;
      if (endpoint.health.succeed(nowMs)) this.tell(endpoint, "restored");
    } else if (outcome === "failure") {
      // All the calls that a lost connection takes along are one failure; none, if another
      // connection has followed it: they say nothing of the process that is there now.
      if (call.client?.available) this.#fail(endpoint, nowMs);
      else if (endpoint.client === undefined) endpoint.hasLostCalls = true;
    }
    if (endpoint.trial === call) endpoint.trial = undefined;
    if (endpoint.inFlight === 0) endpoint.idle();
  }

  #fail(endpoint: Endpoint, nowMs: number): void {
    const { health } = endpoint;
    if (!health.fail(nowMs)) return;
    const others = this.#count((other) =>
      other !== endpoint && other.health.state(nowMs) !== "healthy"
    );
    if (others < Math.max(1, Math.floor(this.#endpoints.length * MOST_EJECTED))) {
      endpoint.isCondemned = false;
      health.eject(nowMs);
      this.tell(endpoint, "ejected");
    } else if (!endpoint.isCondemned) {
      endpoint.isCondemned = true;
      this.#attendAtMs = -Infinity;
    }
  }

  tell(endpoint: Endpoint, event: EndpointEvent, cause?: unknown): void {
    if (event === "disconnected" && endpoint.hasLostCalls) {
      endpoint.hasLostCalls = false;
      this.#fail(endpoint, this.nowMs());
    }
    if (event === "connected" && endpoint.wasUnreachable) this.#dialOthers();
    const isNothingAmiss = event === "joined" || event === "connected";
    if (!isNothingAmiss || this.#attendAtMs < Infinity) this.#attendAtMs = -Infinity;
    this.#fleet.tell(endpoint, event, cause);
  }

  /**
   * Where most can't be reached, the first that can be again is a sign that the
   * outage is over. The others are dialled at once, or it would get all calls.
   * One that could be reached all the time, and loses its connections, is no sign.
   */
  #dialOthers(): void {
    const nowMs = this.nowMs();
    const away = this.#endpoints.filter((endpoint) => !endpoint.isReachable(nowMs));
    if (away.length * 2 < this.#endpoints.length) return;
    for (const endpoint of away) endpoint.redialSoon();
  }

  /**
   * Ends everything.
   *
   * @param graceMs How long calls in flight may take to end.
   */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    this.#watching.abort();
    const endpoints = [...this.#endpoints, ...this.#leaving];
    this.#endpoints = this.#candidates = this.#best = [];
    this.#trial = undefined;
    await Promise.all(endpoints.map((endpoint) => endpoint.close(graceMs)));
  }

  async #ask(): Promise<void> {
    const turn = ++this.#asked;
    let servers: readonly string[];
    try {
      servers = await this.#fleet.discovery.getAll();
    } catch (error) {
      if (this.#servers === undefined) throw error;
      return; // the last good list stays
    }
    if (turn < this.#answered) return; // who was asked later has answered already
    this.#answered = turn;
    this.#reconcile(servers);
  }

  /** Keeps who stays, lets go who leaves, takes in who joins. */
  #reconcile(servers: readonly string[]): void {
    if (this.#closed) return;
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
        const endpoint = before.get(parsed.address) ?? new Endpoint(parsed, this);
        endpoint.parsed = parsed;
        endpoints.set(parsed.address, endpoint);
      } catch (error) {
        invalid = error; // the others are not to suffer for it
      }
    }
    if (endpoints.size === 0 && invalid !== undefined) {
      if (this.#servers === undefined) throw invalid;
      this.#servers = servers;
      return; // the last good list stays
    }
    this.#servers = servers;
    this.#endpoints = [...endpoints.values()];
    this.#candidates = this.#subset();
    this.#best = []; // even if all stay, their weights may have changed
    this.#attend(this.nowMs());
    for (const endpoint of this.#endpoints) {
      if (!before.delete(endpoint.address)) this.tell(endpoint, "joined");
    }
    for (const endpoint of before.values()) {
      this.#leaving.add(endpoint);
      endpoint.leave().then(() => this.#leaving.delete(endpoint));
      this.tell(endpoint, "left");
    }
    this.#watch();
  }

  #subset(): readonly Endpoint[] {
    if (!this.#fleet.selector.subsets || this.#endpoints.length <= SUBSET_SIZE) {
      return this.#endpoints;
    }
    this.#seed ??= Math.floor(this.random() * 2 ** 32);
    return subsetOf(this.#endpoints, this.#seed, SUBSET_SIZE);
  }

  /** Hears of changes also while no calls are made, so that who leaves is let go. */
  async #watch(): Promise<void> {
    const { discovery } = this.#fleet;
    if (this.#watched || discovery.watch === undefined) return;
    this.#watched = true;
    try {
      for await (const servers of discovery.watch(this.#watching.signal)) {
        try {
          this.#reconcile(servers);
        } catch {
          // None of its addresses is valid: the next list may be better.
        }
      }
    } catch {
      // A source that can't be watched is asked for each call.
    }
    this.#watched = false;
  }
}

/** Whether a call may be on its way to a server at once, and will be heard there. */
function isFit(endpoint: Endpoint, nowMs: number): boolean {
  return !endpoint.stalled && endpoint.isReachable(nowMs);
}

function areSame(some: readonly Endpoint[], others: readonly Endpoint[]): boolean {
  return some.length === others.length &&
    some.every((endpoint, place) => endpoint === others[place]);
}
