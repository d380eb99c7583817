/**
 * Registries as a source of servers: the first that answers is asked, and its
 * stream is followed if it offers one.
 *
 * @module
 */

import { type Clock, systemClock, type Timer } from "../clock.ts";
import { type HttpEndpoint, platformFetch } from "../discovery/http.ts";
import type { Source, SourceAnswer, SourceList } from "../discovery/source.ts";
import { errorText, RpcError } from "../errors.ts";
import { checkOptions } from "../internal/options.ts";
import { sleep } from "../internal/time.ts";
import type { Random } from "../selector.ts";
import { type Feed, openFeed } from "./feed.ts";
import { DISCOVERY_CHECKS, type RegistryDiscoveryOptions } from "./options.ts";
import { FIRST_RETRY_MS, type Listing, registryEndpoints } from "./protocol.ts";
import { checkTokenUse } from "./token.ts";
import { RegistryView } from "./view.ts";

/** The servers that a registry lists, or one of several registries. */
export class RegistrySource implements Source {
  readonly name: string;
  readonly firstRetryMs = FIRST_RETRY_MS;
  readonly longestRetryMs: number;
  readonly #registries: readonly HttpEndpoint[];
  readonly #options: RegistryDiscoveryOptions;
  readonly #refreshMs: number;
  readonly #requestTimeoutMs: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #view = new RegistryView();
  /** The index of the registry that answered last. */
  #preferred = 0;
  /** The last answer of the loop's own reads: a refresh from before it is out of date. */
  #latest: Feed | undefined;
  /** How often no registry has answered: one that answers after that may have restarted. */
  #outages = 0;
  /** When the next server that has not registered again leaves the list. */
  #timer: Timer | undefined;

  /**
   * @param registry One URL, or several.
   * @param options How to ask.
   * @throws {TypeError} If one is no http or https URL, or a token would be sent in the clear.
   * @throws {RangeError} If a duration is not above 0.
   */
  constructor(registry: string | readonly string[], options: RegistryDiscoveryOptions) {
    checkOptions("RegistryDiscovery", options, DISCOVERY_CHECKS);
    this.#registries = registryEndpoints(registry);
    checkTokenUse(this.#registries, options);
    this.name = `registry ${this.#registries.map(({ url }) => url).join(", ")}`;
    this.#refreshMs = options.refreshMs ?? 10_000;
    this.longestRetryMs = this.#refreshMs;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 5000;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#options = options;
  }

  /**
   * Asks one registry after the other, beginning with the one that answered last.
   *
   * @param list Gets the changes.
   * @param signal Ends it.
   * @returns The servers that the registry lists, and those that may register again.
   * @throws {RpcError} `unavailable` if none answers, naming each and why.
   */
  async read(list: SourceList, signal: AbortSignal): Promise<SourceAnswer> {
    const errors: unknown[] = [];
    for (let turn = 0; turn < this.#registries.length; turn++) {
      const place = (this.#preferred + turn) % this.#registries.length;
      try {
        const feed = await this.#open(place, this.#options.stream ?? true, signal);
        this.#preferred = place;
        this.#latest = feed;
        return this.#answer(feed, list, signal);
      } catch (error) {
        signal.throwIfAborted();
        errors.push(error);
      }
    }
    this.#outages++;
    this.#view.suspend();
    if (errors.length === 1) throw errors[0];
    throw new RpcError("unavailable", errors.map(errorText).join("; "), {
      execution: "not_sent",
      cause: new AggregateError(errors),
    });
  }

  /** Forgets all servers. */
  forget(): void {
    this.#view.clear();
    this.#timer?.cancel();
  }

  #answer(feed: Feed, list: SourceList, signal: AbortSignal): SourceAnswer {
    const { listing } = feed;
    const answer = {
      entries: addressesOf(listing),
      servers: () => {
        this.#view.take(listing, this.#clock.now());
        return this.#servers(list);
      },
    };
    if (feed.changes === undefined) {
      const waitMs = this.#refreshMs * (0.9 + 0.2 * this.#random());
      return { ...answer, follow: (signal) => sleep(this.#clock, waitMs, signal) };
    }
    return {
      ...answer,
      // Refreshes do not end a stream; closing does, by the signal of its request.
      follow: () => this.#follow(feed, list),
      refresh: () => this.#refresh(feed, list, signal),
    };
  }

  async #follow(feed: Feed, list: SourceList): Promise<void> {
    try {
      for await (const listing of feed.changes!) {
        if (listing !== undefined) this.#take(listing, list);
        list.confirm();
      }
    } catch (error) {
      this.#outages++;
      this.#timer?.cancel(); // no server leaves the list before a registry answers
      throw error;
    } finally {
      feed.end();
    }
  }

  /** Asks the registry whose stream is followed; what another says, the stream would undo. */
  async #refresh(feed: Feed, list: SourceList, signal: AbortSignal): Promise<void> {
    const { listing } = await this.#open(this.#preferred, false, signal);
    // If a registry has been read since, its answer is newer than this one.
    if (this.#latest === feed) this.#take(listing, list);
  }

  #take(listing: Listing, list: SourceList): void {
    if (!this.#view.take(listing, this.#clock.now())) return;
    list.take({ entries: addressesOf(listing), servers: () => this.#servers(list) });
  }

  /** The list of now, and a timer for when a server in it has waited too long to register again. */
  #servers(list: SourceList): string[] {
    this.#timer?.cancel();
    const nowMs = this.#clock.now();
    const servers = this.#view.servers(nowMs);
    const { dueAtMs } = this.#view;
    if (dueAtMs < Infinity) {
      const onDue = () => list.put(this.#servers(list));
      this.#timer = this.#clock.setTimer(dueAtMs - nowMs, onDue);
    }
    return servers;
  }

  #open(place: number, stream: boolean, signal: AbortSignal): Promise<Feed> {
    const registry = this.#registries[place];
    const { fetch = platformFetch, headers = {}, token } = this.#options;
    return openFeed(registry, { fetch, headers, token, clock: this.#clock, signal }, {
      timeoutMs: this.#requestTimeoutMs,
      stream,
      instance: `${registry.url} ${this.#outages}`,
    });
  }
}

function addressesOf({ servers }: Listing): string[] {
  return servers.map(({ server }) => server);
}
