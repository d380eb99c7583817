/**
 * The streams of one connection of a server.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { queueMicrotask } from "../../internal/platform.ts";
import type { ServerItems, StreamExtras } from "../../protocol/streams.ts";
import type { BatchWriter } from "../batch_writer.ts";
import type { ServerLoad } from "../server_load.ts";
import { IncomingStream } from "./incoming_stream.ts";

/** What the streams of a connection need beside its codec. */
export interface ServerStreamsOptions {
  /** Counts streams and items. */
  readonly load: ServerLoad;
  /** Where the time comes from. */
  readonly clock: Clock;
  /** An item of an argument has come, and is held. */
  itemCame(seq: number, serviceMethod: string, bytes: number): void;
}

/** The streams of one connection, by the number of their call. */
export class ServerStreams {
  readonly #items: ServerItems;
  readonly #writer: BatchWriter;
  readonly #shared: ServerStreamsOptions;
  readonly #streams = new Map<number, IncomingStream>();
  /** Whether some item waits for room in the buffer. */
  #isWaiting = false;

  /**
   * @param items What the codec can say of streams.
   * @param writer Writes what it has buffered.
   * @param shared What else they need.
   */
  constructor(items: ServerItems, writer: BatchWriter, shared: ServerStreamsOptions) {
    this.#items = items;
    this.#writer = writer;
    this.#shared = shared;
  }

  /** Whether no call has streams now. */
  get isEmpty(): boolean {
    return this.#streams.size === 0;
  }

  /** The numbers of the calls that have streams now. */
  get seqs(): readonly number[] {
    return [...this.#streams.keys()];
  }

  /** The stream of a call; `undefined` if it has none, or has ended. */
  get(seq: number): IncomingStream | undefined {
    return this.#streams.get(seq);
  }

  /**
   * A call has come that has streams.
   *
   * @param seq Its number; no other stream has it.
   * @param serviceMethod `Service.Method`.
   * @param extras How they begin.
   */
  open(seq: number, serviceMethod: string, extras: StreamExtras): IncomingStream {
    const stream = new IncomingStream(seq, serviceMethod, extras, this);
    this.#streams.set(seq, stream);
    this.#shared.load.streamed(1);
    return stream;
  }

  /**
   * A call has ended.
   *
   * @param seq Its number; nothing happens if it has no stream.
   * @param reason What those hear who still read its argument. Default: that it is answered.
   */
  close(seq: number, reason?: unknown): void {
    const stream = this.#streams.get(seq);
    if (stream === undefined) return;
    this.#streams.delete(seq);
    this.#shared.load.streamed(-1);
    stream.close(reason);
  }

  /** A call is answered. */
  answered(seq: number): void {
    if (this.#streams.has(seq)) this.close(seq);
  }

  /** All have ended: the connection is over. */
  closeAll(reason: unknown): void {
    for (const seq of this.seqs) this.close(seq, reason);
  }

  /** Some item waits for room in the buffer. */
  waitForRoom(): void {
    this.#isWaiting = true;
  }

  /** A write has ended: there may be room for items. */
  resume(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    for (const stream of this.#streams.values()) stream.resume();
  }

  /**
   * Sends an item.
   *
   * @param mostBytes How large it may be.
   * @returns What it counts; the same below 0 if it is larger.
   * @throws {RpcError} If it can't be encoded.
   */
  send(seq: number, value: unknown, mostBytes: number): number {
    const bytes = this.#items.item(seq, value, mostBytes);
    if (bytes < 0) return bytes;
    this.#shared.load.itemSent();
    this.#writer.addItem();
    return bytes;
  }

  /** Says that all items have been sent. */
  end(seq: number, serviceMethod: string): void {
    this.#items.end(seq, serviceMethod);
    this.#writer.add();
  }

  /** The present time, in milliseconds. */
  now(): number {
    return this.#shared.clock.now();
  }

  /** Says that more items of an argument may come. */
  grant(seq: number, items: number, bytes: number): void {
    this.#sayLater(() => this.#items.credit(seq, items, bytes));
  }

  /** Says that no more items of an argument are wanted. */
  unwanted(seq: number): void {
    this.#sayLater(() => this.#items.unwanted(seq));
  }

  /** Items are read by programs, perhaps while a reply is being encoded. */
  #sayLater(say: () => void): void {
    queueMicrotask(() => {
      say();
      this.#writer.add();
    });
  }

  /** An item of an argument has come. */
  received({ seq, serviceMethod }: IncomingStream, bytes: number): void {
    this.#shared.load.itemReceived();
    this.#shared.itemCame(seq, serviceMethod, bytes);
  }
}
