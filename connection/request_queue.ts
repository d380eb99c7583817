/**
 * The calls of one connection that a server has read and does not run yet.
 *
 * @module
 */

import type { RequestExtras } from "../protocol/codec.ts";
import { SeqTable } from "./seq_table.ts";

/** A call that waits to run. */
export class QueuedRequest {
  /** The one behind it. */
  next: QueuedRequest | undefined;

  /**
   * @param seq Its number.
   * @param serviceMethod What it calls.
   * @param args Its argument.
   * @param extras What came along with it.
   * @param cameAtMs When it came.
   */
  constructor(
    readonly seq: number,
    readonly serviceMethod: string,
    readonly args: unknown,
    readonly extras: RequestExtras,
    readonly cameAtMs: number,
  ) {}

  /** What came along with it, with the time that its caller still has. */
  extrasAt(nowMs: number): RequestExtras {
    const { timeoutMs } = this.extras;
    if (timeoutMs === undefined) return this.extras;
    return { ...this.extras, timeoutMs: timeoutMs - (nowMs - this.cameAtMs) };
  }
}

/**
 * Calls that wait, the oldest first. There may be a hundred thousand of them,
 * all of which are cancelled: each step costs the same, however many wait.
 */
export class RequestQueue {
  readonly #bySeq = new SeqTable<QueuedRequest>();
  /** A list; those that were cancelled stay in it until their turn, or the end of all. */
  #first: QueuedRequest | undefined;
  #last: QueuedRequest | undefined;

  /** How many wait. */
  get size(): number {
    return this.#bySeq.size;
  }

  /** Whether none waits. */
  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** Whether the call of that number waits. */
  has(seq: number): boolean {
    return this.#bySeq.get(seq) !== undefined;
  }

  /** Lets a call wait. None of its number does. */
  add(call: QueuedRequest): void {
    this.#bySeq.set(call);
    if (this.#last === undefined) this.#first = call;
    else this.#last.next = call;
    this.#last = call;
  }

  /** Lets a call wait no more, if it does. */
  cancel(seq: number): void {
    if (this.#bySeq.take(seq) !== undefined && this.size === 0) this.clear();
  }

  /** Takes out the oldest. */
  take(): QueuedRequest | undefined {
    for (let call = this.#first; call !== undefined; call = this.#first) {
      this.#first = call.next;
      call.next = undefined; // or a call that has grown old would keep all later ones
      if (this.#bySeq.get(call.seq) !== call) continue; // it was cancelled
      this.#bySeq.take(call.seq);
      if (this.size === 0) this.clear();
      return call;
    }
    return undefined;
  }

  /** Lets none wait, and nothing stay in memory. */
  clear(): void {
    this.#bySeq.clear();
    this.#first = undefined;
    this.#last = undefined;
  }
}
