/**
 * This file is one class: an endpoint, with its load, its health, its connection.
 *
 * @module
 */

import type { ParsedAddress } from "../address.ts";
import type { ClientOptions } from "../connection/client_options.ts";
import type { ClientConnection } from "../connection/client_connection.ts";
import type { Liveness, SilenceListener } from "../connection/liveness.ts";
import type { Clock } from "../clock.ts";
import { type RpcCode, RpcError } from "../errors.ts";
import type { EndpointView, Random } from "../selector.ts";
import { Connector, type ConnectorHost } from "./connector.ts";
import type { ConnectorEvent, EndpointEvent } from "./events.ts";
import { Health, type HealthOptions } from "./health.ts";
import { type InFlight, Load, type Outcome } from "./load.ts";
import { Pulse } from "./pulse.ts";
import type { Askable, Reports } from "./reports.ts";

/** What happens to an endpoint, and what only its fleet learns of. */
export type EndpointChange = EndpointEvent | "condemned" | "busy";

/** What an endpoint needs of its fleet. */
export interface EndpointHost {
  /** How to connect. */
  readonly options: ClientOptions;
  /** When it is ejected for its failures. */
  readonly health: Required<HealthOptions>;
  /** Where backoff takes chance from. */
  readonly random: Random;
  /** Where the time comes from. */
  readonly clock: Pick<Clock, "now">;
  /** Watches connections for silence. */
  readonly liveness: Pick<Liveness, "watch">;
  /** What all servers tell of their load. */
  readonly reports: Reports;
  /** Whether one more endpoint may be ejected. */
  mayEject(endpoint: Endpoint, nowMs: number): boolean;
  /** Something has happened to an endpoint. Called when its state is up to date. */
  endpointChanged(endpoint: Endpoint, event: EndpointChange, cause?: unknown): void;
}

/** A call that ends at an endpoint. */
export interface EndedCall extends InFlight {
  /** The connection that it was sent on; `undefined` if it never was. */
  readonly client: ClientConnection | undefined;
}

