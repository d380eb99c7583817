/**
 * This file is one class: the connection to one endpoint, dialled when it is
 * needed, once for all calls that need it, after failures not before a backoff
 * has passed, and anew beside a connection that gives no sign of life.
 *
 * @module
 */

import type { ClientOptions } from "../connection/client_options.ts";
import type { ClientConnection } from "../connection/client_connection.ts";
import { dialConnection } from "../connection/dial.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { RpcError } from "../errors.ts";
import { type Backoff, backoffMs } from "../internal/backoff.ts";
import { atFaultPoint } from "../internal/fault_points.ts";
import { sleep } from "../internal/time.ts";
import type { Random } from "../selector.ts";
import type { ConnectorEvent } from "./events.ts";

/** How long a call waits for a dial before it looks elsewhere, in milliseconds. */
export const SLOW_DIAL_MS = 500;

/**
 * How long an endpoint is not dialled after a dial that failed: 1 s, then 1.6
 * times longer each time, at most 100 s, all ± 20 %. Source: gRPC's connection
 * backoff.
 */
export const REDIAL_BACKOFF: Backoff = {
  firstMs: 1000,
  maxMs: 100_000,
  factor: 1.6,
  jitter: { least: 0.8, range: 0.4 },
};

/**
 * How long an endpoint that drains is not dialled: it is going away, and a new
 * connection could come to its listener just before that closes. Longer if it
 * drains again before it has answered a call.
 */
export const DRAIN_BACKOFF: Backoff = {
  firstMs: 250,
  maxMs: 10_000,
  jitter: { least: 0.8, range: 0.4 },
};

/**
 * - `idle`: it was never dialled.
 * - `dialling`: a dial is under way, perhaps beside a connection that drains,
 *   or begins when an endpoint that drains has had some time.
 * - `ready`: it has a connection, which takes calls unless it drains.
 * - `backing off`: the last dial failed or the last connection was lost; it is
 *   dialled again when it is due, which may be at once.
 */
export type ConnectorState = "idle" | "dialling" | "ready" | "backing off";

/** What a connector needs of its endpoint. */
export interface ConnectorHost {
  /** The address to dial, with the metadata that decides how. */
  readonly dialAddress: string;
  /** How to connect. */
  readonly options: ClientOptions;
  /** Where backoff takes chance from. */
  readonly random: Random;
  /** Where the time comes from. */
  readonly clock: Pick<Clock, "now">;
  /** A connection has been opened: it is to be watched for silence. */
  connectionOpened(client: ClientConnection): void;
  /** Something has happened to the connection. Called when the state is up to date. */
  connectionChanged(event: ConnectorEvent, cause?: unknown): void;
  /** A new connection has taken the place of a silent one, whose calls are still in flight. */
  connectionReplaced(): void;
  /** The server tells how many calls run or wait there, and how many of them are the connection's. */
  connectionLoaded(load: number, own: number): void;
}

/** A dial beside a silent connection. */
interface Beside {
  readonly abort: AbortController;
  /** The connection, once there is one. */
  client: ClientConnection | undefined;
}

const NOT_NEEDED = "this connection is not needed";

/** Dials, and owns the present connection and those before it that still drain. */
export class Connector {
  readonly #host: ConnectorHost;
  #state: ConnectorState = "idle";
  /** The present connection; it may drain. */
  #client: ClientConnection | undefined;
  /** The present connection, and those before it whose last calls have not ended: when each opened. */
  readonly #clients = new Map<ClientConnection, number>();
  #dial: Promise<ClientConnection> | undefined;
  /** When the first dial of all began; `-Infinity` for every other. */
  #firstDialAtMs = -Infinity;
  /** Ends the dial that is under way, and what still waits behind one before it. */
  #dialAbort: AbortController | undefined;
  /** How many dials in a row have failed, or led to a connection that was lost in silence. */
  #dialFailures = 0;
  #redialAtMs = 0;
  /** How many connections in a row have been drained before they had answered a call. */
  #drains = 0;
  /** Until when no dial begins because the endpoint drains. */
  #drainsUntilMs = -Infinity;
  #wasUnreachable = false;
  #isStalled = false;
  /** Those of `#clients` that were silent when another one took their place. */
  readonly #replaced = new Set<ClientConnection>();
  /** The dial beside a silent connection, and what it has led to while that is not proven to live. */
  #beside: Beside | undefined;
  /** How many of these there were since a present connection was heard, and when the next may be. */
  #besideCount = 0;
  #besideAtMs = 0;
  /** Why it is closed, if it is. */
  #closeReason: RpcError | undefined;

  /** @param host What it needs of its endpoint. */
  constructor(host: ConnectorHost) {
    this.#host = host;
  }

  /** Its state. */
  get state(): ConnectorState {
    return this.#state;
  }

  /** The present connection, if it takes calls. */
  get client(): ClientConnection | undefined {
    return this.#client?.available ? this.#client : undefined;
  }

