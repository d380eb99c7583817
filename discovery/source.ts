/**
 * What the sources have in common that are asked over the network: registries,
 * DNS, etcd.
 *
 * A source is asked when it is first needed, and from then on by itself, until
 * it is closed. A call never waits for it once there is a list. What it fails
 * to say changes nothing: the last good list stays, and its age can be seen.
 *
 * @module
 */

import { parseAddress } from "../address.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { Discovery } from "../discovery.ts";
import type { SourceEntry, SourceEvent, SourceOptions, SourceTraits } from "./options.ts";
import { type Answer, backoffMs, newAnswer, sleep } from "./time.ts";
import { RpcError } from "../errors.ts";
import type { Random, SelectMode } from "../selector.ts";
import { ServerList } from "./server_list.ts";

/** What a source of one's own needs, and its users: exported with every source. */
export type {
  SourceEntry,
  SourceEvent,
  SourceOptions,
  SourceTraits,
  UnreadableEntry,
} from "./options.ts";
export type { Backoff } from "./time.ts";

/** A source of servers that is asked over the network. */
export abstract class SourceDiscovery implements Discovery, AsyncDisposable {
  /** What it is called in messages. */
  protected readonly source: string;
  /** Where the time comes from. */
  protected readonly clock: Clock;
  /** Where chance comes from. */
  protected readonly random: Random;
  readonly #list: ServerList;
  readonly #traits: SourceTraits;
  readonly #options: SourceOptions;
  readonly #closing = new AbortController();
  readonly #abort = () => void this.close();
  #running: Promise<void> | undefined;
  /** The answer that is waited for: of the read under way, or of the next. */
  #answer: Answer | undefined;
  /** Ends the present wait. */
  #pause = new AbortController();
  #failure: unknown;
  /** How many times in a row it has failed, or shown no life behind its answer. */
  #failures = 0;
  #isLost = false;
  #agreedAtMs = -Infinity;
  #isHolding = false;
  /** Whether its last answer was empty. */
  #isEmpty = false;
  #invalid: ReadonlySet<string> = new Set();

  /**
   * Makes a source; it is asked when it is first used.
   *
   * @param traits What kind of source it is.
   * @param options What the user wants.
   */
  constructor(traits: SourceTraits, options: SourceOptions) {
    this.source = traits.name;
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.#list = new ServerList(options.random);
    this.#traits = traits;
    this.#options = options;
    const { signal } = options;
    if (signal?.aborted) this.#abort();
    else signal?.addEventListener("abort", this.#abort);
  }

  /**
   * Asks the source once.
   *
   * @param signal Ends it.
   * @param anew Whether the caller wants a full answer, not what follows the last one.
   * @returns The servers.
   */
  protected abstract read(signal: AbortSignal, anew: boolean): Promise<readonly SourceEntry[]>;

  /**
   * Waits until it is time to ask again, or follows the source by itself and
   * tells of changes with `take`.
   *
   * @param signal Ends the wait at once; it is no failure then.
   */
  protected abstract hold(signal: AbortSignal): Promise<void>;

  /** The present list: a new array whenever it changes, `undefined` while none is known. */
  get current(): readonly string[] | undefined {
    return this.#list.current;
  }

  /**
   * For how long the source has not said that the list is so, in milliseconds.
   * A watch that lives says so: etcd's all the time, a registry's with each sign
   * of life. It grows in an outage and after an empty answer, while the last
   * good list is in use. `Infinity`: it never has.
   */
  get staleMs(): number {
    return this.#isAgreeing ? 0 : this.clock.now() - this.#agreedAtMs;
  }

  get #hasServers(): boolean {
    return this.current !== undefined && this.current.length > 0;
  }

