/**
 * A network in memory: listeners and connections that are objects, with a
 * clock, a delay and faults that a test decides.
 *
 * @module
 */

import type { ParsedAddress } from "../address.ts";
import { type Clock, systemClock } from "../clock.ts";
import { RpcError } from "../errors.ts";
import { abortWith, releaseFrom } from "../internal/abort.ts";
import type {
  ConnectOptions,
  Network,
  Receiver,
  Transport,
  TransportListener,
} from "../transport.ts";

/** How a {@linkcode MemoryNetwork} behaves. */
export interface MemoryNetworkOptions {
  /** Where delays take the time from. Default: the system's clock. */
  clock?: Clock;
  /** How long bytes travel, one way, in milliseconds. Default 0: a microtask. */
  delayMs?: number;
  /** Cuts what is written into chunks of at most so many bytes. Default: whole. */
  chunkBytes?: number;
}

/** What is wrong with a memory address. */
export interface MemoryFaults {
  /** New connections are refused. */
  refuse?: boolean;
  /** New connections never come about, as behind a firewall that drops. */
  unroutable?: boolean;
  /** Bytes vanish in both directions and no end is heard: a half-open connection. */
  silent?: boolean;
  /** Bytes are held back in both directions until this is over: a process that is stopped. */
  held?: boolean;
  /** Travel time one way, in milliseconds, instead of the network's. */
  delayMs?: number;
}

/** Told what became of something under way: it has arrived, or is lost. */
type Arrive = (isLost: boolean) => void;
type Deliver = (arrive: Arrive) => void;

/** What is under way in a pipe. */
interface Parcel {
  readonly item: Uint8Array | "end";
  fate: "travels" | "arrived" | "lost";
}

/** A stream of bytes from one end to the other, in order, however long each travels. */
class Pipe {
  receiver: Receiver | undefined;
  readonly #deliver: Deliver;
  /** What was sent, the oldest first: what has overtaken others waits for them. */
  readonly #parcels: Parcel[] = [];
  #paused = false;
  #ended = false;

  constructor(deliver: Deliver) {
    this.#deliver = deliver;
  }

  send(item: Uint8Array | "end"): void {
    const parcel: Parcel = { item, fate: "travels" };
    this.#parcels.push(parcel);
    this.#deliver((isLost) => {
      parcel.fate = isLost ? "lost" : "arrived";
      this.drain();
    });
  }

  /** Ends the reading end at once: its owner closed it. */
  stop(): void {
    this.#parcels.length = 0;
    if (this.#ended) return;
    this.#ended = true;
    queueMicrotask(() => this.receiver?.end());
  }

  drain(): void {
    while (!this.#paused && !this.#ended && this.receiver && this.#parcels.length > 0) {
      const { item, fate } = this.#parcels[0];
      if (fate === "travels") return;
      this.#parcels.shift();
      if (fate === "lost") continue;
      if (item === "end") {
        this.#ended = true;
        this.receiver.end();
        return;
      }
      const wait = this.receiver.data(item);
      if (wait === undefined) continue;
      this.#paused = true;
      wait.then(() => {
        this.#paused = false;
        this.drain();
      });
    }
  }
}

class MemoryTransport implements Transport {
  #closed = false;

  constructor(
    readonly remote: string,
    readonly incoming: Pipe,
    readonly outgoing: Pipe,
    readonly chunkBytes: number,
    readonly onClose: () => void,
  ) {}

  start(receiver: Receiver): void {
    this.incoming.receiver = receiver;
    this.incoming.drain();
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(new Error("the connection is closed"));
    for (let from = 0; from < bytes.length; from += this.chunkBytes) {
      this.outgoing.send(bytes.slice(from, from + this.chunkBytes));
    }
    return Promise.resolve();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onClose();
    this.outgoing.send("end");
    this.incoming.stop();
  }
}

/**
 * A network in memory, for tests: hand it to `dial`, `XClient` and
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
  readonly #connections = new Map<string, Set<Transport>>();
  readonly #faults = new Map<string, MemoryFaults>();
  readonly #held = new Map<string, Arrive[]>();

  /**
   * Makes a network without listeners.
   *
   * @param options Clock, delay and chunk size.
   */
  constructor(options: MemoryNetworkOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#delayMs = options.delayMs ?? 0;
    this.#chunkBytes = options.chunkBytes ?? Infinity;
  }

  /**
   * Sets what is wrong with an address, in place of what was.
   *
   * @param address `memory@name`.
   * @param faults Nothing to heal it.
   */
  setFaults(address: string, faults: MemoryFaults = {}): void {
    this.#faults.set(address, faults);
    if (faults.held) return;
    const held = this.#held.get(address) ?? [];
    this.#held.delete(address);
    for (const arrive of held) this.#deliver(address, arrive);
  }

  /**
   * Cuts every connection to an address, as when its process is killed.
   *
   * @param address `memory@name`.
   */
  cut(address: string): void {
    for (const transport of [...this.#connections.get(address) ?? []]) transport.close();
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
   * @param options A signal that gives it up.
   * @returns The client's end.
   * @throws {RpcError} `unavailable` if nothing listens there.
   */
  async connect(endpoint: ParsedAddress, options: ConnectOptions = {}): Promise<Transport> {
    const { address } = endpoint;
    const { signal } = options;
    signal?.throwIfAborted();
    await this.#travel(address, signal);
    const accept = this.#listeners.get(address);
    if (accept === undefined || this.#faults.get(address)?.refuse) {
      throw new RpcError("unavailable", `${address}: can't connect: connection refused`, {
        address,
        execution: "not_sent",
      });
    }
    const deliver: Deliver = (arrive) => this.#deliver(address, arrive);
    const up = new Pipe(deliver);
    const down = new Pipe(deliver);
    const open = this.#connections.get(address) ?? new Set();
    this.#connections.set(address, open);
    const forget = () => open.delete(server);
    const client = new MemoryTransport(address, down, up, this.#chunkBytes, forget);
    const server = new MemoryTransport("memory@client", up, down, this.#chunkBytes, forget);
    open.add(server);
    accept(server);
    return client;
  }

  /**
   * Accepts connections.
   *
   * @param endpoint A `memory` address.
   * @param accept Called with each connection.
   * @returns The listener.
   * @throws {RpcError} `unavailable` if the name is taken.
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

  #travel(address: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const traveller = { abort: reject };
      if (signal !== undefined) abortWith(signal, traveller);
      const arrive = (isLost: boolean) => {
        if (isLost) return;
        if (signal !== undefined) releaseFrom(signal, traveller);
        resolve();
      };
      if (!this.#faults.get(address)?.unroutable) this.#deliver(address, arrive);
    });
  }

  #deliver(address: string, arrive: Arrive): void {
    const faults = this.#faults.get(address);
    if (faults?.silent) return arrive(true);
    if (faults?.held) {
      const held = this.#held.get(address);
      if (held === undefined) this.#held.set(address, [arrive]);
      else held.push(arrive);
      return;
    }
    const delayMs = faults?.delayMs ?? this.#delayMs;
    const work = () => arrive(false);
    if (delayMs > 0) this.#clock.setTimer(delayMs, work);
    else queueMicrotask(work);
  }
}
