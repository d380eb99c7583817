/**
 * A network in memory, with a clock, a delay and faults that a test sets.
 *
 * @module
 */

import type { ParsedAddress } from "../address.ts";
import { type Clock, systemClock } from "../clock.ts";
import { RpcError } from "../errors.ts";
import { abortWith, releaseFrom } from "../internal/abort.ts";
import { aClock, checkOptions, type Checks, flag, number, whole } from "../internal/options.ts";
import { queueMicrotask } from "../internal/platform.ts";
import type { ConnectOptions, Network, Transport, TransportListener } from "../transport.ts";
import { type Arrive, MemoryTransport, Pipe, type Travel } from "./memory_transport.ts";

/** Options of a {@linkcode MemoryNetwork}. */
export interface MemoryNetworkOptions {
  /** Where the time of delays comes from. Default: the system's clock. */
  clock?: Clock;
  /** How long bytes travel in one direction, in milliseconds. Default 0: one microtask. */
  delayMs?: number;
  /** The most bytes that arrive as one chunk. Default `Infinity`: as they were written. */
  chunkBytes?: number;
}

/** What is wrong with an address of a {@linkcode MemoryNetwork}. Default: nothing. */
export interface MemoryFaults {
  /** Refuses new connections. */
  refuse?: boolean;
  /** Never answers new connections, as behind a firewall that drops packets. */
  unroutable?: boolean;
  /** Loses bytes and ends in both directions, as a half-open connection does. */
  silent?: boolean;
  /** Holds bytes back in both directions until this fault is over, as a stopped process does. */
  held?: boolean;
  /** How long bytes travel in one direction, in milliseconds, instead of the network's `delayMs`. */
  delayMs?: number;
}

const NETWORK_CHECKS: Checks<MemoryNetworkOptions> = {
  clock: aClock,
  delayMs: number(0),
  chunkBytes: whole(1),
};
const FAULT_CHECKS: Checks<MemoryFaults> = {
  refuse: flag,
  unroutable: flag,
  silent: flag,
  held: flag,
  delayMs: number(0),
};

/**
 * A network in memory, for tests. Give it to `dial`, `XClient` and
 * `Server.listen` as the option `network`, and use addresses `memory@name`.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { dial, Server } from "@geerpc/xclient";
 * import { MemoryNetwork } from "@geerpc/xclient/testing";
 *
 * const network = new MemoryNetwork();
 * const server = new Server();
 * server.register("Echo", { Say: (text: string) => text });
 * await server.listen("memory@a", { network });
 *
 * await using client = await dial("memory@a", { network });
 * assert(await client.call<string>("Echo.Say", "hello") === "hello");
 * await server.close();
 * ```
 */
export class MemoryNetwork implements Network {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #chunkBytes: number;
  readonly #listeners = new Map<string, (transport: Transport) => void>();
  /** The servers' ends of the connections to an address, each with what makes it forgotten. */
  readonly #connections = new Map<string, Map<Transport, () => void>>();
  readonly #faults = new Map<string, MemoryFaults>();
  readonly #held = new Map<string, Arrive[]>();

  /**
   * Creates a network that nobody listens on yet.
   *
   * @param options Clock, delay and chunk size.
   */
  constructor(options: MemoryNetworkOptions = {}) {
    checkOptions("MemoryNetwork", options, NETWORK_CHECKS);
    this.#clock = options.clock ?? systemClock;
    this.#delayMs = options.delayMs ?? 0;
    this.#chunkBytes = options.chunkBytes ?? Infinity;
  }

  /**
   * Sets what is wrong with an address, in place of what was.
   *
   * @param address `memory@name`.
   * @param faults Its faults; none make it healthy.
   */
  setFaults(address: string, faults: MemoryFaults = {}): void {
    checkOptions("setFaults", faults, FAULT_CHECKS);
    this.#faults.set(address, faults);
    if (faults.held) return;
    const held = this.#held.get(address) ?? [];
    this.#held.delete(address);
    for (const arrive of held) this.#travel(address, arrive);
  }

