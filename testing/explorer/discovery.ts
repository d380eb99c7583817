/**
 * A source of servers that a plan makes fail.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import type { Discovery } from "../../discovery.ts";
import { RpcError } from "../../errors.ts";
import type { DiscoveryStyle } from "./plan.ts";

/** How long a slow source takes to answer, in milliseconds. */
const SLOW_MS = 700;

/** The list of a run, from which every client's source takes its own. */
export class ExplorerList {
  /** How the source fares. */
  state: "fine" | "fails" | "empty" | "slow" = "fine";
  #servers: readonly string[];
  readonly #watchers = new Set<() => void>();

  /**
   * @param servers The addresses at first.
   * @param always What every list has beside them.
   */
  constructor(servers: readonly string[], readonly always: readonly string[]) {
    this.#servers = Object.freeze([...servers, ...always]);
  }

  /** What the source says when it answers: an array that stays the same until it changes. */
  get servers(): readonly string[] {
    return this.state === "empty" ? EMPTY : this.#servers;
  }

  /** Puts a list in place. */
  take(servers: readonly string[]): void {
    this.#servers = Object.freeze([...servers, ...this.always]);
    this.changed();
  }

  /** The source fares differently from now on. */
  set(state: ExplorerList["state"]): void {
    this.state = state;
    this.changed();
  }

  /** Tells those who watch. */
  changed(): void {
    for (const wake of this.#watchers) wake();
  }

  async *watch(signal: AbortSignal): AsyncGenerator<readonly string[]> {
    let wake = () => {};
    const woken = () => wake();
    this.#watchers.add(woken);
    signal.addEventListener("abort", woken);
    try {
      let seen: readonly string[] | undefined;
      while (!signal.aborted) {
        if (this.servers !== seen) yield seen = this.servers;
        else await new Promise<void>((resolve) => wake = resolve);
      }
    } finally {
      this.#watchers.delete(woken);
      signal.removeEventListener("abort", woken);
    }
  }

  /** How many watch: none, once their clients are closed. */
  get watchers(): number {
    return this.#watchers.size;
  }
}

const EMPTY: readonly string[] = Object.freeze([]);

/** One client's source. */
export class ExplorerDiscovery implements Discovery {
  readonly #list: ExplorerList;
  readonly #style: DiscoveryStyle;
  readonly #clock: Clock;
  readonly watch?: Discovery["watch"];
  /** How many times it was asked and did not answer. */
  failures = 0;

  constructor(list: ExplorerList, style: DiscoveryStyle, clock: Clock) {
    this.#list = list;
    this.#style = style;
    this.#clock = clock;
    if (style === "watch") this.watch = (signal) => list.watch(signal);
  }

  get current(): readonly string[] | undefined {
    return this.#style === "ask" ? undefined : this.#list.servers;
  }

  async getAll(): Promise<string[]> {
    if (this.#list.state === "slow") {
      await new Promise<void>((resolve) => this.#clock.setTimer(SLOW_MS, resolve));
    }
    if (this.#list.state === "fails") {
      this.failures++;
      throw new RpcError("unavailable", "the source of servers is down", {
        execution: "not_sent",
      });
    }
    return [...this.#list.servers];
  }

  refresh(): Promise<void> {
    return Promise.resolve();
  }

  update(servers: readonly string[]): Promise<void> {
    this.#list.take(servers);
    return Promise.resolve();
  }

  async get(): Promise<string> {
    return (await this.getAll())[0];
  }
}
