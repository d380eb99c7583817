/** A network in memory with a fake clock, and servers on it whose calls end when the test says so. */

import { assertEquals } from "@std/assert";
import { type Client, dial, type DialOptions } from "../../client.ts";
import { type CallContext, Server, type ServerOptions } from "../../server.ts";
import { FakeClock, MemoryNetwork } from "../../testing.ts";
import { type Deferred, deferred, settled } from "./async.ts";

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

  /** Clock and network, as options. */
  get options(): { clock: FakeClock; network: MemoryNetwork } {
    return { clock: this.clock, network: this.network };
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

  /** Connects a client. */
  dial(address: string, options: DialOptions = {}): Promise<Client> {
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

/** Servers tell deadlines as dates, which come out to the millisecond if the date stands still. */
export async function withStillDate(body: () => Promise<void>): Promise<void> {
  const { now } = Date;
  const atMs = now();
  Date.now = () => atMs;
  try {
    await body();
  } finally {
    Date.now = now;
  }
}
