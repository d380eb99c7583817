/**
 * Discovery from a registry: ours, GeeRPC's, or another that speaks its protocol.
 *
 * @module
 */

import type { Timer } from "../clock.ts";
import type { SourceOptions } from "../discovery/options.ts";
import { SourceDiscovery } from "../discovery/source.ts";
import { errorText, RpcError } from "../errors.ts";
import { aboveZero } from "../internal/validate.ts";
import { type Feed, openFeed } from "./feed.ts";
import type { Fetch, Web } from "./http.ts";
import { FIRST_RETRY_MS, type Listing, registryUrls } from "./protocol.ts";
import { RegistryView } from "./view.ts";

/** How a {@linkcode RegistryDiscovery} asks. */
export interface RegistryDiscoveryOptions extends SourceOptions {
  /**
   * How often to ask a registry that offers no stream, in milliseconds, give or
   * take a tenth; also the longest pause between tries while none answers.
   * Default 10,000, as in GeeRPC.
   */
  refreshMs?: number;
  /** How long a registry may take to answer, in milliseconds. Default 5,000. */
  requestTimeoutMs?: number;
  /** Whether to have changes told at once where the registry offers it. Default `true`. */
  stream?: boolean;
  /** Sent with each request. */
  headers?: Readonly<Record<string, string>>;
  /** What makes requests. Default: the platform's `fetch`. */
  fetch?: Fetch;
}

/**
 * The servers that a registry lists. Between our own ends each change comes at
 * once, on a stream; another registry is asked every ten seconds. It begins
 * when it is first used, and goes on until it is closed.
 *
 * The last good list stays while no registry answers, and when one answers
 * that there are no servers at all: a fleet that is really gone costs failed
 * calls either way, and a registry that lost its memory must not cost any.
 * A registry that restarts does not shorten the list either: each server has
 * the time of its lease to turn up again.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Registry, RegistryDiscovery } from "@geerpc/xclient/registry";
 *
 * const registry = new Registry();
 * const fetch = (url: string, init: RequestInit) =>
 *   Promise.resolve(registry.fetch(new Request(url, init)));
 * const headers = { "X-Geerpc-Server": "tcp@10.0.0.1:9001" };
 * await fetch("http://registry/_geerpc_/registry", { method: "POST", headers });
 *
 * const discovery = new RegistryDiscovery("http://registry", { fetch });
 * assertEquals(await discovery.getAll(), ["tcp@10.0.0.1:9001"]);
 * await discovery.close();
 * await registry.close();
 * ```
 */
export class RegistryDiscovery extends SourceDiscovery {
  readonly #urls: readonly string[];
  readonly #options: RegistryDiscoveryOptions;
  readonly #refreshMs: number;
  readonly #requestTimeoutMs: number;
  readonly #view = new RegistryView();
  /** How requests are made, once any is. */
  #web: Web | undefined;
  /** The registry that answered last, and what it goes on to tell. */
  #preferred = 0;
  #feed: Feed | undefined;
  /** What was read, until it is put in place: a list by hand may come in between. */
  #fresh: Listing | undefined;
  /** How many times none has answered: whoever answers after one may have restarted. */
  #outages = 0;
  /** Whether a stream is being followed; a question that is asked besides. */
  #isFollowing = false;
  #asking: Promise<void> | undefined;
  /** When a server that has not turned up again is given up. */
  #timer: Timer | undefined;

