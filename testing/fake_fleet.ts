/**
 * A fleet that is not there: servers in memory that can be made slow, stopped,
 * cut off or broken at will.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { MultiServerDiscovery } from "../discovery.ts";
import { FakeClock } from "./fake_clock.ts";
import { Processor } from "./fake_processor.ts";
import { seededRandom } from "./seeded_random.ts";
import type { Random } from "../balance/types.ts";
import { Server, type ServerCloseOptions } from "../server.ts";
import { type CallContext, methodsOf } from "../connection/services.ts";
import { MemoryNetwork } from "./memory_network.ts";

/** Services by name, as {@linkcode Server.register} takes them. */
export type FakeServices = Readonly<Record<string, object>>;

/** How a {@linkcode FakeFleet} behaves. */
export interface FakeFleetOptions {
  /** What every server offers, or what each does. */
  services: FakeServices | ((server: FakeServer) => FakeServices);
  /** Where the time comes from. Default: a new {@linkcode FakeClock}. */
  clock?: Clock;
  /** Where chance comes from. Default: `seededRandom(1)`. */
  random?: Random;
  /** How long bytes travel, one way, in milliseconds. Default 0. */
  delayMs?: number;
  /** How much work a call is before its method runs, in milliseconds. Default 0. */
  workMs?: number | ((args: unknown, random: Random) => number);
  /** So many calls get on at full speed at once; more share it. Default `Infinity`. */
  cores?: number;
}

/** What is wrong with a server. */
export interface FakeFaults {
  /** Bytes travel so long, one way, in milliseconds. */
  delayMs?: number;
  /** Work takes so many times longer; at least 1e-6. `Infinity`: it is never done. */
  slow?: number;
  /** New connections are refused. With {@linkcode FakeServer.cut}, a crash. */
  refuse?: boolean;
  /** Bytes vanish and no end is heard: half-open connections. */
  silent?: boolean;
  /**
   * No method runs: every call fails. `"rejected"`: as `unavailable`, and the
   * server says that it did not run; anything else is thrown as the method's own error.
   */
  error?: unknown;
  /** How long such a failure takes, in milliseconds. Default 0. */
  errorAfterMs?: number;
}

/** One server of a {@linkcode FakeFleet}: the library's own, in memory. */
export class FakeServer {
  /** Where it listens. */
  readonly address: string;
  /** The server itself. */
  readonly server: Server;
  /** How many calls have come. */
  calls = 0;
  readonly #fleet: FakeFleet;
  readonly #options: FakeFleetOptions;
  readonly #processor: Processor;
  #faults: FakeFaults = {};
  #held = false;

