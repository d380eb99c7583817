/**
 * Messages of `geerpc/json` as they are written: a header and a body, a line
 * each.
 *
 * @module
 */

import type { Limits } from "./codec.ts";
import { RpcError } from "../errors.ts";
import { stringify } from "./json.ts";
import { FlatWriter } from "./json_flat.ts";
import { HeaderStarts } from "./json_header.ts";
import { TextWriter } from "./text_writer.ts";

/** Writes messages, all to leave together. */
export class MessageWriter {
  readonly #limits: Limits;
  readonly #writer = new TextWriter();
  readonly #starts = new HeaderStarts();
  readonly #flat = new FlatWriter();

  /** @param limits The largest message. */
  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Adds text as it is. */
  append(text: string): void {
    this.#writer.append(text);
  }

  /**
   * Adds a message. What throws adds nothing.
   *
   * @param seq Its number.
   * @param serviceMethod What its header names.
   * @param headerEnd What its header has behind the number, with its newline.
   * @param body Its body.
   * @throws {RpcError} `invalid_argument` for a body that is no JSON,
   * `resource_exhausted` over the limit.
   */
  add(seq: number, serviceMethod: string, headerEnd: Uint8Array | string, body: unknown): void {
    const writer = this.#writer;
    const start = writer.length;
    try {
      writer.appendBytes(this.#starts.get(serviceMethod));
      writer.appendInteger(seq);
      if (typeof headerEnd === "string") writer.append(headerEnd);
      else writer.appendBytes(headerEnd);
      this.#check(start + 1, "its header is ");
      const bodyStart = writer.length;
      if (!this.#flat.write(body, writer)) writer.append(stringify(body, this.#limits));
      this.#check(bodyStart, "");
      writer.append("\n");
    } catch (error) {
      writer.cut(start);
      throw error;
    }
  }

  /** How many bytes have been added since the last {@linkcode MessageWriter.take}. */
  get length(): number {
    return this.#writer.length;
  }

  /** All that has been added since the last time. Valid until the next call. */
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
