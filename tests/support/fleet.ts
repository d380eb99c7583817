/** Fleets in memory. */

import type { ClientConnection } from "../../connection/client_connection.ts";
import { assertEquals } from "@std/assert";
import type { Attempt } from "../../errors.ts";
import { RpcError, TimeoutError } from "../../errors.ts";
import { type Discovery, MultiServerDiscovery } from "../../discovery.ts";
import { SelectMode } from "../../selector.ts";
import type { CallContext } from "../../server.ts";
import { XClient } from "../../xclient.ts";
import type { FanOutOptions, Receipt } from "../../fleet/fan_out.ts";
import type { HealthState } from "../../fleet/health.ts";
import type { XClientEvent, XClientOptions } from "../../fleet/options.ts";
import {
  type Deferred,
  deferred,
  inWorld,
  type Site,
  withStillDate,
  type World,
} from "./helpers.ts";

/** What a server does with a call. */
export type Behaviour = "echo" | "hold" | "fail" | "reject" | "overloaded" | "broken";

/** One server and what has come to it. */
export interface Node {
  readonly name: string;
  readonly address: string;
  readonly site: Site;
  /** What it does with the calls that come. */
  behaviour: Behaviour;
  /** When it says that there may be room, if it rejects. */
  retryAfterMs?: number;
  /** The arguments of the calls that ran, in order. */
  readonly ran: unknown[];
  /** The calls that came, be they run or turned away. */
  came: number;
  /** The calls that it holds, to be ended by the test. */
  readonly held: Deferred<unknown>[];
  /** How many calls were aborted. */
  aborted: number;
  /** The deadlines that came along, in milliseconds from then on. */
  readonly leftMs: (number | undefined)[];
}

/** What a test works with. */
export interface Case extends FleetCase {
  readonly nodes: Node[];
  /** One more server, not listed yet. */
  serve(name: string): Promise<Node>;
  /** Puts a list in place. */
  list(nodes: readonly Node[]): Promise<void>;
}

const NAMES = "abcdefghijklmnopqrstuvwxyz";

/** Starts one server. */
async function start(world: World, name: string): Promise<Node> {
  const methods = {
    Do: (args: unknown, context: CallContext): unknown => {
      node.came++;
      if (node.behaviour === "reject" || node.behaviour === "overloaded") {
        const { retryAfterMs } = node;
        const code = node.behaviour === "reject" ? "unavailable" : "resource_exhausted";
        throw context.reject(`${name} takes no calls`, { code, retryAfterMs });
      }
      node.ran.push(args);
      const { deadline } = context;
      node.leftMs.push(deadline === undefined ? undefined : deadline.getTime() - Date.now());
      if (node.behaviour === "fail") throw new Error(`${name} fails`);
      if (node.behaviour === "broken") throw new RpcError("unavailable", `${name} is broken`);
      if (node.behaviour === "echo") return name;
      const end = deferred<unknown>();
      node.held.push(end);
      context.signal.addEventListener("abort", () => node.aborted++);
      return end.promise;
    },
  };
  const site = await world.serve(name, {}, { Work: methods });
  const node: Node = {
    name,
    address: site.address,
    site,
    behaviour: "echo",
    ran: [],
    came: 0,
    held: [],
    aborted: 0,
    leftMs: [],
  };
  return node;
}

/** What tests of fleets work with, whatever their servers do. */
export interface FleetCase {
  readonly world: World;
  readonly discovery: MultiServerDiscovery;
  readonly xclient: XClient;
  /** The events so far: `connected a`. */
  readonly events: string[];
  /** Lets so much time pass. */
  pass(ms: number): Promise<void>;
  /** One more client of the same fleet, closed at the end. */
  client(options: XClientOptions): XClient;
}

/** What is done at the end of such a test. */
export interface FleetEnds {
  /** Before the clients are closed. */
  before?(clients: readonly XClient[]): void;
  /** When they are. */
  after?(): Promise<void>;
}

/**
 * Runs a test with a fleet `a`, `b`, `c` … that is gone through in turn, with
 * no chance in it; at the end nothing may be left.
 *
 * @param start Starts one server.
 */
export function withStarted<Server extends { readonly address: string }>(
  count: number,
  start: (world: World, name: string) => Promise<Server>,
  body: (test: FleetCase, servers: Server[]) => Promise<FleetEnds>,
  options: XClientOptions = {},
  worldOptions: { delayMs?: number } = {},
): Promise<void> {
  return withStillDate(() =>
    inWorld(async (world) => {
      const servers: Server[] = [];
      for (let n = 0; n < count; n++) servers.push(await start(world, NAMES[n]));
      const discovery = new MultiServerDiscovery(servers.map(({ address }) => address));
      const events: string[] = [];
      const clients: XClient[] = [];
      const client = (more: XClientOptions) => {
        const made = new XClient(discovery, {
          network: world.network,
          clock: world.clock,
          random: () => 0,
          mode: SelectMode.RoundRobin,
          ...more,
        });
        clients.push(made);
        return made;
      };
      const onEvent = ({ type, address }: XClientEvent) =>
        events.push(`${type} ${address.replace("memory@", "")}`);
      const xclient = client({ onEvent, ...options });
      const pass = (ms: number) => world.clock.advance(ms);
      const { before, after } = await body(
        { world, discovery, events, xclient, pass, client },
        servers,
      );
      before?.(clients);
      for (const made of clients) await made.close();
      await after?.();
      assertEquals(world.clock.timers, 0, "timers are left by the client");
      for (const { address } of servers) {
        assertEquals(world.network.connections(address), 0, address);
      }
    }, worldOptions)
  );
}