/** One endpoint: its load, its health, its connection. */
export class Endpoint extends Load
  implements EndpointView, ConnectorHost, SilenceListener, Askable {
  /** Its address, without metadata: the key by which lists are compared. */
  readonly address: string;
  /** Whether its calls have been failing. */
  readonly health: Health;
  /** Its connection. */
  readonly connector: Connector;
  /** Its share of the calls, relative to the others': what is listed, less in its slow start. */
  weight: number;
  /** Which part of its listed weight counts: 1, but for its slow start. */
  share = 1;
  /** Since when it has been there without a break; `-Infinity`: it was always there. */
  cameAtMs = -Infinity;
  readonly #host: EndpointHost;
  #parsed: ParsedAddress;
  /** Whether it has been connected before. */
  #wasConnected = false;
  /** Whether calls have failed because the present connection is being lost. */
  #hasLostCalls = false;
  readonly #pulse: Pulse;
  /** Resolves `leave` when the last call has ended. */
  #onIdle: (() => void) | undefined;

  /**
   * @param parsed Its address, taken apart.
   * @param host What it needs of its fleet.
   * @param health Its health when it was listed before. Default: it is healthy.
   */
  constructor(parsed: ParsedAddress, host: EndpointHost, health = new Health(host.health)) {
    super();
    this.address = parsed.address;
    this.#parsed = parsed;
    this.weight = parsed.weight;
    this.#host = host;
    this.health = health;
    this.connector = new Connector(this);
    this.#pulse = new Pulse(host.clock);
  }

  /** Its weight as it is listed. */
  get listedWeight(): number {
    return this.#parsed.weight;
  }

  /** Where it is; empty if the list does not say. */
  get zone(): string {
    return this.#parsed.metadata.zone ?? "";
  }

  /** The connection, if there is one that takes calls. */
  get client(): ClientConnection | undefined {
    return this.connector.client;
  }

  get dialAddress(): string {
    const { protocol, path } = this.#parsed.metadata;
    if (protocol === undefined && path === undefined) return this.address;
    const how = Object.entries({ protocol, path }).filter(([, value]) => value !== undefined);
    return `${this.address}?${new URLSearchParams(how as [string, string][])}`;
  }

  get options(): ClientOptions {
    return this.#host.options;
  }

  get random(): Random {
    return this.#host.random;
  }

  get clock(): Pick<Clock, "now"> {
    return this.#host.clock;
  }

  /**
   * Whether a call can be sent to it at once, and will be read there.
   *
   * @param nowMs The present time.
   */
  isFit(nowMs: number): boolean {
    return !this.connector.isStalled && this.connector.isReachable(nowMs);
  }

  /**
   * It is listed with metadata that may have changed.
   *
   * @param parsed Its address, taken apart.
   */
  relist(parsed: ParsedAddress): void {
    this.#parsed = parsed;
    this.weight = parsed.weight * this.share;
  }

  /**
   * It is new in the list, or is there again: a slow start begins, if there is such a thing.
   *
   * @param nowMs The present time.
   */
  arrive(nowMs: number): void {
    this.cameAtMs = nowMs;
  }

  /**
   * Sets which part of its weight counts.
   *
   * @param share From 0 to 1, or a bit more for a pick.
   * @returns Whether it was another one.
   */
  setShare(share: number): boolean {
    if (share === this.share) return false;
    this.share = share;
    this.weight = this.#parsed.weight * share;
    return true;
  }

  override begin(call: InFlight, nowMs: number): void {
    super.begin(call, nowMs);
    this.health.begin(call);
  }

  /**
   * A call that was sent has ended.
   *
   * @param call A call that has begun.
   * @param nowMs The present time.
   * @param outcome How it ended, as far as the endpoint is to blame.
   * @param roomInMs If it was refused: when there may be room, if the endpoint has said so.
   */
  override end(call: EndedCall, nowMs: number, outcome: Outcome, roomInMs?: number): void {
    super.end(call, nowMs, outcome, roomInMs);
    if (outcome === "success") {
      const { reportedLoad } = this;
      // What is told only when it changes is confirmed by a reply that does not tell it.
      if (reportedLoad !== undefined && nowMs > this.reportedAtMs) {
        this.#host.reports.observe(this.report(reportedLoad, this.inFlight, nowMs));
      }
    }
    this.#judge(call, nowMs, outcome, roomInMs);
    this.#ended(call);
  }

  override beginStream(stream: InFlight, nowMs: number): void {
    super.beginStream(stream, nowMs);
    // No trial: how long it takes until its first item says nothing, and the next call is to be one.
    this.health.begin(stream);
    this.health.end(stream);
  }

  /**
   * A stream has brought its first item: its endpoint is well, however long the stream will last.
   *
   * @param stream A stream that has begun.
   * @param nowMs The present time.
   */
  streamOpened(stream: EndedCall, nowMs: number): void {
    this.#judge(stream, nowMs, "success");
  }

  override endStream(stream: EndedCall, nowMs: number, outcome: Outcome): void {
    super.endStream(stream, nowMs, outcome);
    this.#judge(stream, nowMs, outcome);
    this.#ended(stream);
  }

  override endUnsent(call: EndedCall, hasFailed: boolean): void {
    super.endUnsent(call, hasFailed);
    this.#ended(call);
  }

  connectionAlive(client: ClientConnection): void {
    this.connector.resume(client);
  }

  connectionSilent(client: ClientConnection, verdict: "slow" | "stalled"): void {
    if (verdict === "stalled" && this.connector.stall(client)) this.#tellCalls();
    this.connector.replace(client, verdict === "slow");
  }

  connectionOpened(client: ClientConnection): void {
    this.#host.liveness.watch(client, this);
  }

  connectionReplaced(): void {
    this.#tellCalls();
  }

  connectionLoaded(load: number, own: number): void {
    const { reports, clock } = this.#host;
    reports.observe(this.report(load, own, clock.now()));
  }

  /** From when on it is late with the answer to a ping; `Infinity` if it owes none. */
  get lateAtMs(): number {
    return this.#pulse.lateAtMs;
  }

  /** How long the answer to a ping takes; 0 while it is not known. */
  get roundTripMs(): number {
    return this.#pulse.roundTripMs;
  }

  /** Whether a ping can tell its load, and none is under way. */
  get isAskable(): boolean {
    return this.#pulse.canAsk(this.client);
  }

  /** Sends it a ping, if it has a connection. */
  ask(): void {
    const { client } = this;
    if (client !== undefined) this.#pulse.ask(client, this.latencyMs);
  }

  connectionChanged(event: ConnectorEvent, cause?: unknown): void {
    if (event !== "unreachable" && event !== "stalled") this.#pulse.forget();
    if (event === "disconnected") this.forgetReport();
    if (event === "connected") {
      // Not its first connection, or not at the first try: it was away.
      if (this.#wasConnected || this.connector.wasUnreachable) this.arrive(this.clock.now());
      this.#wasConnected = true;
    }
    if (event === "disconnected" && this.#hasLostCalls) {
      this.#hasLostCalls = false;
      this.#fail(this.#host.clock.now());
    }
    this.#host.endpointChanged(this, event, cause);
  }

  /**
   * It is listed no more: its calls end, then its connection.
   *
   * @returns Resolves when all is over.
   */
  async leave(): Promise<void> {
    // Again and again: calls that were between two attempts, or have picked it before, may
    // still come, also in the very turn in which the last one ends.
    while (this.inFlight > 0) await new Promise<void>((resolve) => this.#onIdle = resolve);
    await this.connector.close(this.#closed("unavailable", "the server has left the list"), 0);
  }

  /**
   * Ends its dial and its connections.
   *
   * @param graceMs How long calls in flight may take to end. Default 0.
   * @returns Resolves when all is over.
   */
  async close(graceMs = 0): Promise<void> {
    const reason = this.#closed("canceled", "the client was closed while it dialled");
    await this.connector.close(reason, graceMs);
  }

  /** The calls in flight on a silent connection learn of it. */
  #tellCalls(): void {
    for (const call of [...this.calls()]) call.endpointStalled();
  }

  /** What its end says of the endpoint's health. */
  #judge(call: EndedCall, nowMs: number, outcome: Outcome, roomInMs?: number): void {
    if (outcome === "success") {
      if (!this.health.succeed(nowMs)) return;
      this.arrive(nowMs);
      this.#host.endpointChanged(this, "restored");
    } else if (outcome === "failure") {
      // All calls that a lost connection takes along are one failure; none, if another
      // connection has followed it: the process there now is not to blame.
      if (call.client?.available) this.#fail(nowMs);
      else if (this.client === undefined) this.#hasLostCalls = true;
    } else if (outcome === "refused") {
      if (this.health.refuse(nowMs, roomInMs)) this.#eject(nowMs);
      else if (this.health.isBusy(nowMs)) this.#host.endpointChanged(this, "busy");
    } else if (outcome === "unexpected") this.#pulse.observe(nowMs - call.startedAtMs);
  }

  #fail(nowMs: number): void {
    if (this.health.fail(nowMs)) this.#eject(nowMs);
  }

  #eject(nowMs: number): void {
    const { health } = this;
    if (this.#host.mayEject(this, nowMs)) {
      health.eject(nowMs);
      this.#host.endpointChanged(this, "ejected");
    } else if (health.condemn()) {
      this.#host.endpointChanged(this, "condemned");
    }
  }

  #ended(call: EndedCall): void {
    this.health.end(call);
    if (this.inFlight === 0) this.#onIdle?.();
  }

  #closed(code: RpcCode, why: string): RpcError {
    const { address } = this;
    return new RpcError(code, `${address}: ${why}`, { address, execution: "not_sent" });
  }
}