  get #isAgreeing(): boolean {
    return this.#isHolding && this.#traits.isLive && !this.#isEmpty;
  }

  /**
   * Asks the source now. Those who ask while it is being asked share the answer.
   *
   * @throws {RpcError} `unavailable` if it does not answer, naming who was
   * asked; the last good list stays, and the source is asked again by itself.
   * `canceled` once it is closed.
   */
  refresh(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closed());
    if (this.#answer === undefined) {
      this.#answer = newAnswer();
      this.#pause.abort();
      this.#start();
    }
    return this.#answer.promise;
  }

  /**
   * Puts a list in place by hand, until the source next tells of a change.
   *
   * @param servers Their addresses.
   * @throws {RpcError} `invalid_argument` for a wrong address; the list stays then.
   */
  // deno-lint-ignore require-await
  async update(servers: readonly string[]): Promise<void> {
    this.replace(servers);
  }

  /**
   * Picks one server.
   *
   * @param mode The policy.
   * @returns Its address.
   * @throws {RpcError} `unavailable` if there are none, or none could be heard of yet.
   */
  async get(mode: SelectMode): Promise<string> {
    await this.#known();
    return this.#list.get(mode);
  }

  /**
   * All servers. Waits for the source only if it never answered and never failed.
   *
   * @returns A copy of the list.
   * @throws {RpcError} `unavailable` if none could be heard of yet, and why.
   */
  async getAll(): Promise<string[]> {
    await this.#known();
    return [...this.#list.current!];
  }

  /**
   * Each list from now on, the present one first.
   *
   * @param signal Ends it. So does `close`.
   */
  async *watch(signal: AbortSignal): AsyncGenerator<readonly string[]> {
    this.#start();
    const ended = new AbortController();
    const end = () => ended.abort();
    const signals = [signal, this.#closing.signal];
    for (const one of signals) {
      if (one.aborted) end();
      one.addEventListener("abort", end);
    }
    try {
      yield* this.#list.watch(ended.signal);
    } finally {
      for (const one of signals) one.removeEventListener("abort", end);
    }
  }

  /**
   * Asks no more, and ends every wait and connection. Idempotent. The last list stays.
   *
   * @returns Resolves when all is over.
   */
  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#options.signal?.removeEventListener("abort", this.#abort);
      this.#closing.abort(this.#closed());
      this.#pause.abort();
    }
    await this.#running;
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Puts the source's answer in place. Invalid entries are reported and left
   * out; an answer with none that is valid does not replace a list that has some.
   *
   * @param entries Addresses, and what can't be read as one.
   */
  protected take(entries: readonly SourceEntry[]): void {
    const valid: string[] = [];
    const invalid = new Set<string>();
    const leaveOut = (server: string, error: unknown) => {
      const isKnown = this.#invalid.has(server) || invalid.has(server);
      if (!isKnown) this.tell({ type: "invalid", server, error });
      invalid.add(server);
    };
    for (const entry of entries) {
      if (typeof entry !== "string") {
        leaveOut(entry.server, entry.error);
        continue;
      }
      try {
        parseAddress(entry);
        valid.push(entry);
      } catch (error) {
        leaveOut(entry, error);
      }
    }
    this.#invalid = invalid;
    const isEmpty = valid.length === 0 && this.#hasServers;
    if (!isEmpty || this.#isAgreeing) this.#agreedAtMs = this.clock.now();
    if (isEmpty && !this.#isEmpty) this.tell({ type: "empty" });
    this.#isEmpty = isEmpty;
    this.put(this.complete(valid));
  }

  /**
   * Completes what the source says by what it can't know.
   *
   * @param servers The valid ones of its answer.
   * @returns The same, unless a source knows better.
   */
  protected complete(servers: readonly string[]): readonly string[] {
    return servers;
  }

  /**
   * Puts a list in place. An empty one does not replace one that has servers.
   *
   * @param servers Addresses, all valid.
   */
  protected put(servers: readonly string[]): void {
    if (servers.length > 0 || !this.#hasServers) this.replace(servers);
  }

  /**
   * Puts a list in place, whatever it is.
   *
   * @param servers Addresses.
   * @throws {RpcError} `invalid_argument` for a wrong address; the list stays then.
   */
  protected replace(servers: readonly string[]): void {
    if (this.#list.take(servers)) this.tell({ type: "changed", servers: this.current! });
  }

  /** The source shows, while it is held, that what it said last is still so. */
  protected alive(): void {
    this.#failures = 0;
    if (!this.#isEmpty) this.#agreedAtMs = this.clock.now();
  }

  /**
   * Waits.
   *
   * @param ms How long.
   * @param signal Ends it early.
   */
  protected sleep(ms: number, signal: AbortSignal): Promise<void> {
    return sleep(this.clock, ms, signal);
  }

  /** There is a list; asks for it if it has never been asked for. */
  async #known(): Promise<void> {
    if (this.#list.current !== undefined) return this.#start();
    if (this.#failure !== undefined) throw this.#failure;
    await this.refresh();
  }

  #start(): void {
    if (this.#closing.signal.aborted) return;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const pause = this.#pause = new AbortController();
      const anew = this.#answer !== undefined;
      const answer = this.#answer ??= newAnswer();
      try {
        const servers = await this.read(signal, anew);
        if (this.#isLost) this.tell({ type: "recovered" });
        this.#isLost = false;
        this.take(servers);
        this.#failure = this.#answer = undefined;
        answer.resolve();
        await this.#hold(pause.signal);
        this.#failures = 0; // what answers once and hangs up has failed
        continue;
      } catch (error) {
        if (signal.aborted) break;
        this.#failure = error;
        this.#isLost = true;
        this.tell({ type: "failed", error });
        if (this.#answer === answer) {
          this.#answer = undefined;
          answer.reject(error);
        }
      }
      // Who has asked while a watch was being lost is not to wait.
      const failures = this.#failures++;
      if (this.#answer !== undefined) continue;
      await this.sleep(backoffMs(this.#traits.backoff, failures, this.random()), pause.signal);
    }
    this.#answer?.reject(this.#closed());
    this.#answer = undefined;
  }

  async #hold(signal: AbortSignal): Promise<void> {
    this.#isHolding = true;
    try {
      await this.hold(signal);
    } finally {
      if (this.#isAgreeing) this.#agreedAtMs = this.clock.now();
      this.#isHolding = false;
    }
  }

  /** Tells the user; what they throw is theirs, not the loop's. */
  protected tell(event: SourceEvent): void {
    const { onEvent } = this.#options;
    if (onEvent !== undefined) queueMicrotask(() => onEvent(event));
  }

  #closed(): RpcError {
    return new RpcError("canceled", `${this.source}: the discovery is closed`, {
      execution: "not_sent",
    });
  }
}
