/**
 * The calls of one connection that a server has read and does not run yet.
 *
 * @module
 */

import type { RequestExtras } from "../protocol/codec.ts";
import { SeqTable } from "./seq_table.ts";

/** A call that waits to run. */
export class QueuedRequest {
  /** The request behind it in the queue. */
  #next: QueuedRequest | undefined;

  /**
   * @param seq Its sequence number.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param extras Its metadata, and the time that its caller waited when it came.
   * @param cameAtMs When it came, on the clock's scale.
   */
  constructor(
    readonly seq: number,
    readonly serviceMethod: string,
    readonly args: unknown,
    readonly extras: RequestExtras,
    readonly cameAtMs: number,
  ) {}

  /** Puts a request behind it. */
  append(next: QueuedRequest): void {
    this.#next = next;
  }

  /**
   * Takes it off the requests behind it: one that has grown old would keep all
   * later ones in memory.
   *
   * @returns The request behind it.
   */
  detach(): QueuedRequest | undefined {
    const next = this.#next;
    this.#next = undefined;
    return next;
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
}

/**
 * Requests that wait, the oldest first, and how many bytes were read while
 * they did. A hundred thousand of them may wait, and all be cancelled: each
 * step costs the same, however many there are.
 */
export class RequestQueue {
  readonly #bySeq = new SeqTable<QueuedRequest>();
  /** A linked list. A cancelled request stays in it until its turn, or until none waits. */
  #first: QueuedRequest | undefined;
  #last: QueuedRequest | undefined;
  #bytes = 0;

  /** How many requests wait. */
  get size(): number {
    return this.#bySeq.size;
  }

  /** Whether no request waits. */
  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** How many bytes were read since requests wait; 0 if none does. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Counts bytes that were read while requests wait; does nothing if none does. */
  count(bytes: number): void {
    if (!this.isEmpty) this.#bytes += bytes;
  }

  /** Whether the request of that number waits. */
  has(seq: number): boolean {
    return this.#bySeq.get(seq) !== undefined;
  }

  /** Adds a request; none of its number waits. */
  add(request: QueuedRequest): void {
    this.#bySeq.set(request);
    if (this.#last === undefined) this.#first = request;
    else this.#last.append(request);
    this.#last = request;
  }

  /** Removes a request, if it waits. */
  cancel(seq: number): void {
    if (this.#bySeq.take(seq) !== undefined && this.size === 0) this.clear();
  }

  /** Takes out the oldest request. */
  take(): QueuedRequest | undefined {
    for (let request = this.#first; request !== undefined; request = this.#first) {
      this.#first = request.detach();
      if (this.#bySeq.get(request.seq) !== request) continue; // it was cancelled
      this.#bySeq.take(request.seq);
      if (this.size === 0) this.clear();
      return request;
    }
    return undefined;
  }

  /** Removes all requests, and lets go of their memory. */
  clear(): void {
    this.#bySeq.clear();
    this.#first = undefined;
    this.#last = undefined;
    this.#bytes = 0;
  }
}
