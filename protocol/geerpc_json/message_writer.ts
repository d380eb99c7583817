/**
 * Writes messages of `geerpc/json`: a header and a body, each on its line.
 *
 * @module
 */

import { type Limits, NeedsExtensions } from "../codec.ts";
import { RpcError } from "../../errors.ts";
import { stringify, type ValueRole } from "../json.ts";
import { MethodCache } from "../method_cache.ts";
import { TextWriter } from "../text_writer.ts";
import { FastValueWriter } from "./fast_values.ts";
import { CALL_END, headerPrefix } from "./header.ts";
import { ITEM_END } from "./items.ts";
import { encodeBody, needsExtensions, type Part } from "./values/encode.ts";

/**
 * What the peer can read:
 *
 * - `json`: nothing but JSON.
 * - `values`: values of all kinds, as one of our own ends writes them.
 * - `unknown`: it may be either. What would differ is not written.
 */
export type Reads = "json" | "values" | "unknown";

/** Gathers messages that leave in one write. */
export class MessageWriter {
  readonly #limits: Limits;
  readonly #role: ValueRole;
  readonly #writer = new TextWriter();
  readonly #prefixes = new MethodCache(headerPrefix);
  readonly #fast = new FastValueWriter();
  #reads: Reads;

  /**
   * @param limits The largest message.
   * @param role What the bodies are.
   * @param reads What the peer can read.
   */
  constructor(limits: Limits, role: ValueRole, reads: Reads) {
    this.#limits = limits;
    this.#role = role;
    this.#reads = reads;
  }

  /** What the peer can read. */
  get reads(): Reads {
    return this.#reads;
  }

  /** It is known now what the peer can read. */
  learn(reads: "json" | "values"): void {
    this.#reads = reads;
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
   * @param last A number with which the header ends: then `headerEnd` is what comes before it.
   * @param role What the body is. Default: what bodies are here.
   * @returns How many bytes the body has, with what is beside it.
   * @throws {RpcError} `invalid_argument` for a body that can't be sent to this peer,
   * `resource_exhausted` for a header or body over the limit.
   * @throws {NeedsExtensions} For a body that depends on what the peer can read, as long as that is
   * not known.
   */
  add(
    seq: number,
    serviceMethod: string,
    headerEnd: Uint8Array | string,
    body: unknown,
    last?: number,
    role: ValueRole = this.#role,
  ): number {
    const writer = this.#writer;
    writer.begin();
    const start = writer.length;
    try {
      writer.appendBytes(this.#prefixes.get(serviceMethod));
      writer.appendInteger(seq);
      const endStart = writer.length;
      this.#addEnd(headerEnd, last, start);
      const bodyStart = writer.length;
      if (!this.#fast.write(body, writer)) {
        // No closure over these: it would cost every call a context of its own.
        if (this.#reads === "values") {
          return this.#addValue(body, role, endStart, headerEnd, last, start);
        }
        writer.append(this.#json(body));
      }
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
   * Adds a message of which all behind `Seq` was encoded before.
   *
   * @param seq `Seq` of the header.
   * @param serviceMethod `ServiceMethod` of the header.
   * @param rest What follows.
   */
  addEncoded(seq: number, serviceMethod: string, rest: Uint8Array): void {
    this.#writer.appendBytes(this.#prefixes.get(serviceMethod));
    this.#writer.appendInteger(seq);
    this.#writer.appendBytes(rest);
  }

  /**
   * Adds an item of a stream. What throws, or is too large, adds nothing.
   *
   * @param seq `Seq` of the header.
   * @param body The item.
   * @param mostBytes How large the body may be.
   * @returns How many bytes the body has, with what is beside it; below 0 if that was too large.
   * @throws {RpcError} As {@linkcode MessageWriter.add} does.
   */
  addItem(seq: number, body: unknown, mostBytes: number): number {
    const start = this.#writer.length;
    const bytes = this.add(seq, "", ITEM_END, body, undefined, "item");
    if (bytes <= mostBytes) return bytes;
    this.#writer.cut(start);
    return -bytes;
  }

  /** How many bytes have been added since the last {@linkcode MessageWriter.take}. */
  get length(): number {
    return this.#writer.length;
  }

  /** Takes all that was added since the last time, or the first of it. It is valid until the next call. */
  take(): Uint8Array {
    return this.#writer.take();
  }

  /** Takes what is behind that which was taken last, if there is more. */
  takeNext(): Uint8Array | undefined {
    return this.#writer.takeNext();
  }

  /** Adds the end of a header that begins at `start`. */
  #addEnd(headerEnd: Uint8Array | string, last: number | undefined, start: number): void {
    if (typeof headerEnd === "string") this.#writer.append(headerEnd);
    else this.#writer.appendBytes(headerEnd);
    if (last !== undefined) {
      this.#writer.appendInteger(last);
      this.#writer.appendBytes(CALL_END);
    }
    this.#check(start + 1, "its header is ");
  }

  #json(body: unknown): string {
    if (this.#reads === "unknown" && body !== undefined && needsExtensions(body, this.#role)) {
      const what = "it is not known yet whether the server can read it";
      throw new NeedsExtensions("invalid_argument", what);
    }
    return stringify(body, this.#limits, this.#role);
  }

  /** Adds a body as one of our own ends reads it, behind a header without its end. */
  #addValue(
    body: unknown,
    role: ValueRole,
    endStart: number,
    headerEnd: Uint8Array | string,
    last: number | undefined,
    start: number,
  ): number {
    // A handler gets an absent argument as `undefined`, however it was sent.
    const isAbsent = body === undefined && role === "args";
    const { text, parts } = encodeBody(isAbsent ? null : body, role);
    this.#checkSize(leastBytes(text, parts));
    const writer = this.#writer;
    if (parts.length === 0) {
      const bodyStart = writer.length;
      writer.append(text);
      this.#check(bodyStart, "");
      const bytes = writer.length - bodyStart;
      writer.append("\n");
      return bytes;
    }
    writer.cut(endStart);
    writer.append(',"Parts":');
    const rooms = parts.map((_, index) => {
      writer.append(index === 0 ? "[" : ",");
      return writer.appendRoom();
    });
    writer.append("]");
    this.#addEnd(headerEnd, last, start);
    const bodyStart = writer.length;
    writer.append(text);
    writer.append("\n");
    for (let index = 0; index < parts.length; index++) {
      const part = parts[index];
      const partStart = writer.length;
      if (typeof part === "string") writer.append(part);
      else writer.appendBytes(part);
      writer.fill(rooms[index], writer.length - partStart);
    }
    this.#check(bodyStart + 1, "");
    return writer.length - bodyStart - 1;
  }

  #check(start: number, what: string): void {
    this.#checkSize(this.#writer.length - start, what);
  }

  #checkSize(bytes: number, what = ""): void {
    const { maxMessageBytes } = this.#limits;
    if (bytes <= maxMessageBytes) return;
    const message = `${what}over the limit of ${maxMessageBytes} bytes`;
    throw new RpcError("resource_exhausted", message);
  }
}

/** How many bytes a body takes at least: a text takes one for each of its units or more. */
function leastBytes(text: string, parts: readonly Part[]): number {
  let bytes = text.length;
  for (const part of parts) bytes += part.length;
  return bytes;
}
