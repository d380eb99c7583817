/**
 * Discovery from a registry: ours, GeeRPC's, or another that speaks its protocol.
 *
 * @module
 */

import { type Clock, systemClock } from "./clock.ts";
import type { Discovery } from "./discovery.ts";
import { RpcError } from "./errors.ts";
import { aboveZero } from "./ranges.ts";
import { RegistryAsker } from "./registry_asker.ts";
import type { Fetch } from "./registry_http.ts";
import { type RegistryDiscoveryEvent, RegistryList } from "./registry_list.ts";
import { registryUrls } from "./registry_protocol.ts";
import type { Random, SelectMode } from "./selector.ts";

export type { RegistryDiscoveryEvent };

/** How a {@linkcode RegistryDiscovery} asks. */
export interface RegistryDiscoveryOptions {
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
  /** Ends it, as `close` does. */
  signal?: AbortSignal;
  /** Sent with each request. */
  headers?: Readonly<Record<string, string>>;
  /** What makes requests. Default: the platform's `fetch`. */
  fetch?: Fetch;
  /** Where the time comes from. Default: the system's clock. */
  clock?: Clock;
  /** Where `get` and pauses take chance from. Default `Math.random`. */
  random?: Random;
  /** Told what happens, as it happens. */
  onEvent?: (event: RegistryDiscoveryEvent) => void;
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
export class RegistryDiscovery implements Discovery, AsyncDisposable {
  readonly #urls: readonly string[];
  readonly #options: RegistryDiscoveryOptions;
  readonly #list: RegistryList;
  readonly #asker: RegistryAsker;
  readonly #ending = new AbortController();
  readonly #onAbort = () => void this.close();
  #closed: Promise<void> | undefined;

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
    this.#urls = registryUrls(registry);
    this.#options = options;
    const { clock = systemClock, random = Math.random, onEvent } = options;
    const tell = (event: RegistryDiscoveryEvent) => {
      if (onEvent !== undefined) queueMicrotask(() => onEvent(event));
    };
    this.#list = new RegistryList(clock, random, tell);
    this.#asker = new RegistryAsker({
      urls: this.#urls,
      refreshMs: aboveZero("refreshMs", options.refreshMs ?? 10_000),
      requestTimeoutMs: aboveZero("requestTimeoutMs", options.requestTimeoutMs ?? 5000),
      stream: options.stream ?? true,
      web: {
        fetch: options.fetch ?? ((url, init) => fetch(url, init)),
        headers: options.headers ?? {},
        clock,
        signal: this.#ending.signal,
      },
      random,
      list: this.#list,
      tell,
    });
    if (options.signal?.aborted) this.close();
    else options.signal?.addEventListener("abort", this.#onAbort);
  }

  /** The present list: a new array whenever it changes, `undefined` while none is known. */
  get current(): readonly string[] | undefined {
    return this.#list.servers.current;
  }

  /**
   * For how long no registry has said that the list is so, in milliseconds; a
   * stream that lives says so with each sign of life. `Infinity`: none ever has.
   */
  get staleMs(): number {
    return this.#list.staleMs;
  }

  /**
   * Asks a registry now.
   *
   * @throws {RpcError} `unavailable` if none answers, naming the registry; the
   * last good list stays.
   */
  refresh(): Promise<void> {
    return this.#asker.refresh();
  }

  /**
   * Puts a list in place until a registry says otherwise. With a list before
   * the first use, calls need not wait for the registry.
   *
   * @param servers Their addresses. The same server twice counts once.
   * @throws {RpcError} `invalid_argument` for a wrong address; the list stays then.
   */
  // deno-lint-ignore require-await
  async update(servers: readonly string[]): Promise<void> {
    this.#list.update(servers);
  }

  /**
   * Picks one server.
   *
   * @param mode The policy.
   * @returns Its address.
   * @throws {RpcError} `unavailable` if there are none or no registry answers,
   * `invalid_argument` for an unknown mode, naming the modes.
   */
  async get(mode: SelectMode): Promise<string> {
    await this.#ready();
    return this.#list.servers.get(mode);
  }

  /**
   * All servers.
   *
   * @returns A copy of the list.
   * @throws {RpcError} `unavailable` if none is known and no registry answers.
   */
  async getAll(): Promise<string[]> {
    await this.#ready();
    return [...this.#list.servers.current!];
  }

  /**
   * Each list from now on, the present one first.
   *
   * @param signal Ends it, and so does closing.
   */
  async *watch(signal: AbortSignal): AsyncGenerator<readonly string[]> {
    this.#asker.start();
    const either = new AbortController();
    const end = () => either.abort();
    const signals = [signal, this.#ending.signal];
    for (const one of signals) {
      if (one.aborted) end();
      one.addEventListener("abort", end);
    }
    try {
      yield* this.#list.servers.watch(either.signal);
    } finally {
      for (const one of signals) one.removeEventListener("abort", end);
    }
  }

  /**
   * Asks no more, and ends every watch. The last list can still be had. Idempotent.
   *
   * @returns Resolves when all is over.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** Closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const message = `the discovery by ${this.#urls.join(", ")} is closed`;
    const { signal } = this.#options;
    signal?.removeEventListener("abort", this.#onAbort);
    this.#ending.abort(
      signal?.aborted
        ? signal.reason
        : new RpcError("canceled", message, { execution: "not_sent" }),
    );
    this.#list.close();
    await this.#asker.ended();
  }

  /** Waits for the first list; while none can be had, says so at once. */
  async #ready(): Promise<void> {
    this.#asker.start();
    if (this.current === undefined) await this.#asker.first();
  }
}
