/**
 * A call of a server whose argument or answer comes item by item.
 *
 * @module
 */

import { type RpcCode, RpcError } from "../../errors.ts";
import { FIRST_WINDOW, type ItemStream, type StreamExtras } from "../../protocol/streams.ts";
import { Credit, Window } from "./credit.ts";
import { ItemPump, type ItemPumpOwner } from "./item_pump.ts";
import { ItemReader } from "./item_reader.ts";

/** What it says to its caller. */
export interface IncomingStreamOwner {
  /** The present time, in milliseconds. */
  now(): number;
  /** Says that more items of the argument may come. */
  grant(seq: number, items: number, bytes: number): void;
  /** Says that no more items of the argument are wanted. */
  unwanted(seq: number): void;
  /** An item of the argument has come. */
  received(stream: IncomingStream, bytes: number): void;
}

/** One call with items, as the server sees it. */
export class IncomingStream implements ItemStream {
  /** The argument, if it comes in items. */
  readonly args: ItemReader<unknown> | undefined;
  readonly #owner: IncomingStreamOwner;
  readonly #window: Window | undefined;
  readonly #credit: Credit;
  #pump: ItemPump | undefined;
  #isOver = false;

  /**
   * @param seq The call's number.
   * @param serviceMethod `Service.Method`.
   * @param extras How it begins.
   * @param owner Says it.
   */
  constructor(
    readonly seq: number,
    readonly serviceMethod: string,
    readonly extras: StreamExtras,
    owner: IncomingStreamOwner,
  ) {
    this.#owner = owner;
    this.#credit = new Credit(extras.windowItems, extras.windowBytes);
    if (!extras.hasArgs) return;
    const { windowItems, windowBytes } = FIRST_WINDOW;
    this.#window = new Window({
      items: windowItems,
      bytes: windowBytes,
      now: () => owner.now(),
      grant: (items, bytes) => {
        if (!this.#isOver) owner.grant(seq, items, bytes);
      },
    });
    const cancel = () => {
      if (!this.#isOver) owner.unwanted(seq);
    };
    this.args = new ItemReader({ cancel, isQuiet: true });
  }

  /** Whether its caller reads many items. */
  get isAnswered(): boolean {
    return this.extras.isAnswered;
  }

  item(value: unknown, bytes: number): void {
    if (this.args === undefined || !this.#window!.arrived(bytes)) {
      throw new RpcError(
        "resource_exhausted",
        `call ${this.seq} has sent more items than it had credit for`,
      );
    }
    this.args.item(value, bytes, this);
    this.#owner.received(this, bytes);
  }

  failItem(code: RpcCode, what: string, cause?: unknown): void {
    const message = `an item of the argument of ${this.serviceMethod} ${what}`;
    this.args?.fail(new RpcError(code, message, { cause }));
    if (!this.#isOver) this.#owner.unwanted(this.seq);
  }

  end(): void {
    this.args?.end();
  }

  /** An item of the argument has been read. */
  consumed(bytes: number): void {
    this.#window?.read(bytes);
  }

  credit(items: number, bytes: number): void {
    this.#credit.add(items, bytes);
    this.#pump?.resume();
  }

  unwanted(): void {} // a caller that wants no more items cancels its call

  /**
   * Sends what the handler has returned, item by item.
   *
   * @param items What it has returned.
   * @param owner Sends them, and learns of their end.
   */
  pump(items: AsyncIterable<unknown>, owner: ItemPumpOwner): void {
    this.#pump = new ItemPump(items, this.#credit, owner);
    if (this.#isOver) this.#pump.stop();
    this.#pump.start();
  }

  /** There may be room for items in the buffer. */
  resume(): void {
    this.#pump?.resume();
  }

  /**
   * It has ended: it is answered, or its caller is gone. What reads the argument hears why.
   *
   * @param reason Why. Default: it is answered.
   */
  close(reason?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.args?.fail(reason ?? new RpcError("canceled", "the call has been answered"), true);
    this.#pump?.stop();
  }
}