/** Runs a test with a fleet of nodes; see {@linkcode withStarted}. */
export function withNodes(
  count: number,
  body: (test: Case) => Promise<void>,
  options: XClientOptions = {},
  worldOptions: { delayMs?: number } = {},
): Promise<void> {
  const run = async (test: FleetCase, nodes: Node[]): Promise<FleetEnds> => {
    await body({
      ...test,
      nodes,
      serve: (name) => start(test.world, name),
      list: (list) => test.discovery.update(list.map(({ address }) => address)),
    });
    return {
      before: () => nodes.forEach(({ held }) => held.forEach((end) => end.resolve("late"))),
    };
  };
  return withStarted(count, start, run, options, worldOptions);
}

/** What a test works with that needs real services: each site has a gate. */
export interface SiteFleet {
  readonly world: World;
  readonly sites: Site[];
  readonly addresses: string[];
  readonly discovery: MultiServerDiscovery;
  readonly xclient: XClient;
}

/** Runs a test with so many sites, and a client that goes through them in turn. */
export function withFleet(
  count: number,
  body: (fleet: SiteFleet) => Promise<void>,
  options: XClientOptions = {},
): Promise<void> {
  return inWorld(async (world) => {
    const sites: Site[] = [];
    for (let n = 0; n < count; n++) sites.push(await world.serve(`s${n}`));
    const addresses = sites.map(({ address }) => address);
    const discovery = new MultiServerDiscovery(addresses, { random: () => 0 });
    const { network, clock } = world;
    const mode = SelectMode.RoundRobin;
    // One attempt, so that each test sees what became of it.
    const given = { network, clock, random: () => 0, mode, maxAttempts: 1, ...options };
    const xclient = new XClient(discovery, given);
    await body({ world, sites, addresses, discovery, xclient });
    await xclient.close();
    for (const address of addresses) assertEquals(network.connections(address), 0);
  });
}

/** Makes so many calls, one after the other: the names of the servers that answered. */
export async function answeredBy(xclient: XClient, calls: number): Promise<string> {
  let answered = "";
  for (let n = 0; n < calls; n++) {
    answered += await xclient.call<string>("Work.Do", n).catch(() => "-");
  }
  return answered;
}

/** The health of each endpoint. */
export function healthOf(xclient: XClient): HealthState[] {
  return xclient.endpoints().map(({ health }) => health);
}

/** The names of the endpoints that are listed. */
export function listed(xclient: XClient): (string | undefined)[] {
  return xclient.endpoints().map(({ address }) => address.at(-1));
}

/** How many calls came to each server. */
export function came(nodes: readonly Node[]): number[] {
  return nodes.map((node) => node.came);
}

/** What a function throws. */
export function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** A source that a test plays by hand. */
export function source(methods: Partial<Discovery>): Discovery {
  return {
    refresh: () => Promise.resolve(),
    update: () => Promise.resolve(),
    get: () => Promise.reject(new Error("not asked for")),
    getAll: () => Promise.resolve([]),
    ...methods,
  };
}

/** What became of a promise, for looking at it without waiting. */
export interface Watched<T = unknown> {
  state: "pending" | "resolved" | "rejected";
  value?: T;
  error?: unknown;
}

/** Watches a promise. */
export function watch<T>(promise: Promise<T>): Watched<T> {
  const watched: Watched<T> = { state: "pending" };
  promise.then((value) => {
    watched.state = "resolved";
    watched.value = value;
  }, (error) => {
    watched.state = "rejected";
    watched.error = error;
  });
  return watched;
}

/** An error's attempts: `a call failover unavailable`. */
export function attemptsOf(error: unknown): string[] {
  if (!(error instanceof RpcError)) {
    throw new Error(`no attempts in ${error}`);
  }
  return error.attempts.map(attemptText);
}

function attemptText({ address, phase, why, error }: Attempt): string {
  const what = error instanceof RpcError && !(error instanceof TimeoutError)
    ? `${error.code} ${error.execution}`
    : error instanceof Error || error instanceof DOMException
    ? error.name
    : String(error);
  return `${address.replace("memory@", "")} ${phase} ${why} ${what}`;
}

/** A receipt in short: `a replied`. */
export function short(receipt: Receipt<unknown>): string {
  const name = receipt.address.replace("memory@", "");
  if (receipt.ok) return `${name} ${receipt.reply}`;
  const { error } = receipt;
  return `${name} ${
    error instanceof RpcError && !(error instanceof TimeoutError)
      ? error.code
      : (error as Error)?.name ?? error
  }`;
}

/** All receipts, or what it ends with. */
export async function receipts(xclient: XClient, options: FanOutOptions = {}): Promise<string[]> {
  const all: string[] = [];
  for await (const receipt of xclient.inform("Work.Do", 1, options)) all.push(short(receipt));
  return all;
}

/** Makes servers hold the calls that come. */
export function hold(nodes: readonly Node[]): void {
  for (const node of nodes) node.behaviour = "hold";
}

/** How many calls were aborted at each server. */
export function aborted(nodes: readonly Node[]): number[] {
  return nodes.map((node) => node.aborted);
}

/** A call on a connection itself, as an attempt makes it. */
export function callOn(
  connection: ClientConnection,
  serviceMethod: string,
  args?: unknown,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    connection.send(serviceMethod, args, {}, { resolve, reject });
  });
}
