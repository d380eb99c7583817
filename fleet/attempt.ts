/**
 * This file is one attempt of a call at one endpoint, the dial included.
 *
 * @module
 */

import type { Abortable } from "../internal/abort.ts";
import type { CertainCall } from "../connection/kept_answers/certain_call.ts";
import type { CertainCalls } from "../connection/kept_answers/certain_calls.ts";
import { didNotRun } from "../internal/repeats.ts";
import type { ClientConnection } from "../connection/client_connection.ts";
import type { Clock } from "../clock.ts";
import type { Deadlines } from "../internal/deadlines.ts";
import type { Liveness } from "../connection/liveness.ts";
import type { Settler } from "../connection/pending_calls.ts";
import { isAsyncIterable } from "../connection/streams/stream.ts";
import type { RequestExtras } from "../protocol/codec.ts";
import { RpcError } from "../errors.ts";
import { CallTimer } from "./call_timer.ts";
import { SLOW_DIAL_MS } from "./connector.ts";
import type { EndedCall, Endpoint } from "./endpoint.ts";
import { InFlight, type Outcome } from "./load.ts";
import { isOverload, isUnexpected } from "./next_step.ts";

/** What all attempts of one `XClient` share. */
export interface AttemptContext {
  /** Watches the connections on which calls are in flight. */
  readonly liveness: Liveness;
  /** Where timers come from, and the precise time. */
  readonly clock: Clock;
  /** The same time, read once a turn: cheap. */
  readonly turnClock: Pick<Clock, "now">;
  /** The timers of all calls: deadlines, backoffs, hedges, slow dials. */
  readonly deadlines: Deadlines;
  /** Sends the calls whose callers want to be certain. */
  readonly certain: CertainCalls;
  /** Whether an error is the server's fault. */
  isFailure(error: unknown): boolean;
}

/**
 * What a call learns of one of its attempts: that it has ended, with a reply or
 * an error, or that there is reason to make another one while it goes on. With
 * interceptors it is `answered` first, and has ended as `intercepted`, with what
 * they have made of it. A stream is `opened` when its first item has come.
 */
export type AttemptEvent =
  | "succeeded"
  | "answered"
  | "intercepted"
  | "opened"
  | "failed"
  | "slow dial"
  | "stalled";

/** What a call needs of its attempts. */
export interface FleetAttempt {
  /** Where. */
  readonly endpoint: Endpoint;
  /** Why there. */
  readonly why: string;
  /** How far it has come. */
  readonly phase: "dial" | "call";
  /** The connection on which it was sent. */
  readonly client: ClientConnection | undefined;
  /** Whether it has ended. */
  readonly isOver: boolean;
  /** What it ended with, unless it succeeded. */
  readonly error: unknown;
  /** Whether it has failed because its server drains. */
  readonly wasDrained: boolean;
  /** Whether its server has not even taken a connection. */
  readonly hadNoConnection: boolean;
  /** When it began, on the clock's scale. */
  readonly startedAtMs: number;
  /** When it failed, on the same scale. */
  readonly endedAtMs: number;
  /** How long it took to fail, the dial included, in milliseconds. */
  readonly tookMs: number | undefined;
  /** How many times its answer was asked for behind a lost connection. */
  readonly recalls: number;
  /** Begins. */
  start(): void;
  /** Waits on for the dial, and reports again if that takes long. */
  watchDial(): void;
  /** Ends it without a word to its call. */
  giveUp(outcome: Outcome, error?: unknown): void;
}

/** The call that an attempt is made for. */
export interface AttemptOwner {
  /** What all attempts share. */
  readonly context: AttemptContext;
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** Its argument. */
  readonly args: unknown;
  /** What is sent along: the metadata, and the time that is left. */
  requestExtras(): RequestExtras;
  /**
   * How many calls may run or wait at an attempt's endpoint when it arrives there.
   *
   * @param attempt It is about to be sent.
   * @returns `undefined` if it is to run in any case.
   */
  expectedAt(attempt: CallAttempt): number | undefined;
  /**
   * Takes an attempt's outcome, or an event while it goes on.
   *
   * @param attempt The attempt.
   * @param event What has happened.
   * @param detail The reply of one that succeeded, the error of one that failed.
   */
  attemptChanged(attempt: FleetAttempt, event: AttemptEvent, detail?: unknown): void;
}

/** One attempt of a call at one endpoint. Only its own methods change its fields. */
export class CallAttempt extends InFlight implements FleetAttempt, Settler, EndedCall {
  client: ClientConnection | undefined;
  /** How far it has come. */
  phase: "dial" | "call" = "call";
  /** What it ended with, unless it succeeded. */
  error: unknown;
  /** How long it took to fail, the dial included, in milliseconds. */
  tookMs: number | undefined;
  /** Whether it has ended. */
  isOver = false;
  /** When it began to wait for a connection, if it had to. */
  #dialledAtMs: number | undefined;
  /** The call on the connection. */
  #pending: Abortable | undefined;
  /** The same, if its caller wants to be certain. */
  #certain: CertainCall | undefined;
  #slowDial: CallTimer | undefined;

  /**
   * @param call The call that it is made for.
   * @param endpoint Where.
   * @param why Why there, for the error message.
   */
  constructor(readonly call: AttemptOwner, readonly endpoint: Endpoint, readonly why: string) {
    super();
  }

  /**
   * Whether it has failed because its server drains, which did not run it. A
   * server that is restarted is not to blame, and has had no work with it.
   */
  get wasDrained(): boolean {
    const { client, error } = this;
    return client !== undefined && client.isDrained && didNotRun(error);
  }

