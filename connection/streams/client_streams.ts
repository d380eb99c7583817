/**
 * The streams of one connection of a client: what they all need of it.
 *
 * @module
 */

import type { ClientCodec, Protocol } from "../../protocol/codec.ts";
import { queueMicrotask } from "../../internal/platform.ts";
import type { ItemPump } from "./item_pump.ts";

/** What a client's codec can say of streams. */
type Items = NonNullable<ClientCodec["items"]>;

/** What streams need of their connection. */
export interface ClientStreamsOwner {
  /** Whether nothing more is sent. */
  isOver(): boolean;
  /** Whether a value is being encoded: its `toJSON` or getters may call us. */
  isEncoding(): boolean;
  /** Encodes, and has nothing else encoded meanwhile. */
  encodeItem(items: Items, seq: number, value: unknown, mostBytes: number): number;
  /** Something has been added to the codec's bytes. */
  writeSoon(): void;
  /** An item has been added to the codec's bytes. */
  itemAdded(): void;
}

/** No items are encoded while so many bytes wait to be written. */
const MOST_BUFFERED_BYTES = 1024 * 1024;

/** Why a stream is not opened where the server knows none. */
export function noStreams(protocol: Protocol): { code: "unimplemented"; message: string } {
  const message = protocol === "geerpc/json"
    ? "streams need a server of this library, and this is another one's"
    : `${protocol} has no streams: they need geerpc/json and a server of this library`;
  return { code: "unimplemented", message };
}

/** The streams of one connection. */
export class ClientStreams {
  readonly #codec: ClientCodec;
  readonly #items: Items;
  readonly #owner: ClientStreamsOwner;
  readonly #pumps = new Set<ItemPump>();

  /**
   * @param codec The protocol's half for the connection.
   * @param items What it can say of streams.
   * @param owner The connection.
   */
  constructor(codec: ClientCodec, items: Items, owner: ClientStreamsOwner) {
    this.#codec = codec;
    this.#items = items;
    this.#owner = owner;
  }

  /** Whether so much is buffered that no more items are to be encoded. */
  get isFull(): boolean {
    return this.#codec.bufferedBytes > MOST_BUFFERED_BYTES;
  }

  /** Says something of streams, if the connection is not over. It is written soon. */
  say(word: (items: Items) => void): void {
    if (this.#owner.isOver()) return;
    if (this.#owner.isEncoding()) return queueMicrotask(() => this.say(word));
    word(this.#items);
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
    const bytes = this.#owner.encodeItem(this.#items, seq, value, mostBytes);
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
    if (this.isFull) return;
    for (const pump of this.#pumps) pump.resume();
  }
}
