/**
 * The loop that keeps a list fresh: it asks a source, follows it, and asks
 * again after a pause when it fails, until it is closed.
 *
 * No call waits for it once there is a list. A failure leaves the last good
 * list in place.
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import { RpcError } from "../errors.ts";
import { type Deferred, deferred } from "../internal/deferred.ts";
import { abortWith, releaseFrom } from "../internal/abort.ts";
import { type Backoff, backoffMs } from "../internal/backoff.ts";
import { tell } from "../internal/events.ts";
import { sleep } from "../internal/time.ts";
import type { Random } from "../selector.ts";
import { LastGoodList } from "./last_good_list.ts";
import type { Source, SourceAnswer, SourceEvent, SourceList, SourceOptions } from "./source.ts";

/**
 * A source that is lost sooner than so many milliseconds after its answer has failed once
 * more, whatever it has confirmed meanwhile: it is not to be asked anew without a backoff.
 */
const STEADY_MS = 1000;

/** Asks one source, from its first use until it is closed. */
export class SourceLoop {
  /** The last good list. */
  readonly list: LastGoodList;
  readonly #source: Source;
  readonly #options: SourceOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #backoff: Backoff;
  readonly #sourceList: SourceList;
  readonly #closing = new AbortController();
  readonly #onAbort = { abort: () => void this.close() };
  #running: Promise<void> | undefined;
  /** The answer that callers of `refresh` share: of the read in progress, or of the next. */
  #refreshed: Deferred<void> | undefined;
  /** Ends the present wait, between two reads. */
  #pause = new AbortController();
  /** The answer that is being followed. */
  #followed: SourceAnswer | undefined;
  /** A refresh while the source is followed. */
  #refreshing: Promise<void> | undefined;
  /** The last failure; `undefined` once the source has answered since. */
  #failure: unknown;
  /** Failures in a row. An answer alone does not end the row; its end does, or a watch that holds. */
  #failures = 0;
  /** Whether the answer that is being followed was confirmed. */
  #isConfirmed = false;
  /** Whether "failed" was the last that was reported, so that "recovered" is to follow. */
  #isLost = false;

  /**
   * Makes a loop; it begins when it is first used.
   *
   * @param source What to ask.
   * @param options Signal, events, clock and randomness.
   */
  constructor(source: Source, options: SourceOptions) {
    const { clock = systemClock, random, signal } = options;
    this.#source = source;
    this.#options = options;
    this.#clock = clock;
    this.#random = random ?? Math.random;
    this.#backoff = { firstMs: source.firstRetryMs, maxMs: source.longestRetryMs };
    const emit = (event: SourceEvent) => this.#emit(event);
    const list = new LastGoodList({ clock, random, source: source.name, emit });
    this.list = list;
    this.#sourceList = {
      take: (listing) => list.take(listing),
      put: (servers) => list.put(servers),
      confirm: () => {
        this.#isConfirmed = true;
        list.confirm();
      },
    };
    if (signal !== undefined) abortWith(signal, this.#onAbort);
  }

  /** Aborts when the loop is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Begins, unless it has begun or is closed. */
  start(): void {
    if (this.closing.aborted) return;
    this.#running ??= this.#run();
  }

  /**
   * Waits until there is a list, and begins if it has not.
   *
   * @throws The source's last failure if no list is known yet.
   */
  async known(): Promise<void> {
    if (this.list.endpoints.current !== undefined) return this.start();
    if (this.#failure !== undefined) throw this.#failure;
    await this.refresh();
  }

  /**
   * Asks the source now. Callers that come while it is being asked share the answer.
   *
   * @throws Why the source has not answered; `canceled` once the loop is closed.
   */
  refresh(): Promise<void> {
    if (this.closing.aborted) return Promise.reject(this.#closed());
    if (this.#followed?.refresh !== undefined) return this.#refreshFollowed(this.#followed);
    if (this.#refreshed === undefined) {
      this.#refreshed = newRefreshed();
      this.#pause.abort();
      this.start();
    }
    return this.#refreshed.promise;
  }

  /**
   * Puts a list in place by hand, until the source reports another.
   *
   * @param servers Addresses.
   * @throws {RpcError} `invalid_argument` if an address is invalid; the list stays then.
   */
  update(servers: readonly string[]): void {
    this.list.replace(servers);
    this.#source.forget?.();
  }

  /**
   * Ends every wait and connection. Idempotent. The last list stays.
   *
   * @returns Resolves when nothing is left running.
   */
  async close(): Promise<void> {
    if (!this.closing.aborted) {
      if (this.#options.signal !== undefined) releaseFrom(this.#options.signal, this.#onAbort);
      this.#closing.abort(this.#closed());
      this.#pause.abort();
    }
    await this.#running;
    await this.#refreshing?.catch(() => {}); // its callers get the error
    this.#source.forget?.();
  }

  async #run(): Promise<void> {
    const { closing } = this;
    while (!closing.aborted) {
      const pause = this.#pause = new AbortController();
      const isFull = this.#refreshed !== undefined;
      const refreshed = this.#refreshed ??= newRefreshed();
      try {
        const answer = await this.#source.read(this.#sourceList, closing, isFull);
        if (this.#isLost) this.#emit({ type: "recovered" });
        this.#isLost = false;
        this.list.take(answer);
        this.#failure = this.#refreshed = undefined;
        refreshed.resolve();
        await this.#follow(answer, pause.signal);
        this.#failures = 0;
        continue;
      } catch (error) {
        if (closing.aborted) break;
        this.#failure = error;
        this.#isLost = true;
        this.#emit({ type: "failed", error });
        if (this.#refreshed === refreshed) {
          this.#refreshed = undefined;
          refreshed.reject(error);
        }
      }
      const failures = this.#failures++;
      // A refresh that came while a watch was being lost does not wait for the pause.
      if (this.#refreshed !== undefined) continue;
      await sleep(this.#clock, backoffMs(this.#backoff, failures, this.#random()), pause.signal);
    }
    this.#refreshed?.reject(this.#closed());
    this.#refreshed = undefined;
  }

  async #follow(answer: SourceAnswer, signal: AbortSignal): Promise<void> {
    const startedAtMs = this.#clock.now();
    this.#followed = answer;
    this.#isConfirmed = false;
    if (this.#source.isLive) this.list.beginWatch();
    try {
      await answer.follow(signal);
    } finally {
      this.#followed = undefined;
      this.list.endWatch();
      if (this.#isConfirmed && this.#clock.now() - startedAtMs >= STEADY_MS) this.#failures = 0;
    }
  }

  #refreshFollowed(answer: SourceAnswer): Promise<void> {
    if (this.#refreshing === undefined) {
      this.#refreshing = answer.refresh!().finally(() => this.#refreshing = undefined);
      this.#refreshing.catch(() => {}); // a caller need not wait for it
    }
    return this.#refreshing;
  }

  #emit(event: SourceEvent): void {
    tell(this.#options.onEvent, event);
  }

  #closed(): RpcError {
    return new RpcError("canceled", `${this.#source.name}: the discovery is closed`, {
      execution: "not_sent",
    });
  }
}

function newRefreshed(): Deferred<void> {
  const refreshed = deferred<void>();
  refreshed.promise.catch(() => {}); // a caller need not wait for it
  return refreshed;
}