  /**
   * Closes every connection to an address, as when its process is killed.
   *
   * @param address `memory@name`.
   */
  cut(address: string): void {
    for (const transport of [...this.#connections.get(address)?.keys() ?? []]) transport.close();
  }

  /**
   * Loses all bytes and ends of the connections that are open to an address, in
   * both directions and from now on, as when a firewall between has forgotten
   * them. New connections work.
   *
   * @param address `memory@name`.
   */
  forget(address: string): void {
    for (const lose of this.#connections.get(address)?.values() ?? []) lose();
  }

  /**
   * How many connections to an address are open.
   *
   * @param address `memory@name`.
   * @returns Their number.
   */
  connections(address: string): number {
    return this.#connections.get(address)?.size ?? 0;
  }

  /**
   * Opens a connection.
   *
   * @param endpoint A `memory` address.
   * @param options A signal that gives the attempt up.
   * @returns The client's end.
   * @throws {RpcError} `unavailable`, `not_sent` if nothing listens there, or it refuses.
   * @throws The signal's reason if it aborts first.
   */
  async connect(endpoint: ParsedAddress, options: ConnectOptions = {}): Promise<Transport> {
    const { address } = endpoint;
    const { signal } = options;
    signal?.throwIfAborted();
    await this.#reach(address, signal);
    const accept = this.#listeners.get(address);
    if (accept === undefined || this.#faults.get(address)?.refuse) {
      throw new RpcError("unavailable", `${address}: can't connect: connection refused`, {
        address,
        execution: "not_sent",
      });
    }
    let isForgotten = false;
    const travel: Travel = (arrive) => isForgotten ? arrive(true) : this.#travel(address, arrive);
    const up = new Pipe(travel);
    const down = new Pipe(travel);
    const open = this.#connections.get(address) ?? new Map();
    this.#connections.set(address, open);
    const forget = () => open.delete(server);
    const client = new MemoryTransport(address, down, up, this.#chunkBytes, forget);
    const server = new MemoryTransport("memory@client", up, down, this.#chunkBytes, forget);
    open.set(server, () => isForgotten = true);
    accept(server);
    return client;
  }

  /**
   * Listens for connections.
   *
   * @param endpoint A `memory` address.
   * @param accept Called with each connection.
   * @returns The listener.
   * @throws {RpcError} `unavailable` if the address is in use.
   */
  listen(
    endpoint: ParsedAddress,
    accept: (transport: Transport) => void,
  ): Promise<TransportListener> {
    const { address } = endpoint;
    if (this.#listeners.has(address)) {
      const message = `${address}: can't listen: address already in use`;
      return Promise.reject(new RpcError("unavailable", message, { address }));
    }
    this.#listeners.set(address, accept);
    return Promise.resolve({
      address,
      close: () => {
        if (this.#listeners.get(address) === accept) this.#listeners.delete(address);
        return Promise.resolve();
      },
    });
  }

  /** Resolves when a request to connect has arrived; never if it is lost. */
  #reach(address: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const connecting = { abort: reject };
      if (signal !== undefined) abortWith(signal, connecting);
      const arrive = (isLost: boolean) => {
        if (isLost) return;
        if (signal !== undefined) releaseFrom(signal, connecting);
        resolve();
      };
      if (!this.#faults.get(address)?.unroutable) this.#travel(address, arrive);
    });
  }

  #travel(address: string, arrive: Arrive): void {
    const faults = this.#faults.get(address);
    if (faults?.silent) return arrive(true);
    if (faults?.held) {
      const held = this.#held.get(address);
      if (held === undefined) this.#held.set(address, [arrive]);
      else held.push(arrive);
      return;
    }
    const delayMs = faults?.delayMs ?? this.#delayMs;
    const onArrival = () => arrive(false);
    if (delayMs > 0) this.#clock.setTimer(delayMs, onArrival);
    else queueMicrotask(onArrival);
  }
}
