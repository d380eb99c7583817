/**
 * Writes messages of `geerpc/json`: a header and a body, each on its line.
 *
 * @module
 */

import type { Limits } from "../codec.ts";
import { RpcError } from "../../errors.ts";
import { stringify, type ValueRole } from "../json.ts";
import { MethodCache } from "../method_cache.ts";
import { TextWriter } from "../text_writer.ts";
import { FastValueWriter } from "./fast_values.ts";
import { headerPrefix } from "./header.ts";
import { ITEM_END } from "./items.ts";

/** Gathers messages that leave in one write. */
export class MessageWriter {
  readonly #limits: Limits;
  readonly #role: ValueRole;
  readonly #writer = new TextWriter();
  readonly #prefixes = new MethodCache(headerPrefix);
  readonly #fast = new FastValueWriter();

  /**
   * @param limits The largest message.
   * @param role What the bodies are.
   */
  constructor(limits: Limits, role: ValueRole) {
    this.#limits = limits;
    this.#role = role;
  }

  /** Adds a text that is a whole message, or the handshake. */
  append(text: string): void {
    this.#writer.append(text);
  }

  /**
   * Adds a message. What throws adds nothing.
   *
   * @param seq `Seq` of the header.
   * @param serviceMethod `ServiceMethod` of the header.
   * @param headerEnd The rest of the header behind `Seq`, with its newline.
   * @param body The body.
   * @returns How many bytes the body has.
   * @throws {RpcError} `invalid_argument` for a body that JSON can't express,
   * `resource_exhausted` for a header or body over the limit.
   */
  add(seq: number, serviceMethod: string, headerEnd: Uint8Array | string, body: unknown): number {
    const writer = this.#writer;
    const start = writer.length;
    try {
      writer.appendBytes(this.#prefixes.get(serviceMethod));
      writer.appendInteger(seq);
      if (typeof headerEnd === "string") writer.append(headerEnd);
      else writer.appendBytes(headerEnd);
      this.#check(start + 1, "its header is ");
      const bodyStart = writer.length;
      if (!this.#fast.write(body, writer)) writer.append(stringify(body, this.#limits, this.#role));
      this.#check(bodyStart, "");
      const bytes = writer.length - bodyStart;
      writer.append("\n");
      return bytes;
    } catch (error) {
      writer.cut(start);
      throw error;
    }
  }

  /**
   * Adds an item of a stream. What throws, or is too large, adds nothing.
   *
   * @param seq `Seq` of the header.
   * @param body The item.
   * @param mostBytes How large the body may be.
   * @returns How many bytes the body has; 0 if it was too large.
   * @throws {RpcError} As {@linkcode MessageWriter.add} does.
   */
  addItem(seq: number, body: unknown, mostBytes: number): number {
    const start = this.#writer.length;
    const bytes = this.add(seq, "", ITEM_END, body);
    if (bytes <= mostBytes) return bytes;
    this.#writer.cut(start);
    return 0;
  }

  /** How many bytes have been added since the last {@linkcode MessageWriter.take}. */
  get length(): number {
    return this.#writer.length;
  }

  /** Takes all that was added since the last time. It is valid until the next call. */
  take(): Uint8Array {
    return this.#writer.take();
  }

  #check(start: number, what: string): void {
    const { maxMessageBytes } = this.#limits;
    if (this.#writer.length - start <= maxMessageBytes) return;
    const message = `${what}over the limit of ${maxMessageBytes} bytes`;
    throw new RpcError("resource_exhausted", message);
  }
}
