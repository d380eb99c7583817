/**
 * The etcd watch: the keys under a prefix, read at one revision and watched
 * from the next.
 *
 * A watch that is lost is resumed where it ended. If etcd has compacted the
 * revisions since, all keys are read again.
 *
 * @module
 */

import { type Clock, systemClock } from "../../clock.ts";
import { abortWith, releaseFrom } from "../../internal/abort.ts";
import { checkOptions } from "../../internal/options.ts";
import type { Random } from "../../selector.ts";
import type { Source, SourceAnswer, SourceEntry, SourceList } from "../source.ts";
import { EtcdClient } from "./client.ts";
import { int64, type JsonObject, listIn, rangeOfPrefix, revisionOf } from "./encoding.ts";
import { notUnderstood, unavailable } from "./errors.ts";
import { EtcdEntries } from "./entries.ts";
import { ETCD_DISCOVERY_CHECKS, type EtcdDiscoveryOptions } from "./options.ts";
import type { EtcdStream } from "./stream.ts";

/** Keys under a prefix of etcd's, as a source of servers. */
export class EtcdWatch implements Source {
  readonly name: string;
  /** Short: servers that register as soon as etcd is back are to be listed within a second. */
  readonly firstRetryMs = 200;
  readonly longestRetryMs = 800;
  readonly isLive = true;
  readonly #prefix: string;
  readonly #client: EtcdClient;
  readonly #toServer: (value: string, key: string) => string;
  readonly #rereadMs: number;
  readonly #clock: Clock;
  readonly #random: Random;
  /** The values under the prefix, by key. */
  #values = new EtcdEntries();
  /** Where the watch goes on; `undefined` if all keys have to be read. */
  #nextRevision: bigint | undefined;
  #rereadAtMs = 0;

  /**
   * @param prefix The prefix of the servers' keys.
   * @param options Endpoints, user, and how values are read.
   * @throws {TypeError} If the prefix is empty, or an endpoint is no URL.
   * @throws {RangeError} If a duration is not above 0.
   */
  constructor(prefix: string, options: EtcdDiscoveryOptions) {
    checkOptions("EtcdDiscovery", options, ETCD_DISCOVERY_CHECKS);
    if (prefix === "") throw new TypeError("a discovery by etcd needs a prefix that is not empty");
    this.#rereadMs = options.rereadMs ?? 60_000;
    this.#client = new EtcdClient(options);
    this.name = `${prefix}* in etcd at ${this.#client.endpoints}`;
    this.#prefix = prefix;
    this.#toServer = options.toServer ?? ((value) => value);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /**
   * Reads all keys, unless the watch can be resumed where it ended; then watches.
   *
   * @param list Gets the changes.
   * @param signal Ends it.
   * @param isFull Whether all keys are to be read in any case.
   * @returns The servers, sorted by key.
   * @throws {RpcError} `unavailable` if no endpoint answers; otherwise etcd's error.
   */
  async read(list: SourceList, signal: AbortSignal, isFull: boolean): Promise<SourceAnswer> {
    const isFresh = isFull || this.#nextRevision === undefined ||
      this.#clock.now() >= this.#rereadAtMs;
    if (isFresh) await this.#readAll(signal);
    const entries = this.#entries();
    const stream = await this.#client.stream("/v3/watch", {
      create_request: {
        ...rangeOfPrefix(this.#prefix),
        start_revision: String(this.#nextRevision),
        progress_notify: true,
      },
    }, { signal });
    return { entries, follow: (signal) => this.#follow(stream, list, isFresh, signal) };
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    const answer = await this.#client.call("/v3/kv/range", rangeOfPrefix(this.#prefix), { signal });
    try {
      const values = new EtcdEntries();
      for (const kv of listIn(answer, "kvs")) values.put(kv);
      const revision = revisionOf(answer);
      this.#values = values;
      this.#nextRevision = revision + 1n;
    } catch (error) {
      throw notUnderstood(this.#client.endpoints, error);
    }
    this.#rereadAtMs = this.#clock.now() + this.#rereadMs * (1 + this.#random() / 10);
  }

  /** Follows the watch until it is lost, or all keys are to be read again. */
  async #follow(
    stream: EtcdStream,
    list: SourceList,
    isFresh: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const ending = { abort: () => void stream.close() };
    const timer = this.#clock.setTimer(this.#rereadAtMs - this.#clock.now(), ending.abort);
    abortWith(signal, ending);
    try {
      if (signal.aborted) return;
      for (;;) {
        const answer = await stream.next();
        if (answer === undefined) return;
        if (answer.canceled === true) return this.#onCanceled(stream.endpoint, answer, isFresh);
        if (answer.created === true) continue; // confirms nothing: a watch may fail right after it
        list.confirm();
        this.#onProgress(answer, list);
      }
    } catch (error) {
      this.#client.moveOn();
      const told = notUnderstood(stream.endpoint, error);
      if (told !== error) this.#nextRevision = undefined; // what was missed is not known
      throw told;
    } finally {
      timer.cancel();
      releaseFrom(signal, ending);
      await stream.close();
    }
  }

  /** etcd has ended the watch: all keys are to be read again. */
  #onCanceled(endpoint: string, answer: JsonObject, isFresh: boolean): void {
    this.#nextRevision = undefined;
    const isCompacted = answer.compact_revision !== undefined;
    // Compaction is no failure, unless all keys have just been read.
    if (isCompacted && !isFresh) return;
    if (!isCompacted) this.#client.forgetToken();
    const why = isCompacted
      ? "the revision that was just read is compacted"
      : String(answer.cancel_reason ?? "no reason given");
    throw unavailable(endpoint, `the watch was ended: ${why}`);
  }

  #onProgress(answer: JsonObject, list: SourceList): void {
    const events = listIn(answer, "events") as { type?: unknown; kv: JsonObject }[];
    for (const { type, kv } of events) {
      if (type === "DELETE") this.#values.delete(kv);
      else this.#values.put(kv);
      // After the last event, not at the header's revision: more events may be on their way.
      this.#nextRevision = int64(kv.mod_revision) + 1n;
    }
    if (events.length > 0) list.take({ entries: this.#entries() });
    else this.#nextRevision = revisionOf(answer) + 1n;
  }

  #entries(): SourceEntry[] {
    return this.#values.sorted().map(([key, value]) => {
      try {
        return String(this.#toServer(value, key));
      } catch (error) {
        return { server: value, error };
      }
    });
  }
}
