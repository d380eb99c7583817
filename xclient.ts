/**
 * One client for a whole fleet: it picks a server for each call, keeps one
 * connection to each, and can ask all of them at once.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { AbortListeners } from "./abort.ts";
import { parseAddress } from "./address.ts";
import type { ClientOptions, CloseOptions } from "./client.ts";
import { Deadlines, systemClock } from "./clock.ts";
import { type Discovery, noServers } from "./discovery.ts";
import { RpcError, TimeoutError } from "./errors.ts";
import { FleetCall, type FleetCallContext } from "./fleet_call.ts";
import { Member } from "./member.ts";
import type { Settler } from "./pending.ts";
import type { CallsOf, ServiceSchema } from "./schema.ts";
import { createSelector, type Random, SelectMode, type Selector } from "./selector.ts";
import { type CallOptions, type Service, serviceView } from "./service.ts";

/** How an {@linkcode XClient} picks servers, and how it connects to each. */
export interface XClientOptions extends ClientOptions {
  /** The balancing policy. Default `SelectMode.RoundRobin`. */
  mode?: SelectMode;
  /** Where policies take chance from. Default `Math.random`. */
  random?: Random;
}

const DISPOSE_GRACE_MS = 10_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * A client for a fleet of servers.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { MultiServerDiscovery, SelectMode, Server, XClient } from "@geerpc/xclient";
 *
 * const server = new Server();
 * server.register("Arith", { Sum: (args: { A: number; B: number }) => args.A + args.B });
 * const first = await server.listen("tcp@127.0.0.1:0");
 * const second = await server.listen("tcp@127.0.0.1:0");
 *
 * const discovery = new MultiServerDiscovery([first.address, second.address]);
 * const xclient = new XClient(discovery, { mode: SelectMode.RoundRobin });
 * assert(await xclient.call<number>("Arith.Sum", { A: 1, B: 2 }) === 3);
 * assert(await xclient.broadcast<number>("Arith.Sum", { A: 1, B: 2 }) === 3);
 *
 * await xclient.close();
 * await server.close();
 * ```
 */
export class XClient implements AsyncDisposable {
  readonly #discovery: Discovery;
  readonly #options: XClientOptions;
  readonly #selector: Selector;
  readonly #context: FleetCallContext;
  readonly #watching = new AbortController();
  #watched = false;
  /** The list that `#members` was made from. */
  #servers: readonly string[] | undefined;
  #members: readonly Member[] = [];
  readonly #leaving = new Set<Member>();
  #closed: Promise<void> | undefined;

  /**
   * Makes a client; it connects when it is first used.
   *
   * @param discovery Which servers there are.
   * @param options Policy, and how to connect.
   * @throws {RpcError} `invalid_argument` for an unknown mode.
   */
  constructor(discovery: Discovery, options: XClientOptions = {}) {
    this.#discovery = discovery;
    this.#options = options;
    this.#selector = createSelector(options.mode ?? SelectMode.RoundRobin, options.random);
    const clock = options.clock ?? systemClock;
    this.#context = { clock, deadlines: new Deadlines(clock), signals: new AbortListeners() };
  }

  /**
   * Calls a method on one server.
   *
   * @typeParam T What it replies.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Signal, timeout and metadata.
   * @returns Its reply.
   * @throws {RpcError} `unavailable` if there is no server or it can't be reached;
   * what the server answered otherwise. It names the server.
   * @throws {TimeoutError} If there is no reply within `timeoutMs`, dialling included.
   * @throws The signal's reason, if it aborts.
   */
  call<T = unknown>(
    serviceMethod: string,
    args?: unknown,
    options: CallOptions = {},
  ): Promise<T> {
    let members: readonly Member[] | undefined;
    try {
      members = this.#present();
    } catch (error) {
      return Promise.reject(error); // the discovery's list is wrong
    }
    if (members === undefined) {
      return this.#ask().then((asked) => this.#callOne(asked, serviceMethod, args, options));
    }
    return this.#callOne(members, serviceMethod, args, options);
  }

  /**
   * A typed view of a service.
   *
   * @typeParam T The service's methods as the servers have them.
   * @param name The service's name.
   * @returns A view whose methods make calls.
   *
   * @example
   * ```ts ignore
   * const arith = xclient.service<Arith>("Arith");
   * const sum = await arith.Sum({ A: 1, B: 2 });
   * ```
   */
  service<T>(name: string): Service<T>;
  /**
   * A typed view of a service whose types are said by a schema, as gob needs
   * them; TypeScript's follow from it.
   *
   * @typeParam S The schema's type.
   * @param name The service's name.
   * @param schema What its methods take and give, made by `gob.service`.
   * @returns A view whose methods make calls.
   */
  service<S extends ServiceSchema>(name: string, schema: S): Service<CallsOf<S>>;
  service(name: string, schema?: ServiceSchema): Service<unknown> {
    return serviceView(name, (method, args, options) => this.call(method, args, options), schema);
  }

  /**
   * Calls a method on every server at once. All must succeed: the first
   * failure cancels the other calls and is what this rejects with.
   *
   * @typeParam T What it replies.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Signal, timeout for all of it, and metadata.
   * @returns The reply of the server that answered first.
   * @throws {RpcError} The first failure, naming its server; `unavailable` if
   * there are no servers.
   * @throws {TimeoutError} If not all have answered within `timeoutMs`.
   * @throws The signal's reason, if it aborts.
   *
   * @example
   * ```ts ignore
   * await xclient.broadcast("Cache.Flush", { key: "user-7" }, { timeoutMs: 2000 });
   * ```
   */
  async broadcast<T = unknown>(
    serviceMethod: string,
    args?: unknown,
    options: CallOptions = {},
  ): Promise<T> {
    const { signal, timeoutMs = Infinity, meta, schema } = options;
    signal?.throwIfAborted();
    const members = this.#present() ?? await this.#ask();
    if (members.length === 0) throw this.#noServers();

    const linked = new AbortController();
    const link = { abort: (reason: unknown) => linked.abort(reason) };
    if (signal?.aborted) linked.abort(signal.reason);
    else if (signal !== undefined) this.#context.signals.add(signal, link);
    const waitingFor = new Set(members.map((member) => member.address));
    let first: { reply: T } | undefined;
    const calls = members.map(async (member) => {
      const reply = await this.#callMember<T>(member, serviceMethod, args, {
        signal: linked.signal,
        timeoutMs: timeoutMs === Infinity ? undefined : timeoutMs,
        meta,
        schema,
      });
      first ??= { reply };
      waitingFor.delete(member.address);
    });
    try {
      // Longer timers than the runtimes have are left to the calls themselves.
      const limitMs = timeoutMs > LONGEST_TIMER_MS ? Infinity : timeoutMs;
      await deadline(Promise.all(calls), limitMs, { signal: linked.signal });
      return first!.reply;
    } catch (error) {
      const reason = isTimeout(error) && error !== signal?.reason
        ? new TimeoutError(
          `${serviceMethod}: no reply within ${timeoutMs} ms from ${[...waitingFor].join(", ")}`,
          { serviceMethod },
        )
        : error;
      linked.abort(reason);
      throw reason;
    } finally {
      if (signal !== undefined) this.#context.signals.remove(signal, link);
    }
  }

  /**
   * Ends every connection, and every dial that is under way. Idempotent.
   *
   * @param options `graceMs`: how long calls in flight may take to end.
   * Default 0: they fail at once, as `canceled`.
   * @returns Resolves when all is over.
   */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(options.graceMs ?? 0);
    return this.#closed;
  }

  /** Lets calls in flight end, for ten seconds at most, then closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ graceMs: DISPOSE_GRACE_MS });
  }

  async #close(graceMs: number): Promise<void> {
    this.#watching.abort();
    const members = [...this.#members, ...this.#leaving];
    await Promise.all(members.map((member) => member.close(graceMs)));
    this.#context.deadlines.clear();
  }

  #callOne<T>(
    members: readonly Member[],
    serviceMethod: string,
    args: unknown,
    options: CallOptions,
  ): Promise<T> {
    const member = this.#selector.pick(members);
    if (member === undefined) return Promise.reject(this.#noServers());
    return this.#callMember(member, serviceMethod, args, options);
  }

  #callMember<T>(
    member: Member,
    serviceMethod: string,
    args: unknown,
    options: CallOptions,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const settler = { resolve: resolve as Settler["resolve"], reject };
      new FleetCall(this.#context, serviceMethod, args, options, settler).start(member);
    });
  }

  #noServers(): RpcError {
    if (this.#closed === undefined) return noServers();
    return new RpcError("canceled", "the client is closed", { execution: "not_sent" });
  }

  /** The servers, if they are known without waiting. */
  #present(): readonly Member[] | undefined {
    if (this.#closed) return [];
    const { current } = this.#discovery;
    if (current === undefined) return undefined;
    if (current !== this.#servers) this.#reconcile(current);
    return this.#members;
  }

  /** The servers, asked for. */
  async #ask(): Promise<readonly Member[]> {
    this.#reconcile(await this.#discovery.getAll());
    return this.#members;
  }

  /** Keeps who stays, lets go who leaves, takes in who joins. */
  #reconcile(servers: readonly string[]): void {
    if (this.#closed || isSame(servers, this.#servers)) return;
    const before = new Map(this.#members.map((member) => [member.address, member]));
    const members = new Map<string, Member>();
    for (const server of servers) {
      const endpoint = parseAddress(server);
      const member = before.get(endpoint.address) ?? new Member(endpoint, this.#options);
      member.endpoint = endpoint;
      before.delete(endpoint.address);
      members.set(endpoint.address, member);
    }
    this.#servers = servers;
    this.#members = [...members.values()];
    for (const member of before.values()) {
      this.#leaving.add(member);
      member.leave().then(() => this.#leaving.delete(member));
    }
    this.#watch();
  }

  /** Hears of changes also while no calls are made, so that who leaves is let go. */
  async #watch(): Promise<void> {
    if (this.#watched || this.#discovery.watch === undefined) return;
    this.#watched = true;
    try {
      for await (const servers of this.#discovery.watch(this.#watching.signal)) {
        this.#reconcile(servers);
      }
    } catch {
      // A source that can't be watched is asked for each call.
      this.#watched = false;
    }
  }
}

function isSame(one: readonly string[], other: readonly string[] | undefined): boolean {
  return one === other ||
    one.length === other?.length && one.every((server, place) => server === other[place]);
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}
