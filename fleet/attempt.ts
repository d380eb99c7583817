/**
 * One try of a call at one server, the dial included.
 *
 * @module
 */

import type { Abortable } from "../internal/abort.ts";
import type { ClientConnection as Client } from "../connection/client_connection.ts";
import type { Clock } from "../clock.ts";
import type { Deadlines, Expiring } from "../internal/deadlines.ts";
import type { RequestExtras } from "../protocol/codec.ts";
import { RpcError } from "../errors.ts";
import type { Fleet, JudgedCall } from "./fleet.ts";
import type { Liveness } from "./liveness.ts";
import type { InFlight, Outcome } from "./load.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Settler } from "../connection/pending_calls.ts";

/** How long a call waits for a dial before it looks elsewhere, in milliseconds. */
export const DIAL_PATIENCE_MS = 500;

/** What all tries of one `XClient` share. */
export interface TryContext {
  /** Who may be picked. */
  readonly fleet: Fleet;
  /** Who watches the connections on which calls wait. */
  readonly liveness: Liveness;
  /** Where timers come from. */
  readonly clock: Clock;
  /** What waits: for a dial, a backoff, a hedge. */
  readonly deadlines: Deadlines;
  /** Whether an error is the server's fault. */
  isFailure(error: unknown): boolean;
}

/** The call that a try is one of. */
export interface TryOwner {
  /** What it shares with others. */
  readonly context: TryContext;
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** Its argument. */
  readonly args: unknown;
  /** What goes along with each try: the metadata, and the time that is left. */
  extras(): RequestExtras;
  /** A try has been answered. */
  succeeded(one: Try, value: unknown): void;
  /** A try has failed. */
  failed(one: Try, error: unknown): void;
  /** A try's dial takes long. */
  impatient(one: Try): void;
  /** A try's server gives no sign of life. */
  stalled(one: Try): void;
  /** The error of a dial, which calls share, as this call's own. */
  undialled(error: unknown): unknown;
}

/** Something that happens later, unless it is called off. */
export class Later implements Expiring {
  waiting = false;

  /**
   * @param dueAt When, on the clock's scale.
   * @param expire What.
   */
  constructor(readonly dueAt: number, readonly expire: () => void) {}
}

/** One try of a call at one server. */
export class Try implements Settler, JudgedCall {
  /** When it was sent. While there is no connection yet: when it began to wait for one. */
  startedAtMs = 0;
  older: InFlight | undefined;
  newer: InFlight | undefined;
  client: Client | undefined;
  /** How far it has come. */
  phase: "dial" | "call" = "call";
  /** What it ended with, unless it succeeded. */
  error: unknown;
  /** How long it took to fail, the dial included. */
  tookMs: number | undefined;
  /** Whether it has ended. */
  over = false;
  /** When it began to wait for a connection, if it had to. */
  #dialledAtMs: number | undefined;
  #pending: Abortable | undefined;
  #patience: Later | undefined;

  /**
   * @param call What it is a try of.
   * @param endpoint Where.
   * @param why Why there.
   */
  constructor(readonly call: TryOwner, readonly endpoint: Endpoint, readonly why: string) {}

  /** Sends the call, behind a dial if need be. */
  start(): void {
    const { call, endpoint } = this;
    const nowMs = call.context.fleet.nowMs();
    endpoint.begin(this, nowMs);
    if (endpoint.trial === "next") endpoint.trial = this;
    const { client } = endpoint;
    if (client !== undefined) return this.#send(client);
    this.phase = "dial";
    this.#dialledAtMs = nowMs;
    this.bePatient();
    endpoint.connect().then((client) => {
      if (this.over) return;
      this.phase = "call";
      this.startedAtMs = call.context.fleet.nowMs();
      this.#send(client);
    }, (error) => this.reject(call.undialled(error)));
  }

  /** Waits on for the dial, but not for ever. */
  bePatient(): void {
    const { clock, deadlines } = this.call.context;
    this.#patience = new Later(clock.now() + DIAL_PATIENCE_MS, () => this.call.impatient(this));
    deadlines.add(this.#patience);
  }

  resolve(value: unknown): void {
    if (this.#end("success")) this.call.succeeded(this, value);
  }

  reject(error: unknown): void {
    if (this.#end(this.#outcome(error), error)) this.call.failed(this, error);
  }

  /** Gives it up: its call needs it no more, or has no time left. */
  giveUp(outcome: Outcome, error?: unknown): void {
    if (this.#end(outcome, error)) this.#pending?.abort(error);
  }

  /** The server has been found to give no sign of life. */
  stalled(): void {
    this.call.stalled(this);
  }

  #send(client: Client): void {
    if (this.#patience !== undefined) this.call.context.deadlines.remove(this.#patience);
    this.client = client;
    const { serviceMethod, args } = this.call;
    this.call.context.liveness.wake();
    this.#pending = client.send(serviceMethod, args, this.call.extras(), this);
    if (this.over) this.#pending?.abort(this.error); // given up by the argument's own doing
  }

  /** What an error says of the server. */
  #outcome(error: unknown): Outcome {
    if (error instanceof RpcError) {
      const { code, execution } = error;
      // It never saw the call, or we ended it ourselves.
      if (execution === "not_sent" || code === "canceled" && execution === "unknown") {
        return "given_up";
      }
    }
    return this.call.context.isFailure(error) ? "failure" : "success";
  }

  #end(outcome: Outcome, error?: unknown): boolean {
    if (this.over) return false;
    this.over = true;
    this.error = error;
    const { endpoint, call: { context: { fleet, deadlines } } } = this;
    if (this.#patience !== undefined) deadlines.remove(this.#patience);
    const nowMs = fleet.nowMs();
    if (error !== undefined) this.tookMs = nowMs - (this.#dialledAtMs ?? this.startedAtMs);
    if (this.phase === "dial") {
      // How long dials take and how they end says nothing of how calls do.
      this.startedAtMs = nowMs;
      if (outcome !== "given_up" || error !== undefined) endpoint.failures++;
      outcome = "given_up";
    }
    endpoint.end(this, nowMs, outcome);
    fleet.judge(this, outcome, nowMs);
    return true;
  }
}
