/**
 * Discovery by etcd, and registration with it.
 *
 * ```ts ignore
 * const etcd = { endpoints: ["http://10.0.0.1:2379", "http://10.0.0.2:2379"] };
 *
 * // Each server:
 * const registration = new EtcdRegistration("arith/", listener.address, etcd);
 * // Each client:
 * const discovery = new EtcdDiscovery("arith/", etcd);
 * ```
 *
 * @module
 */

import { EtcdClient, type EtcdOptions } from "./discovery/etcd/client.ts";
import {
  endOfPrefix,
  type EtcdStream,
  fieldOf,
  fromBase64,
  int64,
  type JsonObject,
  toBase64,
} from "./discovery/etcd/json.ts";
import type { SourceEntry, SourceOptions } from "./discovery/options.ts";
import { SourceDiscovery } from "./discovery/source.ts";
import { RpcError } from "./errors.ts";
import { aboveZero } from "./internal/validate.ts";

export * from "./discovery/source.ts";
export type { EtcdOptions } from "./discovery/etcd/client.ts";
export {
  EtcdRegistration,
  type EtcdRegistrationEvent,
  type EtcdRegistrationOptions,
} from "./discovery/etcd/registration.ts";

/** How an {@linkcode EtcdDiscovery} asks etcd. */
export interface EtcdDiscoveryOptions extends EtcdOptions, SourceOptions {
  /**
   * How often all is read anew, lest a watch that has silently died goes
   * unnoticed, in milliseconds; up to a tenth later. Default 60,000.
   */
  rereadMs?: number;
  /**
   * Reads a server's address out of what others have registered. If it throws, the
   * value is left out and told as invalid. Default: the value is the address.
   */
  toServer?: (value: string, key: string) => string;
}

/** Short: servers that register as soon as etcd is back are to be seen within a second. */
const BACKOFF = { firstMs: 200, mostMs: 800 };

/**
 * The servers that are registered with etcd, under a prefix of its keys.
 *
 * All are read at one revision, and watched from the next: a change is seen
 * at once. A watch that is lost is resumed where it ended, at the next
 * endpoint. If etcd has forgotten what came since, all are read anew.
 *
 * The last list stays in an outage, and also when no server is left, since
 * that is rather a fault than the truth.
 *
 * @example
 * ```ts ignore
 * import { XClient } from "@geerpc/xclient";
 * import { EtcdDiscovery } from "@geerpc/xclient/etcd";
 *
 * await using discovery = new EtcdDiscovery("arith/", {
 *   endpoints: ["http://10.0.0.1:2379", "http://10.0.0.2:2379", "http://10.0.0.3:2379"],
 *   onEvent: (event) => console.log(event),
 * });
 * await using xclient = new XClient(discovery);
 * await xclient.call("Arith.Sum", { A: 1, B: 2 });
 * ```
 *
 * @example Without an etcd, in a test
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EtcdDiscovery } from "@geerpc/xclient/etcd";
 *
 * const kvs = [{ key: btoa("arith/a"), value: btoa("tcp@10.0.0.1:9001?weight=3") }];
 * const watch = () => ReadableStream.from([new TextEncoder().encode('{"result":{}}\n')]);
 * const discovery = new EtcdDiscovery("arith/", {
 *   endpoints: "http://etcd:2379",
 *   fetch: (url) =>
 *     Promise.resolve(
 *       url.endsWith("/v3/kv/range")
 *         ? Response.json({ header: { revision: "7" }, kvs })
 *         : new Response(watch()),
 *     ),
 * });
 * assertEquals(await discovery.getAll(), ["tcp@10.0.0.1:9001?weight=3"]);
 * await discovery.close();
 * ```
 */
export class EtcdDiscovery extends SourceDiscovery {
  readonly #prefix: string;
  readonly #client: EtcdClient;
  readonly #options: EtcdDiscoveryOptions;
  /** What is registered: values by key. */
  #values = new Map<string, string>();
  /** Where the watch goes on; `undefined` if all has to be read. */
  #nextRevision: bigint | undefined;
  readonly #rereadMs: number;
  #rereadAtMs = 0;
  /** Whether all was read right before the present watch. */
  #isFresh = false;
  #watch: EtcdStream | undefined;

