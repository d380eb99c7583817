/**
 * This file is one class: which calls of a connection run now, which wait, and
 * which are turned away because there are too many.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { RequestExtras } from "../protocol/codec.ts";
import { DRAINING } from "../protocol/go_errors.ts";
import { PING_METHOD } from "../protocol/unknown_method.ts";
import type { Concurrency, Waiter } from "./concurrency.ts";
import { Overload } from "./overload.ts";
import { ReadGate } from "./read_gate.ts";
import type { Replies } from "./replies.ts";
import type { ReportedLoad } from "./reported_load.ts";
import { type QueuedRequest, RequestQueue } from "./request_queue.ts";
import type { RunningCalls } from "./running_calls.ts";
import type { ServerLoad } from "./server_load.ts";
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
  /** What clients are told of it. */
  readonly reported: ReportedLoad;
  /** How many calls of all connections run at once; `undefined` if there is no limit. */
  readonly concurrency: Concurrency | undefined;
  /** What may be called. */
  readonly services: Services;
  /** Runs calls. */
  readonly running: RunningCalls;
  /** Rejects calls. */
  readonly replies: Replies;
  /** Looks up a method of the server's own service, if this client may call it. */
  findOwn(serviceMethod: string): Method | undefined;
  /** A method whose answer is kept: the call has an id. */
  keep(method: Method, extras: RequestExtras): Method;
  /** Whether the client does not read its replies. */
  isBehind(): boolean;
  /** Called when calls begin to be turned away, and when none waits any more. */
  onOverload(type: "overloaded" | "recovered", reason: string): void;
}

/** Admits the calls of one connection. */
export class Admission implements Waiter {
  readonly #options: AdmissionOptions;
  // Those that every call needs.
  readonly #services: Services;
  readonly #load: ServerLoad;
  readonly #concurrency: Concurrency | undefined;
  readonly #running: RunningCalls;
  readonly #replies: Replies;
  readonly #maxInFlight: number;
  readonly #maxRunning: number;
  /** Calls that are too many to run yet, or whose replies would be too much to hold. */
  readonly #queue: RequestQueue;
  readonly #gate: ReadGate;
  readonly #overload: Overload;
  #isDraining = false;