  /** The present connection and those before it whose last calls have not ended. */
  get clients(): Iterable<ClientConnection> {
    return this.#clients.keys();
  }

  /** Whether the present connection was asked for a sign of life and gave none. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Whether a dial failed before the present connection came about, or the last one did. */
  get wasUnreachable(): boolean {
    return this.#wasUnreachable;
  }

  /**
   * Whether a call can be sent at once, or behind a first dial that is not slow.
   *
   * @param nowMs The present time.
   */
  isReachable(nowMs: number): boolean {
    if (this.#client !== undefined) return this.#client.available;
    if (this.#state === "dialling") return nowMs - this.#firstDialAtMs < SLOW_DIAL_MS;
    return this.#state === "idle";
  }

  /**
   * Whether it is to be dialled: it has no connection that takes calls, and its backoff is over.
   *
   * @param nowMs The present time.
   */
  isDialDue(nowMs: number): boolean {
    return this.client === undefined && this.#state !== "dialling" &&
      nowMs >= this.#redialAtMs && nowMs >= this.#drainsUntilMs;
  }

  /** Ends the backoff after failures: there is reason to hope. One that drains still has its time. */
  redialSoon(): void {
    this.#redialAtMs = 0;
  }

  /**
   * Connects if there is no connection that takes calls; to an endpoint that
   * drains, once it has had some time. Calls share one dial, and none of them
   * can end it for the others.
   *
   * @returns A client that takes calls.
   * @throws {RpcError} What `dial` throws, or why the connector is closed.
   */
  connect(): Promise<ClientConnection> {
    const { client } = this;
    if (client !== undefined) return Promise.resolve(client);
    if (this.#closeReason !== undefined) return Promise.reject(this.#closeReason);
    if (this.#state === "dialling") return this.#dial!;
    this.#firstDialAtMs = this.#state === "idle" ? this.#host.clock.now() : -Infinity;
    this.#state = "dialling";
    return this.#dial = this.#connect();
  }

  /**
   * A connection has given no sign of life.
   *
   * @param client The connection.
   * @returns Whether that is news of the present connection. One that drains is
   * not used anyway, and says nothing of the one that follows it.
   */
  stall(client: ClientConnection): boolean {
    if (client !== this.client || this.#isStalled) return false;
    this.#isStalled = true;
    this.#host.connectionChanged("stalled");
    return true;
  }

  /**
   * A connection has given a sign of life.
   *
   * @param client The connection.
   */
  resume(client: ClientConnection): void {
    this.#replaced.delete(client);
    if (client !== this.client) return;
    if (client.heard > 0) this.#besideCount = 0;
    if (!this.#isStalled) return;
    this.#isStalled = false;
    this.#giveUpBeside();
    this.#host.connectionChanged("resumed");
  }

  /**
   * Whether calls on a connection are not expected to be answered.
   *
   * @param client The connection; `undefined` for the one that is dialled.
   */
  isSilent(client: ClientConnection | undefined): boolean {
    if (client !== undefined && client !== this.#client) return this.#replaced.has(client);
    return this.#isStalled;
  }

  /**
   * A connection is silent: another one is dialled beside it. It takes the
   * place of the silent one once it is proven to live, or is there, if the
   * protocol has no way to ask. Called again as long as the silence lasts.
   *
   * @param client The silent connection.
   * @param isSlow Whether it may only be slow, so that one other connection is enough.
   */
  replace(client: ClientConnection, isSlow: boolean): void {
    const beside = this.#beside;
    if (client === beside?.client) return this.#giveUpBeside(); // it is silent, too: the server stands still
    if (client !== this.client || beside !== undefined || this.#closeReason !== undefined) return;
    if (isSlow && this.#clients.size > 1) return;
    const { clock, random } = this.#host;
    const nowMs = clock.now();
    if (nowMs < this.#besideAtMs) return;
    this.#besideAtMs = nowMs + backoffMs(REDIAL_BACKOFF, this.#besideCount++, random());
    this.#dialBeside(client);
  }

  /**
   * Ends the dial and all connections. Idempotent: the first reason stays.
   *
   * @param reason What dials fail with from now on.
   * @param graceMs How long calls in flight may take to end.
   * @returns Resolves when all is over.
   */
  async close(reason: RpcError, graceMs: number): Promise<void> {
    this.#closeReason ??= reason;
    this.#dialAbort?.abort(this.#closeReason);
    this.#giveUpBeside();
    await Promise.all([...this.#clients.keys()].map((client) => client.close({ graceMs })));
    await this.#dial?.catch(() => {});
  }

  async #connect(): Promise<ClientConnection> {
    const host = this.#host;
    const { signal } = this.#dialAbort ??= new AbortController();
    const drainsForMs = this.#drainsUntilMs - host.clock.now();
    if (drainsForMs > 0) await sleep(host.options.clock ?? systemClock, drainsForMs, signal);
    // A call that finds no other server dials before it is due: that is no further failure.
    const isDue = host.clock.now() >= this.#redialAtMs;
    let client: ClientConnection;
    try {
      client = await this.#open(signal);
    } catch (error) {
      this.#dialFailed(isDue);
      if (!signal.aborted) host.connectionChanged("unreachable", error);
      throw error;
    }
    this.#add(client);
    if (signal.aborted) {
      this.#state = "backing off";
      await client.close();
      throw signal.reason;
    }
    this.#client = client;
    this.#state = "ready";
    this.#isStalled = false;
    host.connectionChanged("connected");
    const wait = atFaultPoint("dial_shared", signal);
    if (wait !== undefined) await wait;
    return client;
  }

  async #dialBeside(silent: ClientConnection): Promise<void> {
    const abort = new AbortController();
    const beside: Beside = this.#beside = { abort, client: undefined };
    let client: ClientConnection;
    try {
      client = await this.#open(abort.signal);
    } catch {
      if (this.#beside === beside) this.#beside = undefined;
      return; // the silent connection is still there
    }
    this.#add(client);
    if (this.#beside !== beside) return client.retire(NOT_NEEDED);
    beside.client = client;
    const heard = () => {
      if (this.#beside !== beside) return;
      this.#beside = undefined;
      if (client.available) this.#takePlace(client, silent);
    };
    if (!client.ping({ resolve: heard, reject: heard })) heard();
  }

  #takePlace(client: ClientConnection, silent: ClientConnection): void {
    if (this.client !== undefined && this.#client !== silent || this.#state === "dialling") {
      return client.retire(NOT_NEEDED); // another dial was quicker
    }
    const isReplaced = this.#client === silent;
    const wasStalled = this.#isStalled;
    this.#client = client;
    this.#state = "ready";
    this.#isStalled = false;
    if (!isReplaced) return this.#host.connectionChanged("connected");
    silent.retire("another connection has taken the place of this one, which is silent");
    if (!wasStalled) return; // its calls may only take long
    this.#replaced.add(silent);
    this.#host.connectionChanged("resumed");
    this.#host.connectionReplaced();
  }

  #giveUpBeside(): void {
    const beside = this.#beside;
    this.#beside = undefined;
    beside?.abort.abort(new Error(NOT_NEEDED));
    beside?.client?.giveUp(NOT_NEEDED);
  }

  #add(client: ClientConnection): void {
    this.#clients.set(client, this.#host.clock.now());
    client.closed.then(() => this.#lost(client));
    this.#host.connectionOpened(client);
  }

  /** Connects, with an ear for what the server says of itself. */
  async #open(signal: AbortSignal): Promise<ClientConnection> {
    const { dialAddress, options } = this.#host;
    let client: ClientConnection | undefined;
    const opened = await dialConnection(dialAddress, { ...options, signal }, {
      drained: () => this.#drained(client),
      loaded: (load, own) => {
        // Of a connection that has been replaced, the server may be another one.
        if (client === this.#client) this.#host.connectionLoaded(load, own);
      },
    });
    const wait = atFaultPoint("dial_opened", signal);
    if (wait !== undefined) await wait;
    return client = opened;
  }

  /** The server says that it takes no new calls: on the newest connection, or while that is made. */
  #drained(client: ClientConnection | undefined): void {
    if (client !== undefined && client !== this.#client && client !== this.#beside?.client) return;
    if (client?.hasAnswered) this.#drains = 0;
    const { clock, random } = this.#host;
    this.#drainsUntilMs = clock.now() + backoffMs(DRAIN_BACKOFF, this.#drains++, random());
  }

  #dialFailed(isDue: boolean): void {
    this.#state = "backing off";
    this.#wasUnreachable = true;
    if (isDue) this.#backOff();
  }

  #lost(client: ClientConnection): void {
    const livedMs = this.#host.clock.now() - this.#clients.get(client)!;
    this.#clients.delete(client);
    this.#replaced.delete(client);
    if (this.#client !== client) return;
    this.#client = undefined;
    if (this.#state === "ready") this.#state = "backing off";
    this.#isStalled = this.#wasUnreachable = false;
    // Not by its first bytes alone: a peer that is no server of ours may greet, and close.
    const hasServed = client.hasAnswered || livedMs >= REDIAL_BACKOFF.firstMs;
    if (hasServed) this.#dialFailures = this.#redialAtMs = 0;
    else if (!client.isDrained) this.#backOff();
    if (this.#closeReason === undefined) this.#host.connectionChanged("disconnected");
  }

  #backOff(): void {
    const { clock, random } = this.#host;
    const waitMs = backoffMs(REDIAL_BACKOFF, this.#dialFailures++, random());
    this.#redialAtMs = clock.now() + waitMs;
  }
}
