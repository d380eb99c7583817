/**
 * Which calls of a connection run now, which wait, and which are turned away
 * because there are too many.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { RequestExtras } from "../protocol/codec.ts";
import { DRAINING, NOT_RUN } from "../protocol/go_errors.ts";
import { PING_METHOD } from "../protocol/unknown_method.ts";
import { ReadGate } from "./read_gate.ts";
import type { Replies } from "./replies.ts";
import { type QueuedRequest, RequestQueue } from "./request_queue.ts";
import type { RunningCalls } from "./running_calls.ts";
import type { Refusal, ServerLoad } from "./server_load.ts";
import type { ServerLimits } from "./server_options.ts";
import type { Method, Services } from "./services.ts";

/** What admission needs to know and to use. */
export interface AdmissionOptions {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** What may run and wait. */
  readonly limits: ServerLimits;
  /** What runs and waits on all connections. */
  readonly load: ServerLoad;
  /** What may be called. */
  readonly services: Services;
  /** Runs calls. */
  readonly running: RunningCalls;
  /** Rejects calls. */
  readonly replies: Replies;
  /** Looks up a method of the server's own service, if this client may call it. */
  findOwn(serviceMethod: string): Method | undefined;
  /** Whether the client does not read its replies. */
  isBehind(): boolean;
  /** Called when calls begin to be turned away, and when none waits any more. */
  onOverload(type: "overloaded" | "recovered", reason: string): void;
}

/** Admits the calls of one connection. */
export class Admission {
  readonly #options: AdmissionOptions;
  // Those that every call needs.
  readonly #services: Services;
  readonly #load: ServerLoad;
  readonly #running: RunningCalls;
  readonly #replies: Replies;
  readonly #maxInFlight: number;
  readonly #maxRunning: number;
  /** Calls that are too many to run yet, or whose replies would be too much to hold. */
  readonly #queue: RequestQueue;
  readonly #gate: ReadGate;
  #isDraining = false;
  /** Whether calls were turned away, and some have waited ever since. */
  #isOverloaded = false;

