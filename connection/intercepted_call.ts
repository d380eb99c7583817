/**
 * This file is one class: a call of a client as its interceptors see it. It has
 * the object that they are given, the calling of one around the other, and the
 * deadline and signal, which hold over them too.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import { type Attempt, RpcError, TimeoutError } from "../errors.ts";
import type { ClientAttempt, ClientCall } from "./interceptor.ts";
import { type Abortable, abortWith, releaseFrom } from "../internal/abort.ts";
import { checkCallValues, checkTime } from "../internal/call_options.ts";
import type { Deadlines, Expiring } from "../internal/deadlines.ts";
import { type Layer, runLayers } from "../internal/layers.ts";
import { splitName } from "../internal/method_name.ts";
import { Repeats } from "../internal/repeats.ts";
import type { CallOptions } from "../internal/service.ts";
import type { Settler } from "./pending_calls.ts";
import { areItemsGone, endItems, itemsAreGone, sentOnce } from "./streams/once_args.ts";

/** What all intercepted calls of one client share. */
export interface Interception {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** The same time, read once a turn: cheap. */
  readonly turnClock: Pick<Clock, "now">;
  /** Their deadlines. */
  readonly deadlines: Deadlines;
  /** What stands around a call, the outermost first. */
  readonly callLayers: readonly Layer<ClientCall>[];
  /** What stands around an attempt, the outermost first. */
  readonly attemptLayers: readonly Layer<ClientAttempt>[];
  /** A call has begun. */
  began(call: InterceptedCall): void;
  /** A call has ended. */
  ended(call: InterceptedCall): void;
}

/** Options of a call of whichever kind. */
export interface AnyCallOptions extends CallOptions {
  /** What the call is about. */
  readonly key?: string | undefined;
}

/** Makes a call behind all of its interceptors: once each time that they go on. */
export type Sender = (call: InterceptedCall, options: AnyCallOptions, settler: Settler) => void;

/** One call, as interceptors see it. */
export class InterceptedCall implements ClientCall, Expiring, Abortable {
  args: unknown;
  /** Its place among the calls of its client: kept by these. */
  place = -1;
  /** When it expires, on the clock's scale. */
  dueAt = Infinity;
  /** Whether its deadline is running: kept by the queue of deadlines. */
  waiting = false;
  readonly #options: AnyCallOptions;
  readonly #settler: Settler;
  /** The argument before interceptors have replaced it. */
  readonly #given: unknown;
  readonly #sender: Sender;
  readonly #startedAtMs: number;
  readonly #repeats: Repeats;
  readonly #attempts: { readonly listed: Attempt }[] = [];
  #timeoutMs: number | undefined;
  #meta: Record<string, string> | undefined;
  /** How many times it is in flight, with a deadline of its own. */
  #inFlight = 0;
  /** When what is in flight expires by itself. */
  #sentDueAt = 0;
  #isLate = false;
  #grace: Timer | undefined;
  /** Whether it was settled, or nobody waits for it any more. */
  protected isOver = false;

  /**
   * @param shared What all intercepted calls of the client share.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Its options, checked, with the defaults filled in.
   * @param idempotent Whether it may run twice.
   * @param settler Learns how it ended.
   * @param sender Makes the call.
   */
  constructor(
    readonly shared: Interception,
    readonly serviceMethod: string,
    args: unknown,
    options: AnyCallOptions,
    readonly idempotent: boolean,
    settler: Settler,
    sender: Sender,
  ) {
    this.#given = this.args = sentOnce(args);
    this.#options = options;
    this.#settler = settler;
    this.#sender = sender;
    this.#timeoutMs = options.timeoutMs;
    this.#startedAtMs = (this.#timeoutMs === undefined ? shared.turnClock : shared.clock).now();
    this.#repeats = new Repeats(this);
  }

  get service(): string {
    return splitName(this.serviceMethod).service;
  }

  get method(): string {
    return splitName(this.serviceMethod).method;
  }

  get signal(): AbortSignal | undefined {
    return this.#options.signal;
  }

  get key(): string | undefined {
    return this.#options.key;
  }

  /** A copy, made when it is first asked for. */
  get meta(): Record<string, string> {
    return this.#meta ??= { ...this.#options.meta };
  }

  get timeoutMs(): number | undefined {
    return this.#timeoutMs;
  }

  set timeoutMs(timeoutMs: number | undefined) {
    if (timeoutMs !== undefined) checkTime("timeoutMs", timeoutMs);
    this.#timeoutMs = timeoutMs;
    this.#limit();
  }

  get attempts(): readonly Attempt[] {
    return this.#attempts.map((attempt) => attempt.listed);
  }

  /** Calls the interceptors, and the network in their midst. */
  start(): void {
    const { shared, signal } = this;
    if (signal?.aborted) return this.#settler.reject(signal.reason);
    const { timeoutMs = Infinity, serviceMethod } = this;
    if (!(timeoutMs > 0)) {
      const message = `${serviceMethod}: the deadline has passed already`;
      const details = { serviceMethod, execution: "not_sent" as const };
      return this.#settler.reject(new TimeoutError(message, details));
    }
    shared.began(this);
    if (signal !== undefined) abortWith(signal, this);
    if (timeoutMs < Infinity) this.#limit();
    runLayers(shared.callLayers, this, () => this.#send()).then(
      (reply) => this.replied(reply),
      (error) => this.fail(error),
    );
  }