  /**
   * Makes a discovery; it asks when it is first used.
   *
   * @param prefix What the servers' keys begin with.
   * @param options Endpoints, user, and who is told of what.
   * @throws {TypeError} If the prefix is empty, or an endpoint is no URL.
   * @throws {RangeError} If a duration is not above 0.
   */
  constructor(prefix: string, options: EtcdDiscoveryOptions) {
    if (prefix === "") throw new TypeError("a discovery by etcd needs a prefix that is not empty");
    const rereadMs = aboveZero("rereadMs", options.rereadMs ?? 60_000);
    const client = new EtcdClient(options);
    const name = `${prefix}* in etcd at ${client.endpoints}`;
    super({ name, backoff: BACKOFF, isLive: true }, options);
    this.#prefix = prefix;
    this.#rereadMs = rereadMs;
    this.#client = client;
    this.#options = options;
  }

  /**
   * Reads all, unless the watch can go on where it ended; then watches.
   *
   * @param signal Ends it.
   * @param anew Whether all is to be read in any case.
   * @returns The servers, in the order of their keys.
   */
  protected override async read(
    signal: AbortSignal,
    anew: boolean,
  ): Promise<readonly SourceEntry[]> {
    this.#isFresh = anew || this.#nextRevision === undefined ||
      this.clock.now() >= this.#rereadAtMs;
    if (this.#isFresh) await this.#readAll(signal);
    const entries = this.#entries();
    this.#watch = await this.#client.stream("/v3/watch", {
      create_request: {
        ...this.#range(),
        start_revision: String(this.#nextRevision),
        progress_notify: true,
      },
    }, { signal });
    return entries;
  }

  /**
   * Follows the watch until it is lost, or all is to be read anew.
   *
   * @param signal Ends it.
   */
  protected override async hold(signal: AbortSignal): Promise<void> {
    const watch = this.#watch!;
    const end = () => void watch.close();
    const timer = this.clock.setTimer(this.#rereadAtMs - this.clock.now(), end);
    signal.addEventListener("abort", end);
    try {
      if (signal.aborted) return;
      for (;;) {
        const answer = await watch.next();
        if (answer === undefined) return;
        this.#follow(watch.endpoint, answer);
        if (this.#nextRevision === undefined) return;
      }
    } catch (error) {
      this.#client.moveOn();
      throw error;
    } finally {
      timer.cancel();
      signal.removeEventListener("abort", end);
      await watch.close();
    }
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    const answer = await this.#client.call("/v3/kv/range", this.#range(), { signal });
    const values = new Map<string, string>();
    for (const kv of listOf(answer, "kvs")) values.set(fromBase64(kv.key), fromBase64(kv.value));
    this.#values = values;
    this.#nextRevision = int64(fieldOf(answer, "header")?.revision) + 1n;
    this.#rereadAtMs = this.clock.now() + this.#rereadMs * (1 + this.random() / 10);
  }

  /** Takes in what the watch tells. */
  #follow(endpoint: string, answer: JsonObject): void {
    if (answer.canceled === true) {
      this.#nextRevision = undefined;
      const isCompacted = answer.compact_revision !== undefined;
      // What came since is forgotten. That it should be so right after all was read is a failure.
      if (isCompacted && !this.#isFresh) return;
      if (!isCompacted) this.#client.forgetToken();
      const why = isCompacted
        ? "what it has just told is compacted"
        : String(answer.cancel_reason ?? "no reason given");
      throw new RpcError("unavailable", `etcd at ${endpoint} has ended the watch: ${why}`, {
        address: endpoint,
        execution: "unknown",
      });
    }
    if (answer.created === true) return; // no sign of life yet: a watch may fail right after it
    this.alive();
    const events = listOf(answer, "events");
    for (const { type, kv } of events as { type?: unknown; kv: JsonObject }[]) {
      const key = fromBase64(kv.key);
      if (type === "DELETE") this.#values.delete(key);
      else this.#values.set(key, fromBase64(kv.value));
      // Behind the last event, not the header: more events may be on their way.
      this.#nextRevision = int64(kv.mod_revision) + 1n;
    }
    if (events.length > 0) this.take(this.#entries());
    else this.#nextRevision = int64(fieldOf(answer, "header")?.revision) + 1n;
  }

  #range(): JsonObject {
    return { key: toBase64(this.#prefix), range_end: endOfPrefix(this.#prefix) };
  }

  #entries(): SourceEntry[] {
    const { toServer = (value: string) => value } = this.#options;
    return [...this.#values].sort(([a], [b]) => a < b ? -1 : 1).map(([key, value]) => {
      try {
        return String(toServer(value, key));
      } catch (error) {
        return { server: value, error };
      }
    });
  }
}

function listOf(answer: JsonObject, name: string): JsonObject[] {
  const list = answer[name];
  return Array.isArray(list) ? list : [];
}
