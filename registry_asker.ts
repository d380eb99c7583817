/**
 * Asks registries for their list, again and again, until it is told to end.
 *
 * @module
 */

import { errorText, RpcError } from "./errors.ts";
import { type Feed, openFeed } from "./registry_feed.ts";
import type { Web } from "./registry_http.ts";
import type { RegistryDiscoveryEvent, RegistryList } from "./registry_list.ts";
import { retryMs } from "./registry_protocol.ts";
import type { Random } from "./selector.ts";

/** Whom to ask, how, and who is to hear of it. */
export interface RegistryAskerOptions {
  /** The registries; the first that answers is asked. */
  readonly urls: readonly string[];
  /** How often to ask, and the longest pause between tries, in milliseconds. */
  readonly refreshMs: number;
  /** How long an answer may take, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** Whether to ask for streams. */
  readonly stream: boolean;
  /** How requests are made; its signal ends all of it. */
  readonly web: Web;
  /** Where pauses take chance from. */
  readonly random: Random;
  /** Takes in what the registries say. */
  readonly list: RegistryList;
  /** Told what happens. */
  tell(event: RegistryDiscoveryEvent): void;
}

/** Who waits for the next answer. */
interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

/** One loop: ask, follow the stream or pause, and ask again. */
export class RegistryAsker {
  readonly #options: RegistryAskerOptions;
  readonly #signal: AbortSignal;
  readonly #waiting: Waiter[] = [];
  /** The registry that answered last comes first. */
  #preferred = 0;
  /** How many times in a row none has answered. */
  #failures = 0;
  /** How many times in all: whoever answers after one may have restarted. */
  #outages = 0;
  #isLost = false;
  #lastError: unknown;
  #running: Promise<void> | undefined;
  /** The registry whose stream is open. */
  #streaming: string | undefined;
  #polling: Promise<void> | undefined;
  /** Ends the pause, while there is one. */
  #wake: (() => void) | undefined;

  /** @param options Whom to ask, and how. */
  constructor(options: RegistryAskerOptions) {
    this.#options = options;
    this.#signal = options.web.signal;
    this.#signal.addEventListener("abort", () => this.#wake?.(), { once: true });
  }

  /** Begins, if it has not. */
  start(): void {
    if (!this.#signal.aborted) this.#running ??= this.#run();
  }

  /**
   * Asks now.
   *
   * @returns Resolves when the list has been taken in; rejects if there is no answer.
   */
  refresh(): Promise<void> {
    const url = this.#streaming;
    if (url === undefined) return this.#next();
    return this.#polling ??= this.#poll(url).finally(() => this.#polling = undefined);
  }

  /**
   * Waits for the answer that is under way. Between two tries that is the last
   * one's error: callers in their thousands don't hurry a registry that is down.
   *
   * @returns Resolves when there is a list; rejects if there is no answer.
   */
  first(): Promise<void> {
    const isPausing = this.#wake !== undefined;
    return isPausing ? Promise.reject(this.#lastError) : this.#next();
  }

  /** Resolves when all is over, once the signal has aborted. */
  async ended(): Promise<void> {
    await this.#running;
    await this.#polling?.catch(() => {}); // its caller hears of it
  }

  /** The next answer, or why there is none. */
  #next(): Promise<void> {
    if (this.#signal.aborted) return Promise.reject(this.#signal.reason);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.start();
      this.#wake?.();
    });
  }

  async #run(): Promise<void> {
    const { refreshMs, random } = this.#options;
    while (!this.#signal.aborted) {
      let pauseMs = refreshMs * (0.9 + 0.2 * random());
      try {
        const feed = await this.#ask();
        for (const { resolve } of this.#waiting.splice(0)) resolve();
        if (feed.changes !== undefined) await this.#follow(feed);
        this.#failures = 0;
      } catch (error) {
        this.#lastError = error;
        this.#outages++;
        pauseMs = retryMs(++this.#failures, refreshMs, random());
        for (const { reject } of this.#waiting.splice(0)) reject(error);
      }
      if (!this.#signal.aborted) await this.#pause(pauseMs);
    }
    for (const { reject } of this.#waiting.splice(0)) reject(this.#signal.reason);
  }

  /** Asks one registry after the other, beginning with the one that answered last. */
  async #ask(): Promise<Feed> {
    const { urls, list, tell, stream } = this.#options;
    const errors: unknown[] = [];
    for (let turn = 0; turn < urls.length; turn++) {
      const place = (this.#preferred + turn) % urls.length;
      const url = urls[place];
      try {
        const feed = await this.#open(url, stream);
        this.#preferred = place;
        list.take(feed.listing, url);
        if (this.#isLost) tell({ type: "recovered", url });
        this.#isLost = false;
        return feed;
      } catch (error) {
        this.#lost(url, error);
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    throw new RpcError("unavailable", errors.map(errorText).join("; "), {
      execution: "not_sent",
      cause: new AggregateError(errors),
    });
  }

  #open(url: string, stream: boolean): Promise<Feed> {
    const { web, requestTimeoutMs } = this.#options;
    const instance = `${url} ${this.#outages}`;
    return openFeed(web, url, { timeoutMs: requestTimeoutMs, stream, instance });
  }

  /** Reads a stream until it fails. */
  async #follow(feed: Feed): Promise<void> {
    const { urls, list } = this.#options;
    const url = this.#streaming = urls[this.#preferred];
    try {
      for await (const listing of feed.changes!) {
        this.#failures = 0; // it does more than answer once and hang up
        if (listing !== undefined) list.take(listing, url);
        else list.alive();
      }
    } catch (error) {
      this.#lost(url, error);
      throw error;
    } finally {
      this.#streaming = undefined;
      feed.end();
    }
  }

  /** Asks the registry whose stream is open. */
  async #poll(url: string): Promise<void> {
    const { listing } = await this.#open(url, false);
    this.#options.list.take(listing, url);
  }

  /** Waits for the next round, which whoever wants an answer begins at once. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.web.clock.setTimer(ms, () => this.#wake!());
      this.#wake = () => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #lost(url: string, error: unknown): void {
    this.#signal.throwIfAborted();
    this.#isLost = true;
    this.#options.tell({ type: "failed", url, error });
  }
}