  /**
   * Its interceptors have given a reply.
   *
   * @param reply The reply.
   */
  protected replied(reply: unknown): void {
    if (this.end()) this.#settler.resolve(reply);
  }

  abort(reason: unknown): void {
    this.fail(reason);
  }

  /** Ends it because its client is over. */
  close(): void {
    const message = `${this.serviceMethod}: the client is closed, and an interceptor kept the call`;
    this.fail(new RpcError("canceled", message, this.#details));
  }

  /** Its time is over. What is in flight has the same deadline: its error is the better one. */
  expire(): void {
    this.#isLate = true;
    if (this.#inFlight === 0 || this.#sentDueAt > this.dueAt) this.timeOut();
  }

  /**
   * It is in flight, with a deadline of its own.
   *
   * @param settler Learns how that ended.
   * @returns A settler in its place.
   */
  inFlight(settler: Settler): Settler {
    this.#inFlight++;
    return new Landing(this, settler);
  }

  /** What was in flight has ended. Behind the deadline, interceptors have this turn to end the call. */
  landed(): void {
    this.#inFlight--;
    if (this.isOver || !this.#isLate || this.#inFlight > 0) return;
    this.#grace ??= this.shared.clock.setTimer(0, () => this.timeOut());
  }

  /**
   * An attempt begins.
   *
   * @param attempt The attempt.
   * @returns Its number.
   */
  attemptBegan(attempt: { readonly listed: Attempt }): number {
    return this.#attempts.push(attempt);
  }

  #send(): Promise<unknown> {
    const refusal = areItemsGone(this.args)
      ? itemsAreGone(this.serviceMethod)
      : this.#repeats.begin();
    if (refusal !== undefined) return Promise.reject(refusal);
    this.args = sentOnce(this.args);
    return new Promise((resolve, reject) => {
      const failed = (error: unknown) => {
        this.#repeats.failed(error);
        reject(error);
      };
      try {
        const options = this.#optionsNow();
        this.#sentDueAt = this.dueAt;
        this.#sender(this, options, {
          resolve: (value) => {
            this.#repeats.answered();
            resolve(value);
          },
          reject: failed,
        });
      } catch (error) {
        failed(error);
      }
    });
  }

  /** Its options as the interceptors have left them. */
  #optionsNow(): AnyCallOptions {
    const { idempotent, dueAt } = this;
    const meta = this.#meta;
    const isTimed = dueAt < Infinity || this.#options.timeoutMs !== undefined;
    if (meta === undefined && !isTimed && !idempotent) return this.#options;
    checkCallValues({ meta }); // interceptors of a program in JavaScript may set anything
    const options = { ...this.#options, idempotent, timeoutMs: this.#leftMs };
    return meta === undefined ? options : { ...options, meta };
  }

  /** What is left of the time: no fractions, which would be noise in messages. */
  get #leftMs(): number | undefined {
    if (this.dueAt === Infinity) return this.#timeoutMs;
    return Math.min(Math.ceil(this.dueAt - this.shared.clock.now()), this.#timeoutMs!);
  }

  #limit(): void {
    const { deadlines } = this.shared;
    if (this.waiting) deadlines.remove(this);
    this.dueAt = this.#startedAtMs + (this.#timeoutMs ?? Infinity);
    if (this.dueAt < Infinity && !this.isOver) deadlines.add(this);
  }

  /** It fails, as its time is over. */
  protected timeOut(): void {
    const { error } = this.#repeats;
    if (error instanceof TimeoutError) return this.fail(error);
    const what = `an interceptor kept the call for longer than ${this.#timeoutMs} ms`;
    this.fail(new TimeoutError(`${this.serviceMethod}: ${what}`, this.#details));
  }

  get #details() {
    const { serviceMethod, attempts } = this;
    return { serviceMethod, execution: this.#repeats.execution, attempts };
  }

  /**
   * It fails, unless it is over.
   *
   * @param error Why.
   */
  protected fail(error: unknown): void {
    if (this.end()) this.#settler.reject(error);
  }

  /**
   * It is over.
   *
   * @returns `false` if it was before.
   */
  protected end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    const { shared, signal } = this;
    if (signal !== undefined) releaseFrom(signal, this);
    if (this.waiting) shared.deadlines.remove(this);
    this.#grace?.cancel();
    shared.ended(this);
    endItems(this.#given);
    endItems(this.args);
    return true;
  }
}

/** Learns how something ended that is in flight, and tells the call first. */
class Landing implements Settler {
  constructor(readonly call: InterceptedCall, readonly settler: Settler) {}

  resolve(value: unknown): void {
    this.call.landed();
    this.settler.resolve(value);
  }

  reject(error: unknown): void {
    this.call.landed();
    this.settler.reject(error);
  }
}
