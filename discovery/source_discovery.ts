/**
 * A discovery whose list comes from a source: what the discoveries by a
 * registry, DNS and etcd have in common for their users.
 *
 * @module
 */

import type { Discovery } from "../discovery.ts";
import { abortWith, releaseFrom } from "../internal/abort.ts";
import type { SelectMode } from "../selector.ts";
import { checkOptions } from "../internal/options.ts";
import { type Source, SOURCE_CHECKS, type SourceOptions } from "./source.ts";
import { SourceLoop } from "./source_loop.ts";

export type {
  Source,
  SourceAnswer,
  SourceEntry,
  SourceEvent,
  SourceList,
  SourceListing,
  SourceOptions,
  UnreadableEntry,
} from "./source.ts";

/**
 * Servers that a source lists. The source is asked when the discovery is first
 * used, and from then on by itself until the discovery is closed. While it
 * fails or lists no servers, the last good list stays.
 *
 * @example A source of your own
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type Source, SourceDiscovery } from "@geerpc/xclient/registry";
 *
 * // Read once, and again only by `refresh`.
 * const untilRefreshed = (signal: AbortSignal) =>
 *   new Promise<void>((resolve) => {
 *     if (signal.aborted) resolve();
 *     signal.addEventListener("abort", () => resolve());
 *   });
 * const source: Source = {
 *   name: "the inventory",
 *   firstRetryMs: 200,
 *   longestRetryMs: 10_000,
 *   read: () => Promise.resolve({ entries: ["tcp@10.0.0.1:9001"], follow: untilRefreshed }),
 * };
 * const discovery = new SourceDiscovery(source);
 * assertEquals(await discovery.getAll(), ["tcp@10.0.0.1:9001"]);
 * await discovery.close();
 * ```
 */
export class SourceDiscovery implements Discovery, AsyncDisposable {
  /** The source's name, as errors have it. */
  readonly name: string;
  readonly #loop: SourceLoop;

  /**
   * Makes a discovery; it asks the source when it is first used.
   *
   * @param source What to ask.
   * @param options Signal, events, clock and randomness.
   */
  constructor(source: Source, options: SourceOptions = {}) {
    // Classes below have options of their own, and check them.
    if (new.target === SourceDiscovery) checkOptions("SourceDiscovery", options, SOURCE_CHECKS);
    this.name = source.name;
    this.#loop = new SourceLoop(source, options);
  }

  /** The present list: a new array whenever it changes, `undefined` while none is known. */
  get current(): readonly string[] | undefined {
    return this.#loop.list.endpoints.current;
  }

  /**
   * For how long the source has not confirmed the list, in milliseconds. A live
   * watch confirms it: etcd's all the time, a registry's with each sign of life.
   * It grows in an outage and after an empty answer, while the last good list is
   * in use. `Infinity` if the list was never confirmed.
   */
  get staleMs(): number {
    return this.#loop.list.staleMs;
  }

  /**
   * Asks the source now. Calls while it is being asked share the answer. While
   * the stream of a registry is followed, only that registry is asked.
   *
   * @throws {RpcError} `unavailable` if the source does not answer, naming who was
   * asked; the last good list stays, and the source is asked again by itself.
   * `canceled` once the discovery is closed.
   */
  refresh(): Promise<void> {
    return this.#loop.refresh();
  }

  /**
   * Puts a list in place by hand, until the source reports another. With a list
   * before the first use, calls need not wait for the source.
   *
   * @param servers Addresses, with or without metadata. The same address twice counts once.
   * @throws {RpcError} `invalid_argument` if an address is invalid; the list stays then.
   */
  // deno-lint-ignore require-await
  async update(servers: readonly string[]): Promise<void> {
    this.#loop.update(servers);
  }

  /**
   * Picks one server.
   *
   * @param mode The policy.
   * @returns Its address.
   * @throws {RpcError} `unavailable` if the list is empty, or no list is known yet;
   * `invalid_argument` for an unknown mode, naming the modes.
   */
  async get(mode: SelectMode): Promise<string> {
    await this.#loop.known();
    return this.#loop.list.endpoints.get(mode);
  }

  /**
   * Returns all servers. Waits for the source only if it was never asked before.
   *
   * @returns A copy of the list.
   * @throws {RpcError} `unavailable` if no list is known yet, with the reason.
   */
  async getAll(): Promise<string[]> {
    await this.#loop.known();
    return [...this.current!];
  }

  /**
   * Yields each list from now on, the present one first.
   *
   * @param signal Ends it. `close` ends it too.
   */
  async *watch(signal: AbortSignal): AsyncGenerator<readonly string[]> {
    this.#loop.start();
    const ending = new AbortController();
    const signals = [signal, this.#loop.closing];
    for (const one of signals) abortWith(one, ending);
    try {
      yield* this.#loop.list.endpoints.watch(ending.signal);
    } finally {
      for (const one of signals) releaseFrom(one, ending);
    }
  }

  /**
   * Stops asking, and ends every wait and connection. Idempotent. The last list stays.
   *
   * @returns Resolves when nothing is left running.
   */
  close(): Promise<void> {
    return this.#loop.close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