  /** @param options What it needs. */
  constructor(options: AdmissionOptions) {
    const { clock, limits, load } = options;
    this.#options = options;
    this.#services = options.services;
    this.#load = load;
    this.#concurrency = options.concurrency;
    this.#running = options.running;
    this.#replies = options.replies;
    this.#overload = new Overload(load, options.replies, options.onOverload);
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
    if (extras.expect !== undefined && this.#isUnexpected(serviceMethod, extras.expect)) {
      this.#load.refuse("moreThanExpected");
      return this.#replies.rejectUnexpected(seq, serviceMethod);
    }
    if (this.#queue.isEmpty && this.#mayRun()) this.#run(seq, serviceMethod, args, extras);
    else if (this.#queue.has(seq)) this.#replies.rejectDuplicate(seq, serviceMethod);
    else if (this.#needsNoTurn(serviceMethod)) this.#run(seq, serviceMethod, args, extras);
    // At once: it needs no handler, and a ping of `net/rpc`'s protocols is such a call.
    else if (this.#isUnlisted(serviceMethod)) this.#runUnlisted(seq, serviceMethod, args, extras);
    else if (this.#gate.isRefusing) this.#turnAwayForBytes(seq, serviceMethod);
    else this.#enqueue(seq, serviceMethod, args, extras);
  }

  /** Takes a call out, if it waits. */
  cancel(seq: number): void {
    this.#queue.cancel(seq);
    this.#leaveIfEmpty();
  }

  /**
   * An item has come of the argument of a call, which is held as long as that waits.
   *
   * @param bytes What it counts.
   */
  itemCame(seq: number, serviceMethod: string, bytes: number): void {
    if (!this.#queue.weigh(seq, bytes) || !this.#gate.isRefusing) return;
    this.cancel(seq);
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
    if (this.#concurrency === undefined || this.#isDraining) {
      while (!this.#queue.isEmpty && this.#isReady()) this.#runOldest();
    } else {
      if (!this.#queue.isEmpty && this.#isReady()) this.#concurrency.join(this);
      this.#concurrency.release();
    }
    this.#update();
  }

  takeTurn(): boolean {
    if (!this.#queue.isEmpty && this.#isReady()) this.#runOldest();
    this.#update();
    return !this.#queue.isEmpty && this.#isReady();
  }

  /** Runs no more calls: those that wait are rejected at once, since they may run elsewhere. */
  drain(): void {
    this.#isDraining = true;
    this.#concurrency?.leave(this);
    this.release();
  }

  /** Forgets the calls that wait, and lets the transport read on. */
  close(): void {
    this.#queue.clear();
    this.#concurrency?.leave(this);
    this.#gate.open();
  }

  /** Whether one more call may run now. */
  #mayRun(): boolean {
    return this.#isReady() &&
      (this.#concurrency === undefined || this.#concurrency.hasRoom || this.#isDraining);
  }

  /**
   * Whether one more call may run as far as the connection is concerned. A drained one
   * rejects it, which needs no handler. None is answered while the client reads too few replies.
   */
  #isReady(): boolean {
    return (this.#running.handlers < this.#maxInFlight || this.#isDraining) &&
      !this.#replies.isFull;
  }

  /** Whether a call waits for nothing but the turn that others have, which it does not need. */
  #needsNoTurn(serviceMethod: string): boolean {
    return this.#concurrency !== undefined && this.#isReady() &&
      this.#services.find(serviceMethod)?.isUnlimited === true;
  }

  /** Lets a call wait, unless it would be one too many, or wait too long for its turn. */
  #enqueue(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    const { maxWaiting } = this.#options.limits;
    const { size } = this.#queue;
    // As many places as it leaves free: those of a connection that fills the queue are not all.
    // Source: "dynamic thresholds" of shared buffers, Choudhury and Hahne.
    if (size >= maxWaiting - this.#load.waiting) {
      const why = `${this.#load.waiting} calls wait on this server, ${size} of them on its ` +
        `connection (maxWaiting is ${maxWaiting})`;
      const retryAfterMs = this.#concurrency?.retryAfterMs(size);
      return this.#overload.turnAway(seq, serviceMethod, "maxWaiting", why, retryAfterMs);
    }
    if (this.#concurrency === undefined || !this.#isReady()) {
      return this.#queue.add(seq, serviceMethod, args, extras);
    }
    const refused = this.#concurrency.refusal(this.#services.find(serviceMethod), extras, size);
    if (refused !== undefined) {
      const { why, retryAfterMs } = refused;
      return this.#overload.turnAway(seq, serviceMethod, "maxConcurrent", why, retryAfterMs);
    }
    this.#queue.add(seq, serviceMethod, args, extras);
    this.#concurrency.join(this);
  }

  #runOldest(): void {
    const request = this.#queue.take()!;
    const extras = request.extrasAt(this.#options.clock.now());
    this.#run(request.seq, request.serviceMethod, request.args, extras);
  }

  #update(): void {
    if (this.#overload.isOn) this.#recover();
    this.#gate.update();
  }

  #leaveIfEmpty(): void {
    if (this.#concurrency !== undefined && this.#queue.isEmpty) this.#concurrency.leave(this);
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
      return this.#overload.turnAway(seq, serviceMethod, "maxRunning", why);
    }
    const run = extras.id === undefined ? method : this.#options.keep(method, extras);
    this.#running.run(seq, run, args, extras);
  }

  /** Whether more calls run or wait on the server than the caller expects, which then goes elsewhere. */
  #isUnexpected(serviceMethod: string, expect: number): boolean {
    return this.#options.reported.current() > expect && !this.#isDraining &&
      this.#services.find(serviceMethod) !== undefined;
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
      return this.#overload.turnAway(seq, serviceMethod, "maxInFlight", why);
    }
    if (serviceMethod !== PING_METHOD) this.#load.refuse("unimplemented");
    const message = this.#services.explainMissing(serviceMethod);
    this.#replies.reject(seq, serviceMethod, "unimplemented", message);
  }

  #waitedTooLong({ seq, serviceMethod, dueAt, cameAtMs }: QueuedRequest): void {
    const limit = this.#waitedFor();
    const text = `it waited ${Math.round(dueAt - cameAtMs)} ms ${this.#whatFor(limit)}`;
    const retryAfterMs = limit === "maxConcurrent"
      ? this.#concurrency?.retryAfterMs(this.#queue.size)
      : undefined;
    this.#overload.turnAway(seq, serviceMethod, limit, text, retryAfterMs);
    this.#leaveIfEmpty();
    this.#gate.update();
  }

  #waitedFor(): "maxInFlight" | "unreadReplies" | "maxConcurrent" {
    if (this.#running.handlers >= this.#maxInFlight) return "maxInFlight";
    // Where there is room for more handlers, it is the client's reading that was waited for.
    return this.#concurrency === undefined || this.#replies.isFull
      ? "unreadReplies"
      : "maxConcurrent";
  }

  #whatFor(limit: "maxInFlight" | "unreadReplies" | "maxConcurrent"): string {
    if (limit === "unreadReplies") return "while its client read too few replies";
    return limit === "maxInFlight"
      ? `for one of ${this.#maxInFlight} others on its connection to end (maxInFlight)`
      : `for one of ${this.#concurrency?.limit} others on this server to end (maxConcurrent)`;
  }

  /** Tells that calls run again, if they do. */
  #recover(): void {
    const isFree = this.#mayRun() && this.#load.running < this.#maxRunning;
    if (!isFree || !this.#queue.isEmpty) return;
    this.#overload.end();
  }

  #turnAwayForBytes(seq: number, serviceMethod: string): void {
    const { maxMessageBytes } = this.#options.limits;
    const why = `calls that wait take ${maxMessageBytes} bytes already (maxMessageBytes)`;
    this.#overload.turnAway(seq, serviceMethod, "maxMessageBytes", why);
  }
}