  /**
   * Made by {@linkcode FakeFleet}.
   *
   * @param address Where it is to listen.
   * @param fleet Clock, network and randomness.
   * @param options Services and work.
   */
  constructor(address: string, fleet: FakeFleet, options: FakeFleetOptions) {
    this.address = address;
    this.#fleet = fleet;
    this.#options = options;
    this.#processor = new Processor(fleet.clock, options.cores ?? Infinity);
    this.server = new Server({ clock: fleet.clock });
    const { services } = options;
    const offered = typeof services === "function" ? services(this) : services;
    for (const [name, service] of Object.entries(offered)) {
      this.server.register(name, this.#wrapped(service));
    }
  }

  /** How many calls are at work. */
  get running(): number {
    return this.#processor.running;
  }

  /** What is wrong with it. */
  get faults(): FakeFaults {
    return this.#faults;
  }

  /** For how long it still stands still, in milliseconds. */
  get stalledForMs(): number {
    return Math.max(0, this.#processor.stalledUntilMs - this.#fleet.clock.now());
  }

  /**
   * Sets what is wrong with it, in place of what was.
   *
   * @param faults Nothing to heal it.
   * @throws {RangeError} If `slow` is less than 1e-6, or not a number.
   */
  setFaults(faults: FakeFaults = {}): void {
    this.#processor.slow = faults.slow ?? 1; // the first, since it may refuse
    this.#faults = faults;
    this.#connect();
  }

  /**
   * Stands still as a stopped process does: what is sent to it waits, and so
   * does what it is at.
   *
   * @param ms For how long.
   */
  stall(ms: number): void {
    const { clock } = this.#fleet;
    const untilMs = clock.now() + ms;
    this.#held = true;
    this.#processor.stallUntil(untilMs);
    this.#connect();
    clock.setTimer(ms, () => {
      if (this.#processor.stalledUntilMs !== untilMs) return; // it was stopped again
      this.#held = false;
      this.#connect();
    });
  }

  /** Cuts its connections, as when its process is killed. It still accepts new ones. */
  cut(): void {
    this.#fleet.network.cut(this.address);
  }

  #connect(): void {
    const { delayMs, refuse, silent } = this.#faults;
    this.#fleet.network.setFaults(this.address, { delayMs, refuse, silent, held: this.#held });
  }

  #wrapped(service: object): object {
    const methods: Record<string, unknown> = {};
    for (const [name, method] of methodsOf(service)) {
      methods[name] = (args: unknown, context: CallContext) =>
        this.#run(() => method.call(service, args, context), args, context);
    }
    return methods;
  }

  #run(run: () => unknown, args: unknown, context: CallContext): unknown {
    this.calls++;
    if (this.#faults.error !== undefined) return this.#fail(context);
    const { workMs = 0 } = this.#options;
    const ms = typeof workMs === "number" ? workMs : workMs(args, this.#fleet.random);
    if (ms === 0 && this.stalledForMs === 0) return run();
    return this.#processor.work(ms, context.signal).then(run);
  }

  async #fail(context: CallContext): Promise<never> {
    const { error, errorAfterMs = 0 } = this.#faults;
    if (errorAfterMs > 0) {
      await new Promise<void>((resolve) => this.#fleet.clock.setTimer(errorAfterMs, resolve));
    }
    throw error === "rejected" ? context.reject(`${this.address} takes no calls`) : error;
  }
}

/**
 * A fleet in memory, to test programs with: each server is the library's own
 * and can be given faults, time passes when the test says so, and chance comes
 * out the same each time.
 *
 * @example A server that fails, and what the caller notices of it
 * ```ts
 * import { assert } from "@std/assert";
 * import { XClient } from "@geerpc/xclient";
 * import { FakeClock, FakeFleet } from "@geerpc/xclient/testing";
 *
 * const clock = new FakeClock();
 * const fleet = await FakeFleet.start(3, {
 *   clock,
 *   services: { Echo: { Say: (text: string) => text } },
 *   workMs: 20,
 * });
 * const xclient = new XClient(fleet.discovery, fleet.clientOptions);
 *
 * fleet.servers[0].setFaults({ error: "rejected" });
 * const replies = Array.from("abcdef", (text) => xclient.call<string>("Echo.Say", text));
 * await clock.advance(20);
 * assert((await Promise.all(replies)).join("") === "abcdef");
 * assert(fleet.servers[0].calls > 0);
 *
 * await xclient.close();
 * await fleet.close();
 * ```
 */
export class FakeFleet implements AsyncDisposable {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** Where chance comes from. */
  readonly random: Random;
  /** What connects to the servers. */
  readonly network: MemoryNetwork;
  /** The servers' addresses, kept up to date. */
  readonly discovery: MultiServerDiscovery;
  readonly #options: FakeFleetOptions;
  #servers: readonly FakeServer[] = [];
  #count = 0;

  private constructor(options: FakeFleetOptions) {
    this.#options = options;
    this.clock = options.clock ?? new FakeClock();
    this.random = options.random ?? seededRandom(1);
    this.network = new MemoryNetwork({ clock: this.clock, delayMs: options.delayMs });
    this.discovery = new MultiServerDiscovery([], { random: this.random });
  }

  /**
   * Starts a fleet.
   *
   * @param size How many servers.
   * @param options Their services, clock, randomness and work.
   * @returns The fleet, listening.
   */
  static async start(size: number, options: FakeFleetOptions): Promise<FakeFleet> {
    const fleet = new FakeFleet(options);
    for (let count = 0; count < size; count++) await fleet.add();
    return fleet;
  }

  /** The servers, in the order of their start. */
  get servers(): readonly FakeServer[] {
    return this.#servers;
  }

  /** Where they listen. */
  get addresses(): string[] {
    return this.#servers.map(({ address }) => address);
  }

  /** What an `XClient` of this fleet needs: network, clock and randomness. */
  get clientOptions(): { network: MemoryNetwork; clock: Clock; random: Random } {
    const { network, clock, random } = this;
    return { network, clock, random };
  }

  /**
   * Starts one more server, and lists it.
   *
   * @returns The server, listening.
   */
  async add(): Promise<FakeServer> {
    const server = new FakeServer(`memory@server-${++this.#count}`, this, this.#options);
    await server.server.listen(server.address, { network: this.network });
    await this.#list([...this.#servers, server]);
    return server;
  }

  /**
   * Takes a server off the list, then drains and closes it.
   *
   * @param server One of the fleet's.
   * @param options `graceMs`: how long running calls may take to end. Default 5,000.
   * @returns Resolves when it is closed. Needs the clock to move on if calls are running.
   */
  async remove(server: FakeServer, options: ServerCloseOptions = {}): Promise<void> {
    await this.#list(this.#servers.filter((other) => other !== server));
    await server.server.close(options);
  }

  /**
   * Sets what is wrong with every server, in place of what was.
   *
   * @param faults Nothing to heal them.
   * @throws {RangeError} If `slow` is less than 1e-6, or not a number.
   */
  setFaults(faults: FakeFaults = {}): void {
    for (const server of this.#servers) server.setFaults(faults);
  }

  /** Closes every server at once. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map(({ server }) => server.close({ graceMs: 0 })));
  }

  /** Closes every server at once. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #list(servers: readonly FakeServer[]): Promise<void> {
    this.#servers = servers;
    return this.discovery.update(this.addresses);
  }
}