  /** Whether its server has not even taken a connection: that says nothing of the call, nor of other servers. */
  get hadNoConnection(): boolean {
    return this.phase === "dial" || this.client?.isRefused === true && didNotRun(this.error);
  }

  /** When it failed, on the clock's scale. */
  get endedAtMs(): number {
    return (this.#dialledAtMs ?? this.startedAtMs) + (this.tookMs ?? 0);
  }

  /** Sends the call, once there is a connection. */
  start(): void {
    const { endpoint, call: { context: { turnClock } } } = this;
    const nowMs = turnClock.now();
    this.begun(nowMs);
    const { client } = endpoint;
    if (client !== undefined) return this.#send(client);
    this.phase = "dial";
    this.#dialledAtMs = nowMs;
    this.watchDial();
    endpoint.connector.connect().then((client) => {
      if (this.isOver) return;
      this.phase = "call";
      this.markSent(turnClock.now());
      this.#send(client);
    }, (error) => this.reject(this.#dialError(error)));
  }

  /** Waits on for the dial, and reports again if that takes long. */
  watchDial(): void {
    const { clock, deadlines } = this.call.context;
    const report = () => this.call.attemptChanged(this, "slow dial");
    this.#slowDial = new CallTimer(clock.now() + SLOW_DIAL_MS, report);
    deadlines.add(this.#slowDial);
  }

  resolve(value: unknown): void {
    if (this.finish("success")) this.call.attemptChanged(this, "succeeded", value);
  }

  reject(error: unknown): void {
    if (this.finish(this.outcomeOf(error), error)) this.call.attemptChanged(this, "failed", error);
  }

  /**
   * Ends it without a word to its call, which needs it no more or is out of time.
   *
   * @param outcome What that says of the endpoint.
   * @param error What error messages list for it.
   */
  giveUp(outcome: Outcome, error?: unknown): void {
    if (this.finish(outcome, error)) this.#pending?.abort(error);
  }

  override endpointStalled(): void {
    this.call.attemptChanged(this, "stalled");
  }

  /**
   * It is in flight at its endpoint.
   *
   * @param nowMs The present time.
   */
  protected begun(nowMs: number): void {
    this.endpoint.begin(this, nowMs);
  }

  /**
   * It is in flight there no more.
   *
   * @param nowMs The present time.
   * @param outcome What that says of the endpoint.
   */
  protected ended(nowMs: number, outcome: Outcome): void {
    if (this.phase === "call") {
      const roomInMs = outcome === "refused" ? (this.error as RpcError).retryAfterMs : undefined;
      this.endpoint.end(this, nowMs, outcome, roomInMs);
    } else this.endpoint.endUnsent(this, outcome !== "given_up" || this.error !== undefined);
  }

  /**
   * Sends it.
   *
   * @param client The connection.
   * @returns What gives it up; `undefined` if it has ended already.
   */
  protected transmit(client: ClientConnection): Abortable | undefined {
    const { call } = this;
    let extras = call.requestExtras();
    const expect = call.expectedAt(this);
    if (expect !== undefined) extras = { ...extras, expect };
    // The items of an argument are gone when its connection is: there is nothing to ask for.
    if (extras.certain === true && !isAsyncIterable(call.args)) {
      return this.#sendCertain(client, extras);
    }
    return client.send(call.serviceMethod, call.args, extras, this);
  }

  #send(client: ClientConnection): void {
    const { call } = this;
    if (this.#slowDial !== undefined) call.context.deadlines.remove(this.#slowDial);
    this.client = client;
    call.context.liveness.wake();
    this.#pending = this.transmit(client);
    // The argument's own code, such as `toJSON`, can end the call while it is being encoded.
    if (this.isOver) this.#pending?.abort(this.error);
  }

  get recalls(): number {
    return this.#certain?.recalls ?? 0;
  }

  #sendCertain(client: ClientConnection, extras: RequestExtras): CertainCall | undefined {
    const { call, endpoint: { connector } } = this;
    const { serviceMethod, args, context: { certain } } = call;
    return this.#certain = certain.send(client, connector, serviceMethod, args, extras, this);
  }

  /**
   * What an error says of the endpoint.
   *
   * @param error What it failed with.
   */
  protected outcomeOf(error: unknown): Outcome {
    if (error instanceof RpcError) {
      const { code, execution } = error;
      // The server never got the call, or we ended it ourselves.
      if (execution === "not_sent" || code === "canceled" && execution === "unknown") {
        return "given_up";
      }
      if (isUnexpected(error)) return "unexpected";
      if (execution === "rejected" && this.client?.isDrained) return "given_up";
    }
    if (this.call.context.isFailure(error)) return "failure";
    return isOverload(error) ? "refused" : "success";
  }

  /** The error of a dial, which calls share, as this call's own. */
  #dialError(error: unknown): unknown {
    if (!(error instanceof RpcError)) return error;
    const { code, message, address, execution } = error;
    const { serviceMethod } = this.call;
    const details = { address, serviceMethod, execution, cause: error };
    return new RpcError(code, `${serviceMethod}: ${message}`, details);
  }

  /**
   * Ends it for its call.
   *
   * @param outcome What that says of the endpoint.
   * @param error What it ended with, unless it succeeded.
   * @returns `false` if it has ended before.
   */
  protected finish(outcome: Outcome, error?: unknown): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.error = error;
    const { turnClock, deadlines } = this.call.context;
    if (this.#slowDial !== undefined) deadlines.remove(this.#slowDial);
    const nowMs = turnClock.now();
    if (error !== undefined) this.tookMs = nowMs - (this.#dialledAtMs ?? this.startedAtMs);
    this.ended(nowMs, outcome);
    return true;
  }
}