  /**
   * Makes a discovery; it asks when it is first used.
   *
   * @param registry Its URL; of several, the first that answers is asked.
   * Without a path, GeeRPC's `/_geerpc_/registry` is meant.
   * @param options How to ask.
   * @throws {TypeError} If it is no http or https URL.
   * @throws {RangeError} If a duration is not above 0.
   */
  constructor(registry: string | readonly string[], options: RegistryDiscoveryOptions = {}) {
    const urls = registryUrls(registry);
    const refreshMs = aboveZero("refreshMs", options.refreshMs ?? 10_000);
    const requestTimeoutMs = aboveZero("requestTimeoutMs", options.requestTimeoutMs ?? 5000);
    const backoff = { firstMs: FIRST_RETRY_MS, mostMs: refreshMs };
    super({ name: `registry ${urls.join(", ")}`, backoff, isLive: false }, options);
    this.#urls = urls;
    this.#options = options;
    this.#refreshMs = refreshMs;
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  /**
   * Asks a registry now. Those who ask while it is being asked share the answer.
   * While the stream of one is followed, that one is asked and no other: what
   * another says would be taken back by the stream's next word.
   *
   * @throws {RpcError} `unavailable` if none answers, naming each that was asked;
   * the last good list stays. `canceled` once it is closed.
   */
  override refresh(): Promise<void> {
    if (!this.#isFollowing) return super.refresh();
    if (this.#asking === undefined) {
      this.#asking = this.#askBesides().finally(() => this.#asking = undefined);
      this.#asking.catch(() => {}); // nobody may be waiting for it
    }
    return this.#asking;
  }

  /**
   * Puts a list in place until a registry says otherwise. With a list before
   * the first use, calls need not wait for the registry.
   *
   * @param servers Their addresses. The same server twice counts once.
   * @throws {RpcError} `invalid_argument` for a wrong address; the list stays then.
   */
  // deno-lint-ignore require-await
  override async update(servers: readonly string[]): Promise<void> {
    this.replace(servers);
    this.#view.clear(); // in the same turn: what is told after it is to stay
    this.#timer?.cancel();
  }

  /**
   * Asks no more, and ends every wait and stream. Idempotent. The last list stays.
   *
   * @returns Resolves when all is over.
   */
  override async close(): Promise<void> {
    await super.close();
    await this.#asking?.catch(() => {}); // its caller hears of it
    this.#timer?.cancel();
  }

  /**
   * Asks one registry after the other, beginning with the one that answered last.
   *
   * @param signal Ends it.
   * @returns The servers that it lists.
   * @throws {RpcError} If none answers: why not.
   */
  protected override async read(signal: AbortSignal): Promise<readonly string[]> {
    this.#web ??= {
      fetch: this.#options.fetch ?? ((url, init) => fetch(url, init)),
      headers: this.#options.headers ?? {},
      clock: this.clock,
      signal,
    };
    const errors: unknown[] = [];
    for (let turn = 0; turn < this.#urls.length; turn++) {
      const place = (this.#preferred + turn) % this.#urls.length;
      try {
        this.#feed = await this.#open(place, this.#options.stream ?? true);
      } catch (error) {
        signal.throwIfAborted();
        errors.push(error);
        continue;
      }
      this.#preferred = place;
      this.#fresh = this.#feed.listing;
      return addressesOf(this.#fresh);
    }
    this.#outages++;
    this.#view.suspend();
    if (errors.length === 1) throw errors[0];
    throw new RpcError("unavailable", errors.map(errorText).join("; "), {
      execution: "not_sent",
      cause: new AggregateError(errors),
    });
  }

  /**
   * Follows the stream until it fails; where there is none, waits.
   *
   * @param signal Ends the wait. Only closing ends a stream.
   */
  protected override async hold(signal: AbortSignal): Promise<void> {
    const feed = this.#feed!;
    if (feed.changes === undefined) {
      return this.sleep(this.#refreshMs * (0.9 + 0.2 * this.random()), signal);
    }
    this.#isFollowing = true;
    try {
      for await (const listing of feed.changes) {
        if (listing !== undefined) this.#take(listing);
        this.alive();
      }
    } catch (error) {
      this.#outages++;
      this.#timer?.cancel(); // nobody is given up before a registry answers
      throw error;
    } finally {
      this.#isFollowing = false;
      feed.end();
    }
  }

  /** Adds the servers that may yet turn up at a registry that has restarted. */
  protected override complete(): readonly string[] {
    this.#timer?.cancel();
    const nowMs = this.clock.now();
    if (this.#fresh !== undefined) this.#view.take(this.#fresh, nowMs);
    this.#fresh = undefined;
    const servers = this.#view.servers(nowMs);
    const { dueAtMs } = this.#view;
    if (dueAtMs < Infinity) {
      this.#timer = this.clock.setTimer(dueAtMs - nowMs, () => this.put(this.complete()));
    }
    return servers;
  }

  #open(place: number, stream: boolean): Promise<Feed> {
    const url = this.#urls[place];
    const timeoutMs = this.#requestTimeoutMs;
    return openFeed(this.#web!, url, { timeoutMs, stream, instance: `${url} ${this.#outages}` });
  }

  /** Asks the registry whose stream is open. */
  async #askBesides(): Promise<void> {
    const feed = this.#feed;
    const { listing } = await this.#open(this.#preferred, false);
    // If another has been opened since, it knows better than an answer from before.
    if (this.#feed === feed) this.#take(listing);
  }

  #take(listing: Listing): void {
    if (this.#view.take(listing, this.clock.now())) this.take(addressesOf(listing));
  }
}

function addressesOf({ servers }: Listing): string[] {
  return servers.map(({ server }) => server);
}
