/**
 * Asks the servers of a list for their figures, again and again.
 *
 * @module
 */

import { type Client, dial } from "../../client.ts";
import { introspect } from "../../connection/introspection/view.ts";
import { errorText, RpcError, TimeoutError } from "../../errors.ts";
import { TimeLimit } from "../../internal/time.ts";
import type { ReachOptions } from "../connect.ts";
import { isUnreachable } from "../failures.ts";
import type { Surroundings } from "../surroundings.ts";
import { History, type Row, type Sample } from "./history.ts";

/** Watches one server, on a connection that it keeps. */
class Watch {
  readonly history: History;
  readonly #options: ReachOptions;
  readonly #around: Surroundings;
  #client: Client | undefined;
  #asking: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(address: string, options: ReachOptions, around: Surroundings) {
    this.history = new History(address);
    this.#options = options;
    this.#around = around;
  }

  /** Asks it, unless it still owes the last answer. */
  ask(timeoutMs: number): Promise<void> {
    return this.#asking ??= this.#sample(timeoutMs).then((sample) => {
      this.history.add(sample);
    }).finally(() => this.#asking = undefined);
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error("closed")); // a dial is not waited for
    await this.#client?.close();
    await this.#asking;
  }

  async #sample(timeoutMs: number): Promise<Sample> {
    const { clock } = this.#around;
    const { address } = this.history;
    const limit = new TimeLimit({ clock, signal: this.#closing.signal });
    limit.set(timeoutMs, () => new TimeoutError("no answer in time", { address }));
    const { signal } = limit;
    try {
      this.#client ??= await this.#connect(address, signal);
      const about = introspect(this.#client);
      const askedAtMs = clock.now();
      const [state, figures] = await Promise.all([
        about.check("", { signal }),
        about.figures({ signal }),
      ]);
      const atMs = clock.now();
      return { atMs, state, roundTripMs: atMs - askedAtMs, figures };
    } catch (error) {
      return await this.#failed(error);
    } finally {
      limit.end();
    }
  }

  async #connect(address: string, signal: AbortSignal): Promise<Client> {
    const client = await dial(address, { ...this.#options, signal });
    client.closed.finally(() => {
      if (this.#client === client) this.#client = undefined; // the next question dials again
    });
    if (this.#closing.signal.aborted) await client.close();
    return client;
  }

  async #failed(error: unknown): Promise<Sample> {
    const atMs = this.#around.clock.now();
    const why = errorText(error);
    if (error instanceof TimeoutError) return { atMs, state: "silent", why };
    if (error instanceof RpcError && error.code === "unimplemented") {
      return { atMs, state: "untold", why: "it is reached, and tells us no figures" };
    }
    if (!isUnreachable(error)) {
      await this.#client?.close();
      this.#client = undefined;
    }
    return { atMs, state: "unreachable", why };
  }
}

/** Watches the servers of a list that may change. */
export class Monitor {
  readonly #options: ReachOptions;
  readonly #around: Surroundings;
  readonly #watches = new Map<string, Watch>();

  /**
   * @param options How to connect.
   * @param around The network and the clock.
   */
  constructor(options: ReachOptions, around: Surroundings) {
    this.#options = options;
    this.#around = around;
  }

  /** Watches these servers from now on, and no others. */
  async follow(servers: readonly string[]): Promise<void> {
    for (const address of servers) {
      if (this.#watches.has(address)) continue;
      this.#watches.set(address, new Watch(address, this.#options, this.#around));
    }
    for (const [address, watch] of this.#watches) {
      if (servers.includes(address)) continue;
      this.#watches.delete(address);
      await watch.close();
    }
  }

  /** Asks all of them. */
  async ask(timeoutMs: number): Promise<void> {
    await Promise.all([...this.#watches.values()].map((watch) => watch.ask(timeoutMs)));
  }

  /** What is known of each. */
  get rows(): Row[] {
    return [...this.#watches.values()].map(({ history }) => history.row);
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#watches.values()].map((watch) => watch.close()));
  }
}
