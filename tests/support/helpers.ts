/** What several test files use. */

import { setImmediate } from "node:timers";
import { assert, assertEquals } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { dial, type DialOptions } from "../../client.ts";
import type { Execution, RpcCode } from "../../errors.ts";
import { RpcError, TimeoutError } from "../../errors.ts";
import { Server, type ServerOptions } from "../../server.ts";
import type { CallContext } from "../../server.ts";
import { FakeClock, MemoryNetwork } from "../../testing.ts";
import type { Network, Transport, TransportListener } from "../../transport.ts";

/** A whole number from `least` to `most`. */
export function between(random: () => number, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

/** Every microtask on its way has ended, whatever it set off included. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A promise and what settles it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** What a promise rejects with; it must. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a rejection, got ${JSON.stringify(value)}`);
}

/** What an error has to say. */
export interface Wanted {
  code?: RpcCode | "TimeoutError";
  execution?: Execution;
  address?: string;
  serviceMethod?: string;
  message?: string | RegExp;
}

/** Checks an error's every field that is wanted, and that its text names the place. */
export function assertFailure(
  error: unknown,
  wanted: Wanted,
): asserts error is RpcError | TimeoutError {
  if (wanted.code === "TimeoutError") {
    assert(error instanceof TimeoutError, `no TimeoutError: ${error}`);
    assertEquals(error.name, "TimeoutError");
  } else {
    assert(error instanceof RpcError, `no RpcError: ${error}`);
    if (wanted.code) assertEquals(error.code, wanted.code, error.message);
  }
  const { execution, address, serviceMethod, message } = wanted;
  if (execution) assertEquals(error.execution, execution, error.message);
  if (address) assertEquals(error.address, address, error.message);
  if (serviceMethod) assertEquals(error.serviceMethod, serviceMethod, error.message);
  // A server's own words are passed on unchanged; all else names the place.
  if (error.execution !== "answered" && error.execution !== "rejected") {
    for (const part of [address, serviceMethod]) {
      if (part) assert(error.message.includes(part), `${part} is not in: ${error.message}`);
    }
  }
  if (typeof message === "string") {
    assert(error.message.includes(message), `${message} is not in: ${error.message}`);
  } else if (message) {
    assert(message.test(error.message), `${message} is not in: ${error.message}`);
  }
}

/** Waits for a rejection and checks it. */
export async function assertFails(
  promise: Promise<unknown>,
  wanted: Wanted,
): Promise<RpcError | TimeoutError> {
  const error = await failure(promise);
  assertFailure(error, wanted);
  return error;
}

const encoder = new TextEncoder();

/** One end of a connection on which a test writes and reads bytes by hand. */
export class RawPeer {
  /** Each chunk that came, in order: on a memory network, each write of the other end. */
  readonly chunks: Uint8Array[] = [];
  /** Resolves when the other end has closed. */
  readonly ended: Promise<void>;
  isOver = false;
  readonly #transport: Transport;
  #wake = () => {};
  #waiting: Promise<void> | undefined;
  #release = () => {};

  constructor(transport: Transport) {
    this.#transport = transport;
    const ended = deferred();
    this.ended = ended.promise;
    transport.start({
      data: (chunk) => {
        this.chunks.push(chunk.slice());
        this.#wake();
        return this.#waiting;
      },
      end: () => {
        this.isOver = true;
        ended.resolve();
        this.#wake();
      },
    });
  }

  /** Reads no more after the next chunk until `resume`. */
  pause(): void {
    this.#waiting = new Promise((resolve) => this.#release = resolve);
  }

  resume(): void {
    this.#waiting = undefined;
    this.#release();
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of this.chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  /** The lines that came, without a handshake before them. */
  get lines(): string[] {
    return this.text.replace(/^ *\{"MagicNumber":[^}]*\}/, "").split("\n").slice(0, -1);
  }

  /** Waits until so much has come. */
  async until(what: (peer: RawPeer) => boolean): Promise<this> {
    while (!what(this)) {
      if (this.isOver) throw new Error(`the stream ended; it was ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this;
  }

  /** Waits for so many lines behind the handshake. */
  async untilLines(count: number): Promise<string[]> {
    await this.until((peer) => peer.lines.length >= count);
    return this.lines;
  }

  write(data: string | Uint8Array): Promise<void> {
    return this.#transport.write(typeof data === "string" ? encoder.encode(data) : data);
  }

  /** Writes a reply of geerpc/json. */
  reply(seq: number, body: unknown, header: Record<string, unknown> = {}): Promise<void> {
    const head = { ServiceMethod: "S.M", Seq: seq, Error: "", ...header };
    return this.write(`${JSON.stringify(head)}\n${JSON.stringify(body)}\n`);
  }

  close(): void {
    this.#transport.close();
  }
}

/** A server that a test plays by hand. */
export class RawServer {
  readonly address: string;
  readonly peers: RawPeer[] = [];
  readonly #listener: TransportListener;
  readonly #queue: RawPeer[];
  readonly #wake: { call(): void };

  private constructor(
    listener: TransportListener,
    queue: RawPeer[],
    peers: RawPeer[],
    wake: { call(): void },
  ) {
    this.#listener = listener;
    this.address = listener.address;
    this.#queue = queue;
    this.peers = peers;
    this.#wake = wake;
  }

  static async listen(
    network: Network,
    address: string,
    options: Parameters<Network["listen"]>[2] = {},
  ): Promise<RawServer> {
    const queue: RawPeer[] = [];
    const peers: RawPeer[] = [];
    const wake = { call() {} };
    const listener = await network.listen(parseAddress(address), (transport) => {
      const peer = new RawPeer(transport);
      queue.push(peer);
      peers.push(peer);
      wake.call();
    }, options);
    return new RawServer(listener, queue, peers, wake);
  }

  /** The next connection that comes. */
  async accept(): Promise<RawPeer> {
    for (;;) {
      const peer = this.#queue.shift();
      if (peer !== undefined) return peer;
      await new Promise<void>((resolve) => this.#wake.call = resolve);
    }
  }

  async close(): Promise<void> {
    for (const peer of this.peers) peer.close();
    await this.#listener.close();
  }
}

/** A client that a test plays by hand. */
export async function rawClient(network: Network, address: string): Promise<RawPeer> {
  return new RawPeer(await network.connect(parseAddress(address)));
}

/** GeeRPC's option as a client sends it, with what a test wants otherwise. */
export function option(fields: Record<string, unknown> = {}): string {
  return JSON.stringify({
    MagicNumber: 0x3bef5c,
    CodecType: "application/json",
    ConnectTimeout: 0,
    HandleTimeout: 0,
    ...fields,
  }).padStart(512);
}

/** One request of geerpc/json. */
export function request(
  seq: number,
  serviceMethod: string,
  body: unknown,
  header: Record<string, unknown> = {},
): string {
  const head = { ServiceMethod: serviceMethod, Seq: seq, ...header };
  return `${JSON.stringify(head)}\n${JSON.stringify(body)}\n`;
}

/** A service whose calls end when the test says so. */
export class Gate {
  /** The calls that have begun, in order. */
  readonly begun: { args: unknown; ctx: CallContext; end: Deferred<unknown> }[] = [];
  /** The reasons of the calls that were aborted, in order. */
  readonly aborted: unknown[] = [];
  #wake = () => {};

  /** Methods to register. */
  readonly methods = {
    /** Waits for the test. */
    Wait: (args: unknown, ctx: CallContext): Promise<unknown> => {
      const end = deferred<unknown>();
      this.begun.push({ args, ctx, end });
      ctx.signal.addEventListener("abort", () => {
        this.aborted.push(ctx.signal.reason);
        this.#wake();
      });
      this.#wake();
      return end.promise;
    },
    Echo: (args: unknown): unknown => args,
    Fail: (args: unknown): never => {
      throw new Error(`failed: ${args}`);
    },
  };

  /** Waits until so many calls have begun. */
  async untilBegun(count: number): Promise<void> {
    while (this.begun.length < count) await this.#changed();
  }

  /** Waits until so many calls have been aborted. */
  async untilAborted(count: number): Promise<void> {
    while (this.aborted.length < count) await this.#changed();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }
}

/** A server with a gate, on a memory network. */
export interface Site {
  readonly address: string;
  readonly server: Server;
  readonly gate: Gate;
}

/** A memory network with a fake clock, and servers on it. */
export class World {
  readonly clock = new FakeClock();
  readonly network: MemoryNetwork;
  readonly sites: Site[] = [];

  constructor(options: { delayMs?: number; chunkBytes?: number } = {}) {
    this.network = new MemoryNetwork({ clock: this.clock, ...options });
  }

  /** Starts a server with a service `Gate`, and others if wanted. */
  async serve(
    name: string,
    options: ServerOptions = {},
    services: Record<string, object> = {},
  ): Promise<Site> {
    const gate = new Gate();
    const server = new Server({ clock: this.clock, ...options });
    server.register("Gate", gate.methods);
    for (const [service, methods] of Object.entries(services)) server.register(service, methods);
    const { address } = await server.listen(`memory@${name}`, { network: this.network });
    const site = { address, server, gate };
    this.sites.push(site);
    return site;
  }

  dial(address: string, options: DialOptions = {}) {
    return dial(address, { network: this.network, clock: this.clock, ...options });
  }

  /** Ends the servers, and checks that nothing is left anywhere. */
  async end(): Promise<void> {
    await settled();
    for (const { server } of this.sites) await server.close({ graceMs: 0 });
    await settled();
    for (const { server, address } of this.sites) {
      assertEquals(server.connections, 0, `${address} holds connections`);
      assertEquals(this.network.connections(address), 0, `${address} has open connections`);
    }
    assertEquals(this.clock.timers, 0, "timers are left");
  }
}

/** Runs a test in a world that must be empty at its end. */
export async function inWorld(
  body: (world: World) => Promise<void>,
  options: { delayMs?: number; chunkBytes?: number } = {},
): Promise<void> {
  const world = new World(options);
  await body(world);
  await world.end();
}
