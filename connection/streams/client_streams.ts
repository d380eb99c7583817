/**
 * The streams of one connection of a client: what they all need of it.
 *
 * @module
 */

import type { RpcError } from "../../errors.ts";
import type { ClientCodec, Protocol, RequestExtras } from "../../protocol/codec.ts";
import type { ClientItems } from "../../protocol/streams.ts";
import { queueMicrotask } from "../../internal/platform.ts";
import type { PendingCalls } from "../pending_calls.ts";
import type { ItemPump } from "./item_pump.ts";
import { type Addressee, OutgoingCall, type OutgoingCallOwner } from "./outgoing_call.ts";

/** What streams need of their connection. */
export interface ClientStreamsOwner {
  /** The calls of the connection. */
  readonly calls: PendingCalls;
  /** Whether the server knows streams; `undefined` while that is not known. */
  knowsStreams(): boolean | undefined;
  /** Whether nothing more is sent. */
  isOver(): boolean;
  /** Whether a value is being encoded: its `toJSON` or getters may call us. */
  isEncoding(): boolean;
  /** Encodes a call; returns why it can't be sent, if it can't. */
  encode(call: OutgoingCall, args: unknown, extras: RequestExtras): RpcError | undefined;
  /** Encodes a call, and sends it, when it is known what the server can read. */
  later(call: OutgoingCall, encode: () => RpcError | undefined): void;
  /** The error of a call that was not sent. */
  notSent(serviceMethod: string, why: ReturnType<typeof noStreams>): RpcError;
  /** Encodes an item, and has nothing else encoded meanwhile. */
  encodeItem(items: ClientItems, seq: number, value: unknown, mostBytes: number): number;
  /** Something has been added to the codec's bytes. */
  writeSoon(): void;
  /** An item has been added to the codec's bytes. */
  itemAdded(): void;
}

/** No items are encoded while so many bytes wait to be written. */
const MOST_BUFFERED_BYTES = 1024 * 1024;

/** Why a stream is not opened where the server knows none. */
function noStreams(protocol: Protocol): { code: "unimplemented"; message: string } {
  const message = protocol === "geerpc/json"
    ? "streams need a server of this library, and this is another one's"
    : `${protocol} has no streams: they need geerpc/json and a server of this library`;
  return { code: "unimplemented", message };
}

/** The streams of one connection. */
export class ClientStreams implements OutgoingCallOwner {
  readonly #codec: ClientCodec;
  readonly #protocol: Protocol;
  readonly #owner: ClientStreamsOwner;
  readonly #pumps = new Set<ItemPump>();
  /** Whether some item waits for room in the buffer. */
  #isWaiting = false;

  /**
   * @param codec The protocol's half for the connection.
   * @param protocol Its name.
   * @param owner The connection.
   */
  constructor(codec: ClientCodec, protocol: Protocol, owner: ClientStreamsOwner) {
    this.#codec = codec;
    this.#protocol = protocol;
    this.#owner = owner;
  }

  /**
   * Sends a call whose argument or answer comes item by item. The connection takes calls.
   *
   * @param serviceMethod `Service.Method`.
   * @param args Its argument; an async iterable is sent item by item.
   * @param extras Metadata, the time that is left, and how the answer's items begin.
   * @param to Learns how it ended; perhaps before this returns.
   * @returns The call; `undefined` if it has failed already.
   */
  open(
    serviceMethod: string,
    args: unknown,
    extras: RequestExtras,
    to: Addressee,
  ): OutgoingCall | undefined {
    const owner = this.#owner;
    const call = new OutgoingCall(owner.calls, serviceMethod, to, args, extras.stream, this);
    const sent = { ...extras, stream: call.extras };
    const encode = () =>
      owner.knowsStreams()
        ? owner.encode(call, call.extras.hasArgs ? undefined : args, sent)
        : owner.notSent(serviceMethod, noStreams(this.#protocol));
    if (owner.knowsStreams() === undefined) {
      owner.later(call, encode);
      return call;
    }
    const failed = encode();
    if (failed !== undefined) return void call.settler.reject(failed);
    owner.calls.add(call);
    owner.writeSoon();
    call.begun();
    return call;
  }

  /** Whether so much is buffered that no more items are to be encoded. */
  get isFull(): boolean {
    const isFull = this.#codec.bufferedBytes > MOST_BUFFERED_BYTES;
    if (isFull) this.#isWaiting = true;
    return isFull;
  }

  /** Says something of streams, if the connection is not over. It is written soon. */
  say(word: (items: ClientItems) => void): void {
    if (this.#owner.isOver()) return;
    if (this.#owner.isEncoding()) return queueMicrotask(() => this.say(word));
    word(this.#codec.items!);
    this.#owner.writeSoon();
  }

  /**
   * Sends an item.
   *
   * @param mostBytes How large it may be.
   * @returns What it counts; the same below 0 if it is larger.
   * @throws {RpcError} If it can't be encoded.
   */
  sendItem(seq: number, value: unknown, mostBytes: number): number {
    const bytes = this.#owner.encodeItem(this.#codec.items!, seq, value, mostBytes);
    if (bytes > 0) this.#owner.itemAdded();
    return bytes;
  }

  /** An argument's items are sent from now on, or no more. */
  pumping(pump: ItemPump, isPumping: boolean): void {
    if (isPumping) this.#pumps.add(pump);
    else this.#pumps.delete(pump);
  }

  /** A write has ended: there may be room for items. */
  resume(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    for (const pump of this.#pumps) pump.resume();
  }
}
