/**
 * A fleet in memory, whose servers can be slowed down, stalled, cut off or made
 * to fail. This file is one subject: the fleet, its servers and their faults.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { MultiServerDiscovery } from "../discovery.ts";
import type { Random } from "../balance/types.ts";
import {
  type RegisterOptions,
  Server,
  type ServerCloseOptions,
  type ServerOptions,
} from "../server.ts";
import { offeredMethods } from "../connection/offered_methods.ts";
import type { CallContext } from "../connection/services.ts";
import {
  aClock,
  anObject,
  anything,
  callback,
  callbackOr,
  checkOptions,
  type Checks,
  flag,
  number,
  positive,
} from "../internal/options.ts";
import { FakeClock } from "./fake_clock.ts";
import { MIN_SLOWDOWN, Processor } from "./fake_processor.ts";
import { MemoryNetwork } from "./memory_network.ts";
import { seededRandom } from "./seeded_random.ts";

/** Services by name, as {@linkcode Server.register} takes them. */
export type FakeServices = Readonly<Record<string, object>>;

/** Options of {@linkcode FakeFleet.start}. */
export interface FakeFleetOptions {
  /** The services of every server, or a function that gives those of each. */
  services: FakeServices | ((server: FakeServer) => FakeServices);
  /**
   * Which methods are offered of a service, by its name, as
   * {@linkcode Server.register} takes it. Default: the functions of a plain
   * object, and the methods of an instance's own class.
   */
  offered?: Readonly<Record<string, Pick<RegisterOptions, "methods">>>;
  /** Where the time comes from. Default: a new {@linkcode FakeClock}. */
  clock?: Clock;
  /** Source of randomness. Default: `seededRandom(1)`. */
  random?: Random;
  /** How long bytes travel in one direction, in milliseconds. Default 0. */
  delayMs?: number;
  /** How long a server works on a call before its method runs, in milliseconds. Default 0. */
  workMs?: number | ((args: unknown, random: Random) => number);
  /** How many calls a server works on at full speed; more share them. Default `Infinity`. */
  cores?: number;
  /**
   * Whether calls beyond the number of `cores`, which is rounded down, wait until those that came
   * first are done, instead of sharing. Default `false`.
   */
  firstComeFirstServed?: boolean;
  /** Options of every server, such as its limits. The clock is the fleet's. Default: none. */
  server?: Omit<ServerOptions, "clock">;
  /**
   * What the discovery's list says of a server behind its address: `weight=2&zone=a`, or `""` for
   * nothing. Default: nothing.
   */
  metadata?: (server: FakeServer) => string;
}

/** What is wrong with a {@linkcode FakeServer}. Default: nothing. */
export interface FakeFaults {
  /** How long bytes travel in one direction, in milliseconds, instead of the fleet's `delayMs`. */
  delayMs?: number;
  /** How many times longer work takes; at least 1e-6. `Infinity`: it is never done. Default 1. */
  slow?: number;
  /** Refuses new connections. With {@linkcode FakeServer.cut} this is a crash. */
  refuse?: boolean;
  /** Loses all bytes and the end of connections, as half-open connections do. */
  silent?: boolean;
  /**
   * Fails every call before its method runs. `"rejected"`: the server rejects
   * it as `unavailable`. Anything else is thrown, as the method's own error.
   */
  error?: unknown;
  /** How long a call takes to fail with `error`, in milliseconds. Default 0. */
  errorAfterMs?: number;
}

const FLEET_CHECKS: Checks<FakeFleetOptions> = {
  services: callbackOr(anObject),
  offered: anObject, // `register` checks what is in it
  clock: aClock,
  random: callback,
  delayMs: number(0),
  workMs: callbackOr(number(0)),
  cores: positive,
  firstComeFirstServed: flag,
  server: anObject, // the server checks what is in it
  metadata: callback,
};
const FAULT_CHECKS: Checks<FakeFaults> = {
  delayMs: number(0),
  slow: number(MIN_SLOWDOWN),
  refuse: flag,
  silent: flag,
  error: anything,
  errorAfterMs: number(0),
};

/** One server of a {@linkcode FakeFleet}: a real {@linkcode Server}, in memory. */
export class FakeServer {
  /** Its address. */
  readonly address: string;
  /** The server itself. */
  readonly server: Server;
  /** How many calls it has received. */
  calls = 0;
  readonly #fleet: FakeFleet;
  readonly #options: FakeFleetOptions;
  readonly #processor: Processor;
  #faults: FakeFaults = {};
  #isStalled = false;

  /**
   * Created by {@linkcode FakeFleet.add}.
   *
   * @param address Its address.
   * @param fleet The fleet whose clock, network and randomness it uses.
   * @param options Services and work.
   */
  constructor(address: string, fleet: FakeFleet, options: FakeFleetOptions) {
    this.address = address;
    this.#fleet = fleet;
    this.#options = options;
    const { services, cores = Infinity, firstComeFirstServed = false } = options;
    this.#processor = new Processor(fleet.clock, cores, firstComeFirstServed);
    this.server = new Server({ ...options.server, clock: fleet.clock });
    const offered = typeof services === "function" ? services(this) : services;
    for (const [name, service] of Object.entries(offered)) {
      const wrapped = this.#wrapped(name, service);
      this.server.register(name, wrapped, { methods: Object.keys(wrapped) });
    }
  }