  /** @param options What it needs. */
  constructor(options: AdmissionOptions) {
    const { clock, limits, load } = options;
    this.#options = options;
    this.#services = options.services;
    this.#load = load;
    this.#running = options.running;
    this.#replies = options.replies;
    this.#maxInFlight = limits.maxInFlight;
    this.#maxRunning = limits.maxRunning;
    this.#queue = new RequestQueue({
      clock,
      load,
      maxWaitMs: limits.maxWaitMs,
      onExpired: (request) => this.#waitedTooLong(request),
    });
    this.#gate = new ReadGate(clock, {
      isBehind: () => options.isBehind(),
      isOverfull: () => this.#queue.bytes > limits.maxMessageBytes,
    });
  }

  /** Whether no call waits. */
  get isEmpty(): boolean {
    return this.#queue.isEmpty;
  }

  /** Runs a call, lets it wait, or turns it away. */
  call(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    if (this.#queue.isEmpty && this.#mayRun()) this.#run(seq, serviceMethod, args, extras);
    else if (this.#queue.has(seq)) this.#replies.rejectDuplicate(seq, serviceMethod);
    // At once: it needs no handler, and a ping of `net/rpc`'s protocols is such a call.
    else if (this.#isUnlisted(serviceMethod)) this.#runUnlisted(seq, serviceMethod, args, extras);
    else if (this.#gate.isRefusing) this.#turnAwayForBytes(seq, serviceMethod);
    else this.#queue.add(seq, serviceMethod, args, extras);
  }

  /** Takes a call out, if it waits. */
  cancel(seq: number): void {
    this.#queue.cancel(seq);
  }

  /**
   * An item has come of the argument of a call, which is held as long as that waits.
   *
   * @param bytes What it counts.
   */
  itemCame(seq: number, serviceMethod: string, bytes: number): void {
    if (!this.#queue.weigh(seq, bytes) || !this.#gate.isRefusing) return;
    this.#queue.cancel(seq);
    this.#turnAwayForBytes(seq, serviceMethod);
  }

  /**
   * A read has been worked through, and what it has brought is to run.
   *
   * @param bytes Its length.
   * @param hasMessage Whether it has ended any message.
   */
  readEnded(bytes: number, hasMessage: boolean): void {
    this.#queue.count(bytes, hasMessage);
    this.release();
  }

  /** Waits until more may be read. */
  untilReadable(): Promise<void> | void {
    return this.#gate.wait();
  }

  /** Answers calls that have ended, and runs as many waiting ones as may run. */
  release(): void {
    this.#running.answerHeld();
    while (!this.#queue.isEmpty && this.#mayRun()) {
      const request = this.#queue.take()!;
      const extras = request.extrasAt(this.#options.clock.now());
      this.#run(request.seq, request.serviceMethod, request.args, extras);
    }
    if (this.#isOverloaded) this.#recover();
    this.#gate.update();
  }

  /** Runs no more calls: those that wait are rejected at once, since they may run elsewhere. */
  drain(): void {
    this.#isDraining = true;
    this.release();
  }

  /** Forgets the calls that wait, and lets the transport read on. */
  close(): void {
    this.#queue.clear();
    this.#gate.open();
  }

  /**
   * Whether one more call may run. A drained connection rejects it, which needs
   * no handler. None is answered while the client reads too few replies.
   */
  #mayRun(): boolean {
    return (this.#running.handlers < this.#maxInFlight || this.#isDraining) &&
      !this.#replies.isFull;
  }

  #run(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    const method = this.#services.find(serviceMethod);
    if (method === undefined) return this.#runUnlisted(seq, serviceMethod, args, extras);
    if (this.#isDraining) {
      this.#load.refuse("draining");
      return this.#replies.reject(seq, serviceMethod, "unavailable", DRAINING);
    }
    if (this.#load.running >= this.#maxRunning) {
      const why = `${this.#maxRunning} calls run on this server already (maxRunning)`;
      return this.#turnAway(seq, serviceMethod, "maxRunning", why);
    }
    this.#running.run(seq, method, args, extras);
  }

  #isUnlisted(serviceMethod: string): boolean {
    return !this.#replies.isFull && this.#services.find(serviceMethod) === undefined;
  }

  /**
   * A call of the server's own service, or of none. The first is answered also when the
   * server drains or has too much to do: it is asked whether that is so.
   */
  #runUnlisted(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    const own = this.#options.findOwn(serviceMethod);
    if (own !== undefined) {
      // Interceptors may keep those waiting too, so that there is a limit to them.
      if (this.#running.handlers < 2 * this.#maxInFlight) {
        return this.#running.run(seq, own, args, extras);
      }
      const why = `${2 * this.#maxInFlight} calls run on its connection (twice maxInFlight)`;
      return this.#turnAway(seq, serviceMethod, "maxInFlight", why);
    }
    if (serviceMethod !== PING_METHOD) this.#load.refuse("unimplemented");
    const message = this.#services.explainMissing(serviceMethod);
    this.#replies.reject(seq, serviceMethod, "unimplemented", message);
  }

  #waitedTooLong({ seq, serviceMethod, dueAt, cameAtMs }: QueuedRequest): void {
    // Where there is room for more handlers, it is the client's reading that was waited for.
    const isForOthers = this.#running.handlers >= this.#maxInFlight;
    const why = isForOthers
      ? `for one of ${this.#maxInFlight} others on its connection to end (maxInFlight)`
      : "while its client read too few replies";
    const text = `it waited ${Math.round(dueAt - cameAtMs)} ms ${why}`;
    this.#turnAway(seq, serviceMethod, isForOthers ? "maxInFlight" : "unreadReplies", text);
    this.#gate.update();
  }

  /** Tells that calls run again, if they do. */
  #recover(): void {
    const isFree = this.#mayRun() && this.#load.running < this.#maxRunning;
    if (!isFree || !this.#queue.isEmpty) return;
    this.#isOverloaded = false;
    this.#options.onOverload("recovered", "calls run without waiting again");
  }

  #turnAwayForBytes(seq: number, serviceMethod: string): void {
    const { maxMessageBytes } = this.#options.limits;
    const why = `calls that wait take ${maxMessageBytes} bytes already (maxMessageBytes)`;
    this.#turnAway(seq, serviceMethod, "maxMessageBytes", why);
  }

  /** Rejects a call because there are too many, so that its caller goes elsewhere. */
  #turnAway(seq: number, serviceMethod: string, limit: Refusal, why: string): void {
    this.#load.refuse(limit);
    this.#replies.reject(seq, serviceMethod, "resource_exhausted", NOT_RUN + why);
    if (this.#isOverloaded) return;
    this.#isOverloaded = true;
    this.#options.onOverload("overloaded", `${serviceMethod} did not run: ${why}`);
  }
}
