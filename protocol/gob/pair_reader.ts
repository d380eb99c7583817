/**
 * Reads what both directions of `geerpc/gob` and `netrpc/gob` are: a stream of gob in which headers
 * and bodies alternate.
 *
 * @module
 */

import type { Limits } from "../codec.ts";
import { excerpt } from "../../internal/excerpt.ts";
import { errorText, type RpcCode, RpcError } from "../../errors.ts";
import { GobDecoder } from "../../gob.ts";

/** How much of the beginning of the stream is kept for error messages. */
const KEPT_BYTES = 60;

/** The reading part of a codec. The codec reads its header and its body when each has arrived. */
export abstract class PairReader {
  /** The stream. */
  protected readonly decoder: GobDecoder;
  readonly #message: string;
  #inBody = false;
  #beginning: Uint8Array | undefined;
  #hasHeader = false;

  /**
   * @param limits The largest message and the deepest nesting.
   * @param message What a pair is called in errors.
   */
  constructor(limits: Limits, message: "request" | "reply") {
    this.decoder = new GobDecoder(limits);
    this.#message = message;
  }

  /**
   * Adds bytes of the stream and reads what has arrived.
   *
   * @param chunk The bytes that arrived.
   * @throws {RpcError} If the stream is broken.
   */
  protected read(chunk: Uint8Array): void {
    const { decoder } = this;
    if (!this.#hasHeader) this.#begin(chunk);
    decoder.push(chunk);
    for (;;) {
      if (!this.#inBody) {
        try {
          if (!decoder.ready()) return;
          this.readHeader();
        } catch (error) {
          throw this.#notHeader(error);
        }
        this.#hasHeader = true;
        this.#inBody = true;
      }
      if (!decoder.ready()) return;
      this.#inBody = false;
      this.readBody();
    }
  }

  /** Takes the header, which has arrived. */
  protected abstract readHeader(): void;
  /** Takes the body, which has arrived. */
  protected abstract readBody(): void;

  /**
   * The stream has ended.
   *
   * @throws {RpcError} `data_loss` if it ended in the middle of a header or body, or between them.
   */
  protected endStream(): void {
    if (!this.#inBody && this.decoder.isBetween) return;
    throw this.#broken(`the stream ended in the middle of a ${this.#message}`);
  }

  #begin(chunk: Uint8Array): void {
    this.#beginning ??= chunk.slice(0, KEPT_BYTES);
    // In gob, "HTTP/" would be the beginning of a message of 72 bytes: don't wait for the rest.
    if (this.#quote().includes('"HTTP/')) throw this.#notHeader("no gob");
  }

  #notHeader(error: unknown): RpcError {
    if (codeOfValue(error, "data_loss") !== "data_loss" && this.#hasHeader) {
      return error as RpcError;
    }
    return this.#broken(
      `expected the header of a ${this.#message} in gob: ${errorText(error)}`,
      error,
    );
  }

  /** Until a header has arrived, the peer may not speak gob: the error quotes what it sent. */
  #broken(what: string, cause?: unknown): RpcError {
    const message = this.#hasHeader ? what : `${what}; the stream began with ${this.#quote()}`;
    return new RpcError("data_loss", message, { cause });
  }

  #quote(): string {
    return excerpt(new TextDecoder("latin1").decode(this.#beginning));
  }
}

/** The code for a value that can't be decoded: `resource_exhausted` over a limit, else another. */
export function codeOfValue(error: unknown, otherwise: RpcCode): RpcCode {
  return error instanceof RpcError && error.code === "resource_exhausted" ? error.code : otherwise;
}

/** Whether an error means that nothing after the value can be read. */
export function breaksStream(error: unknown): boolean {
  return !(error instanceof RpcError) || error.code === "data_loss";
}
