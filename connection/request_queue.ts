/**
 * The calls of one connection that a server has read and does not run yet.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { Deadlines, type Expiring } from "../internal/deadlines.ts";
import { atFaultPoint } from "../internal/fault_points.ts";
import type { RequestExtras } from "../protocol/codec.ts";
import { SeqTable } from "./seq_table.ts";
import type { ServerLoad } from "./server_load.ts";

/** How many bytes a request counts beside those that were read: what its objects take, about. */
const OBJECT_BYTES = 256;
/** How much of the time that its caller gives it a call waits at most: the rest is for elsewhere. */
const WAITING_SHARE = 0.5;

/** A call that waits to run. */
export class QueuedRequest implements Expiring {
  /** Whether its wait is limited: kept by the queue of deadlines. */
  waiting = false;
  #bytes = OBJECT_BYTES;
  #previous: QueuedRequest | undefined;
  #next: QueuedRequest | undefined;

  /**
   * @param queue Where it waits.
   * @param seq Its sequence number.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param extras Its metadata, and the time that its caller waited when it came.
   * @param cameAtMs When it came, on the clock's scale.
   * @param dueAt When it has waited too long.
   */
  constructor(
    readonly queue: RequestQueue,
    readonly seq: number,
    readonly serviceMethod: string,
    readonly args: unknown,
    readonly extras: RequestExtras,
    readonly cameAtMs: number,
    readonly dueAt: number,
  ) {}

  /** How many bytes it counts. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The request in front of it. */
  get previous(): QueuedRequest | undefined {
    return this.#previous;
  }

  /** The request behind it. */
  get next(): QueuedRequest | undefined {
    return this.#next;
  }

  /** Counts bytes that were read for it. */
  weigh(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Puts a request behind it. */
  append(next: QueuedRequest): void {
    this.#next = next;
    next.#previous = this;
  }

  /** Takes it out from between its neighbours. */
  detach(): void {
    const previous = this.#previous;
    const next = this.#next;
    if (previous !== undefined) previous.#next = next;
    if (next !== undefined) next.#previous = previous;
    this.#previous = this.#next = undefined;
  }

  /**
   * Its extras, with the time that its caller still waits.
   *
   * @param nowMs The present time.
   */
  extrasAt(nowMs: number): RequestExtras {
    const { timeoutMs } = this.extras;
    if (timeoutMs === undefined) return this.extras;
    return { ...this.extras, timeoutMs: timeoutMs - (nowMs - this.cameAtMs) };
  }

  expire(): void {
    this.queue.expire(this);
  }
}

/** What a queue needs of its connection. */
export interface RequestQueueOptions {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** How long a request waits at most, in milliseconds. */
  readonly maxWaitMs: number;
  /** Counts the requests of all connections. */
  readonly load: ServerLoad;
  /** Called with a request that has waited too long; it waits no more. */
  readonly onExpired: (request: QueuedRequest) => void;
}

/**
 * Requests that wait, the oldest first, and how many bytes they take. A
 * hundred thousand of them may wait, and all be cancelled: each step costs the
 * same, however many there are, and what is cancelled takes no memory.
 */
export class RequestQueue {
  readonly #options: RequestQueueOptions;
  readonly #deadlines: Deadlines;
  readonly #bySeq = new SeqTable<QueuedRequest>();
  #first: QueuedRequest | undefined;
  #last: QueuedRequest | undefined;
  #bytes = 0;
  /** The requests that were added since the last read was counted. */
  #fresh: QueuedRequest[] = [];
  /** The bytes of reads that have ended no message so far. */
  #unfinishedBytes = 0;

  /** @param options Clock, limit and what learns of it. */
  constructor(options: RequestQueueOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock);
  }

  /** How many requests wait. */
  get size(): number {
    return this.#bySeq.size;
  }

  /** Whether no request waits. */
  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** How many bytes the waiting requests take, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Counts a read that has been worked through. Its bytes, and those of reads
   * before it that ended no message, are those of the requests that it added.
   *
   * @param bytes Its length.
   * @param hasMessage Whether it ended any message.
   */
  count(bytes: number, hasMessage: boolean): void {
    if (!hasMessage) {
      this.#unfinishedBytes += bytes;
      return;
    }
    const fresh = this.#fresh;
    if (fresh.length > 0) {
      const share = (this.#unfinishedBytes + bytes) / fresh.length;
      for (const request of fresh) {
        if (this.#bySeq.get(request.seq) !== request) continue; // it was cancelled in the same read
        request.weigh(share);
        this.#bytes += share;
      }
      this.#fresh = [];
    }
    this.#unfinishedBytes = 0;
  }

  /**
   * Counts bytes that are held for a request that waits, beside those that it came with.
   *
   * @returns `false` if it waits no more.
   */
  weigh(seq: number, bytes: number): boolean {
    const request = this.#bySeq.get(seq);
    if (request === undefined) return false;
    request.weigh(bytes);
    this.#bytes += bytes;
    return true;
  }

  /** Whether the request of that number waits. */
  has(seq: number): boolean {
    return this.#bySeq.get(seq) !== undefined;
  }

  /** Adds a request; none of its number waits. */
  add(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    const { clock, maxWaitMs, load } = this.#options;
    const nowMs = clock.now();
    const { timeoutMs = Infinity } = extras;
    const dueAt = nowMs + Math.min(maxWaitMs, Math.max(0, timeoutMs) * WAITING_SHARE);
    const request = new QueuedRequest(this, seq, serviceMethod, args, extras, nowMs, dueAt);
    this.#bySeq.set(request);
    if (this.#last === undefined) this.#first = request;
    else this.#last.append(request);
    this.#last = request;
    this.#bytes += request.bytes;
    this.#fresh.push(request);
    load.queued(1);
    atFaultPoint("call_queued");
    if (dueAt < Infinity) this.#deadlines.add(request);
  }

  /** Removes a request, if it waits. */
  cancel(seq: number): void {
    const request = this.#bySeq.get(seq);
    if (request !== undefined) this.#remove(request);
  }

  /** Takes out the oldest request. */
  take(): QueuedRequest | undefined {
    const request = this.#first;
    if (request !== undefined) this.#remove(request);
    return request;
  }

  /** A request has waited too long. */
  expire(request: QueuedRequest): void {
    if (this.#bySeq.get(request.seq) !== request) return;
    this.#remove(request);
    this.#options.onExpired(request);
  }

  /** Removes all requests, and lets go of their memory. */
  clear(): void {
    this.#options.load.queued(-this.size);
    this.#bySeq.clear();
    this.#deadlines.clear();
    this.#first = undefined;
    this.#last = undefined;
    this.#fresh = [];
    this.#bytes = 0;
  }

  #remove(request: QueuedRequest): void {
    this.#bySeq.take(request.seq);
    this.#deadlines.remove(request);
    if (this.#first === request) this.#first = request.next;
    if (this.#last === request) this.#last = request.previous;
    request.detach();
    this.#options.load.queued(-1);
    this.#bytes -= request.bytes;
    if (this.size === 0) this.clear();
  }
}
