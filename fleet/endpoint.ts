/**
 * One server of the fleet, as an `XClient` sees it: its endpoint, its live
 * figures and health, its one connection, and the dial that is under way.
 *
 * @module
 */

import type { ParsedAddress } from "../address.ts";
import type { ClientOptions } from "../client.ts";
import type { ClientConnection as Client } from "../connection/client_connection.ts";
import { dialConnection as dial } from "../connection/dial.ts";
import { type RpcCode, RpcError } from "../errors.ts";
import { Health, type HealthOptions } from "./health.ts";
import { type InFlight, Load } from "./load.ts";
import { redialMs } from "./retry.ts";
import type { EndpointView, Random } from "../selector.ts";

/** What happens to a server, as `XClientOptions.onEvent` is told. */
export type EndpointEvent =
  | "joined"
  | "left"
  | "connected"
  | "unreachable"
  | "disconnected"
  | "ejected"
  | "restored"
  | "stalled"
  | "resumed";

/** What an endpoint needs of its `XClient`. */
export interface EndpointHost {
  /** How to connect. */
  readonly options: ClientOptions;
  /** When it is left out for failures. */
  readonly health: Required<HealthOptions>;
  /** Where backoff takes chance from. */
  readonly random: Random;
  /** The present time, in milliseconds. */
  nowMs(): number;
  /** Something has happened to it. */
  tell(endpoint: Endpoint, event: EndpointEvent, cause?: unknown): void;
}

/** How long a first dial may take before calls go elsewhere, in milliseconds. */
const DIAL_PATIENCE_MS = 500;

/** One server and the one connection to it. */
export class Endpoint extends Load implements EndpointView {
  /** What tells it from the others. */
  readonly address: string;
  /** Its address, taken apart; its metadata may change. */
  parsed: ParsedAddress;
  /** Whether its calls have been failing. */
  readonly health: Health;
  /** The call that decides whether it is let back in: on its way, or the next one to begin. */
  trial: InFlight | "next" | undefined;
  /** Whether it ought to be left out, but too many are already. */
  isCondemned = false;
  /** Whether the connection that is being lost takes calls along. */
  hasLostCalls = false;
  /** Whether it was asked for a sign of life and gave none. */
  stalled = false;
  /** Whether its last dial failed, the one before the present connection if there is one. */
  wasUnreachable = false;
  readonly #host: EndpointHost;
  /** Why it is closed, if it is. */
  #over: RpcError | undefined;
  /** What ends the dial that is under way. */
  #giveUp: AbortController | undefined;
  /** The present connection, and those before it whose last calls have not ended. */
  readonly #clients = new Set<Client>();
  #client: Client | undefined;
  #dialing: Promise<Client> | undefined;
  #dialingSinceMs = 0;
  /** How many dials have failed in a row. One that is never heard from has failed. */
  #dialFailures = 0;
  #redialAtMs = 0;
  /** Whether it never failed to connect and never lost a connection since. */
  #fresh = true;
  #left: (() => void) | undefined;

  /**
   * @param parsed Its address, taken apart.
   * @param host What it needs of its `XClient`.
   */
  constructor(parsed: ParsedAddress, host: EndpointHost) {
    super();
    this.address = parsed.address;
    this.parsed = parsed;
    this.#host = host;
    this.health = new Health(host.health);
  }

  /** Its share of the calls, relative to the others'. */
  get weight(): number {
    return this.parsed.weight;
  }

  /** The connection, if there is one that takes calls. */
  get client(): Client | undefined {
    return this.#client?.available ? this.#client : undefined;
  }

  /** The connection and those before it whose last calls have not ended. */
  get clients(): Iterable<Client> {
    return this.#clients;
  }

