/**
 * A call of a client whose argument or answer comes item by item.
 *
 * @module
 */

import { errorText, type RpcCode, RpcError, TimeoutError } from "../../errors.ts";
import {
  type ClientItems,
  FIRST_WINDOW,
  type ItemStream,
  type StreamExtras,
} from "../../protocol/streams.ts";
import type { FailureExtras } from "../../protocol/codec.ts";
import { PendingCall, type PendingCalls, type Settler } from "../pending_calls.ts";
import { Credit, Window } from "./credit.ts";
import { ItemPump, type ItemPumpOwner } from "./item_pump.ts";
import { isAsyncIterable, type OutgoingStream, type StreamSink } from "./stream.ts";

/** Who learns how a call ended: of a stream where its items go, of another call its settler. */
export type Addressee = { readonly sink: StreamSink } | { readonly settler: Settler };

/** What a call with items needs of its connection. */
export interface OutgoingCallOwner {
  /** Whether so much is buffered that no more items are to be encoded. */
  readonly isFull: boolean;
  /** Says something of streams, if the connection is not over. It is written soon. */
  say(word: (items: ClientItems) => void): void;
  /** Sends an item, as {@linkcode ItemPumpOwner.send} does. */
  sendItem(seq: number, value: unknown, mostBytes: number): number;
  /** An argument's items are sent from now on, or no more. */
  pumping(pump: ItemPump, isPumping: boolean): void;
}

/** One call with items, as the client sees it. */
export class OutgoingCall extends PendingCall implements ItemStream, OutgoingStream, ItemPumpOwner {
  /** What its header says of it. */
  readonly extras: StreamExtras;
  readonly #owner: OutgoingCallOwner;
  readonly #sink: StreamSink | undefined;
  readonly #window: Window;
  readonly #pump: ItemPump | undefined;
  readonly #credit = new Credit(FIRST_WINDOW.windowItems, FIRST_WINDOW.windowBytes);
  #timeoutOfStreamMs = 0;
  #sent = 0;
  #isOver = false;
  /** Whether an item has come: then it has run, whatever is said of it later. */
  #hasItems = false;