  /** How many calls it is working on, those included that wait for a core. */
  get running(): number {
    return this.#processor.running;
  }

  /** What is wrong with it. */
  get faults(): FakeFaults {
    return this.#faults;
  }

  /** For how long it is still stalled, in milliseconds; 0 if it is not. */
  get stalledForMs(): number {
    return Math.max(0, this.#processor.stalledUntilMs - this.#fleet.clock.now());
  }

  /**
   * Sets what is wrong with it, in place of what was.
   *
   * @param faults Its faults; none make it healthy.
   * @throws {RangeError} If `slow` is less than 1e-6, or `NaN`; nothing is changed then.
   */
  setFaults(faults: FakeFaults = {}): void {
    checkOptions("setFaults", faults, FAULT_CHECKS);
    this.#processor.setSlowdown(faults.slow ?? 1);
    this.#faults = faults;
    this.#applyFaults();
  }

  /**
   * Stalls it, as a stopped process does: bytes that are sent to it and calls
   * that it is working on wait.
   *
   * @param ms For how long, in milliseconds.
   */
  stall(ms: number): void {
    const { clock } = this.#fleet;
    const untilMs = clock.now() + ms;
    this.#isStalled = true;
    this.#processor.stallUntil(untilMs);
    this.#applyFaults();
    clock.setTimer(ms, () => {
      if (this.#processor.stalledUntilMs !== untilMs) return; // it was stalled again since
      this.#isStalled = false;
      this.#applyFaults();
    });
  }

  /** Closes its connections, as when its process is killed. It still accepts new ones. */
  cut(): void {
    this.#fleet.network.cut(this.address);
  }

  #applyFaults(): void {
    const { delayMs, refuse, silent } = this.#faults;
    this.#fleet.network.setFaults(this.address, { delayMs, refuse, silent, held: this.#isStalled });
  }

  #wrapped(service: string, object: object): object {
    const methods: Record<string, unknown> = {};
    const only = this.#options.offered?.[service]?.methods;
    for (const [name, method] of offeredMethods(service, object, { only })) {
      methods[name] = (args: unknown, context: CallContext) =>
        this.#run(() => method.call(object, args, context), args, context);
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
 * A fleet in memory, to test programs with. Its servers are real ones and can be
 * given faults; time passes when the test advances the clock, and randomness is
 * seeded.
 *
 * @example One server rejects all calls, and the caller does not notice
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
  /** Source of randomness. */
  readonly random: Random;
  /** The network that the servers listen on. */
  readonly network: MemoryNetwork;
  /** A discovery that lists the servers. */
  readonly discovery: MultiServerDiscovery;
  readonly #options: FakeFleetOptions;
  #servers: readonly FakeServer[] = [];
  #count = 0;

  private constructor(options: FakeFleetOptions) {
    checkOptions("FakeFleet", options, FLEET_CHECKS);
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
   * @returns The fleet, whose servers are listening.
   */
  static async start(size: number, options: FakeFleetOptions): Promise<FakeFleet> {
    const fleet = new FakeFleet(options);
    while (fleet.servers.length < size) await fleet.add();
    return fleet;
  }

  /** The servers, in the order in which they were started. */
  get servers(): readonly FakeServer[] {
    return this.#servers;
  }

  /** The servers' addresses, in the same order. */
  get addresses(): string[] {
    return this.#servers.map(({ address }) => address);
  }

  /** The options that an `XClient` of this fleet needs: network, clock and randomness. */
  get clientOptions(): { network: MemoryNetwork; clock: Clock; random: Random } {
    const { network, clock, random } = this;
    return { network, clock, random };
  }

  /**
   * Starts one more server, and adds it to the discovery's list.
   *
   * @param address Its address, as that of a server that was removed: it comes back. Default: a
   * new one.
   * @returns The server, which is listening.
   * @throws {RpcError} `unavailable` if there is a server at that address.
   */
  async add(address: string = `memory@server-${++this.#count}`): Promise<FakeServer> {
    const server = new FakeServer(address, this, this.#options);
    await server.server.listen(server.address, { network: this.network });
    await this.#list([...this.#servers, server]);
    return server;
  }

  /**
   * Removes a server from the discovery's list, then drains and closes it.
   *
   * @param server A server of this fleet.
   * @param options `graceMs`: how long running calls may take to end. Default 5,000.
   * @returns Resolves when it is closed. While calls are running, the clock has to be advanced.
   */
  async remove(server: FakeServer, options: ServerCloseOptions = {}): Promise<void> {
    await this.#list(this.#servers.filter((other) => other !== server));
    await server.server.close(options);
  }

  /**
   * Sets what is wrong with every server, in place of what was.
   *
   * @param faults Their faults; none make them healthy.
   * @throws {RangeError} If `slow` is less than 1e-6, or `NaN`.
   */
  setFaults(faults: FakeFaults = {}): void {
    for (const server of this.#servers) server.setFaults(faults);
  }

  /** Closes every server at once, without waiting for running calls. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map(({ server }) => server.close({ graceMs: 0 })));
  }

  /** Closes the fleet, as {@linkcode FakeFleet.close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #list(servers: readonly FakeServer[]): Promise<void> {
    this.#servers = servers;
    const { metadata = () => "" } = this.#options;
    return this.discovery.update(servers.map((server) => {
      const said = metadata(server);
      return said === "" ? server.address : `${server.address}?${said}`;
    }));
  }
}