  /** Whether a call can be on its way to it at once, or behind a first dial. */
  isReachable(nowMs: number): boolean {
    if (this.#client !== undefined) return this.#client.available;
    if (!this.#fresh) return false;
    return this.#dialing === undefined || nowMs - this.#dialingSinceMs < DIAL_PATIENCE_MS;
  }

  /** Whether it may be dialled: no dial is under way, and the last failure is long enough ago. */
  isDialDue(nowMs: number): boolean {
    return this.client === undefined && this.#dialing === undefined &&
      nowMs >= this.#redialAtMs;
  }

  /** Whether a dial is under way. */
  get isDialling(): boolean {
    return this.#dialing !== undefined;
  }

  /** Whether its calls fail, be it left out for it or not. */
  isUnhealthy(nowMs: number): boolean {
    return this.isCondemned || this.health.state(nowMs) !== "healthy";
  }

  /** Ends the pause behind dials that have failed: there is reason to hope. */
  redialSoon(): void {
    this.#redialAtMs = 0;
  }

  /**
   * The connection, dialled if need be. All who wait share one dial, and none
   * of them can end it for the others.
   *
   * @returns A client that takes calls.
   * @throws {RpcError} What `dial` throws.
   */
  connect(): Promise<Client> {
    const { client } = this;
    if (client !== undefined) return Promise.resolve(client);
    if (this.#dialing === undefined) {
      this.#dialingSinceMs = this.#host.nowMs();
      this.#dialing = this.#dial().finally(() => this.#dialing = this.#giveUp = undefined);
    }
    return this.#dialing;
  }

  async #dial(): Promise<Client> {
    if (this.#over !== undefined) throw this.#over;
    this.#giveUp = new AbortController();
    const { signal } = this.#giveUp;
    const { protocol } = this.parsed.metadata;
    const address = protocol === undefined
      ? this.address
      : `${this.address}?${new URLSearchParams({ protocol })}`;
    // A call that finds no other server dials before it is due: that is no further failure.
    const isDue = this.#host.nowMs() >= this.#redialAtMs;
    let client: Client;
    try {
      client = await dial(address, { ...this.#host.options, signal });
    } catch (error) {
      this.#fresh = false;
      this.wasUnreachable = true;
      if (isDue) this.#backOff();
      if (!signal.aborted) this.#host.tell(this, "unreachable", error);
      throw error;
    }
    this.#clients.add(client);
    client.closed.then(() => this.#closed(client));
    if (signal.aborted) {
      await client.close();
      throw signal.reason;
    }
    this.#client = client;
    this.#fresh = true;
    this.stalled = false;
    this.#host.tell(this, "connected");
    return client;
  }

  #closed(client: Client): void {
    this.#clients.delete(client);
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#fresh = false;
    this.stalled = this.wasUnreachable = false;
    if (client.heard > 0) this.#dialFailures = this.#redialAtMs = 0;
    else this.#backOff();
    if (this.#over === undefined) this.#host.tell(this, "disconnected");
  }

  #backOff(): void {
    this.#dialFailures++;
    this.#redialAtMs = this.#host.nowMs() + redialMs(this.#dialFailures, this.#host.random());
  }

  /** Its last call has ended: a server that has left is let go then. */
  idle(): void {
    this.#left?.();
  }

  /**
   * The server has left the list: its calls end, then its connection.
   *
   * @returns Resolves when all is over.
   */
  async leave(): Promise<void> {
    if (this.inFlight > 0) await new Promise<void>((resolve) => this.#left = resolve);
    // Calls may come nevertheless: those that were between two tries, or have chosen it before.
    this.#over ??= this.#ending("unavailable", "the server has left the list");
    await this.close();
  }

  /**
   * Ends the dial and the connection.
   *
   * @param graceMs How long calls in flight may take to end. Default 0.
   * @returns Resolves when both are over.
   */
  async close(graceMs = 0): Promise<void> {
    this.#over ??= this.#ending("canceled", "the client was closed while it dialled");
    this.#giveUp?.abort(this.#over);
    await Promise.all([...this.#clients].map((client) => client.close({ graceMs })));
    await this.#dialing?.catch(() => {});
  }

  #ending(code: RpcCode, why: string): RpcError {
    const { address } = this;
    return new RpcError(code, `${address}: ${why}`, { address, execution: "not_sent" });
  }
}