  /**
   * @param table The table that it is in.
   * @param serviceMethod `Service.Method`.
   * @param to Learns how it ended.
   * @param args Its argument; an async iterable is sent item by item.
   * @param begins How the answer's items begin; the default if it is none of many.
   * @param owner Its connection.
   */
  constructor(
    table: PendingCalls,
    serviceMethod: string,
    to: Addressee,
    args: unknown,
    begins: StreamExtras | undefined,
    owner: OutgoingCallOwner,
  ) {
    super(table, table.nextSeq, serviceMethod, "settler" in to ? to.settler : settlerOf(to.sink));
    this.#owner = owner;
    this.#sink = "sink" in to ? to.sink : undefined;
    const { isAnswered, windowItems, windowBytes } = begins ?? ANSWERED_AT_ONCE;
    const hasArgs = isAsyncIterable(args);
    this.extras = { isAnswered, hasArgs, windowItems, windowBytes };
    this.#window = new Window({
      items: windowItems,
      bytes: windowBytes,
      now: begins?.mayGrow ? () => table.clock.now() : undefined,
      grant: (items, bytes) => owner.say((codec) => codec.credit(this.seq, items, bytes)),
    });
    if (hasArgs) this.#pump = new ItemPump(args, this.#credit, this);
  }

  override get stream(): ItemStream {
    return this;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** It is encoded: its argument's items may follow. */
  override begun(): void {
    if (this.#pump === undefined || this.#isOver) return;
    this.#owner.pumping(this.#pump, true);
    this.#pump.start();
  }

  item(value: unknown, bytes: number): void {
    if (!this.#window.arrived(bytes)) {
      throw new RpcError(
        "resource_exhausted",
        `the server has sent more items of ${this.serviceMethod} than it had credit for`,
      );
    }
    this.#hasItems = true;
    this.#sink?.item(value, bytes, this);
  }

  override fail(
    code: RpcCode,
    message: string,
    execution: "answered" | "rejected" | "unknown",
    more?: FailureExtras,
  ): void {
    super.fail(
      code,
      message,
      this.#hasItems && execution === "rejected" ? "answered" : execution,
      more,
    );
  }

  override refuse(what: string, code: RpcCode): void {
    if (this.#hasItems) this.lose(code, what, undefined);
    else super.refuse(what, code);
  }

  failItem(code: RpcCode, what: string, cause?: unknown): void {
    if (!this.table.abandon(this)) return;
    const { address } = this.table;
    const { serviceMethod } = this;
    const message = `${serviceMethod} at ${address}: an item ${what}`;
    const details = { address, serviceMethod, execution: "answered" as const, cause };
    this.settler.reject(new RpcError(code, message, details));
  }

  /** The server has sent its last item. */
  end(): void {
    if (this.table.take(this.seq) !== this) return;
    this.table.answer(this);
    if (this.#sink === undefined) this.settler.resolve(undefined);
    else this.#sink.end();
  }

  credit(items: number, bytes: number): void {
    this.#credit.add(items, bytes);
    this.#pump?.resume();
  }

  unwanted(): void {
    this.#pump?.stop();
  }

  consumed(bytes: number): void {
    if (!this.#isOver) this.#window.read(bytes);
  }

  cancel(): void {
    this.table.abandon(this);
  }

  override limit(timeoutMs: number): void {
    this.#timeoutOfStreamMs = timeoutMs;
    super.limit(timeoutMs);
  }

  override expire(): void {
    if (this.#sink === undefined) return super.expire();
    const execution = this.table.isUnsent(this.seq) ? "not_sent" : "unknown";
    if (!this.table.abandon(this)) return;
    const { address } = this.table;
    const { serviceMethod } = this;
    const message = `${serviceMethod} at ${address}: the stream has not ended within ` +
      `${this.#timeoutOfStreamMs} ms`;
    this.#sink.fail(new TimeoutError(message, { address, serviceMethod, execution }), true);
  }

  override abort(reason: unknown): void {
    if (!this.table.abandon(this)) return;
    if (this.#sink === undefined) this.settler.reject(reason);
    else this.#sink.fail(reason, true);
  }

  override release(): void {
    super.release();
    this.#isOver = true;
    if (this.#pump === undefined) return;
    this.#pump.stop();
    this.#owner.pumping(this.#pump, false);
  }

  get isFull(): boolean {
    return this.#owner.isFull;
  }

  send(value: unknown, mostBytes: number): number {
    try {
      const bytes = this.#owner.sendItem(this.seq, value, mostBytes);
      if (bytes > 0) this.#sent++;
      return bytes;
    } catch (cause) {
      const { address } = this.table;
      const { serviceMethod } = this;
      const code = cause instanceof RpcError ? cause.code : "invalid_argument";
      const what = `item ${this.#sent} of the argument is refused: ${errorText(cause)}`;
      const details = { address, serviceMethod, cause };
      throw new RpcError(code, `${serviceMethod} at ${address}: ${what}`, details);
    }
  }

  /** The argument has ended. */
  ended(): void {
    if (!this.#isOver) this.#owner.say((items) => items.end(this.seq));
  }

  /** The argument has thrown, or one of its items can't be sent. */
  failed(error: unknown): void {
    if (!this.table.abandon(this, errorText(error))) return;
    this.settler.reject(error);
  }

  left(): void {}
}

/** How a call begins whose argument alone comes in items. */
const ANSWERED_AT_ONCE = { isAnswered: false, ...FIRST_WINDOW };

/** A stream's answer without items is its only item. */
function settlerOf(sink: StreamSink): Settler {
  return {
    resolve(value) {
      sink.item(value, 0, NO_SOURCE);
      sink.end();
    },
    reject: (error) => sink.fail(error),
  };
}

const NO_SOURCE = { consumed() {} };
