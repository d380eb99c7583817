/**
 * Reads what both directions of `geerpc/gob` and `netrpc/gob` are: a stream of gob in which headers
 * and bodies alternate.
 *
 * @module
 */

import type { Limits, Protocol } from "../codec.ts";
import { errorText, type RpcCode, RpcError } from "../../errors.ts";
import { type AnyGobSchema, GobDecoder } from "../../gob.ts";
import { ChunkBuffer } from "../../internal/buffer.ts";
import { ASCII } from "../ascii.ts";
import { answerIn, beginningOf, foreign } from "../foreign.ts";
import { ABSENT_NAME } from "./headers.ts";

/** How much of the beginning of the stream is kept for error messages. */
const KEPT_BYTES = 2048;

const { CLOSE_BRACE, NEWLINE } = ASCII;

/** The reading part of a codec. The codec reads its header and its body when each has arrived. */
export abstract class PairReader {
  /** The stream. */
  protected readonly decoder: GobDecoder;
  readonly #protocol: Protocol;
  readonly #message: string;
  #inBody = false;
  readonly #beginning = new ChunkBuffer();
  /** How much of an answer that is not gob had arrived when it was last looked at. */
  #lookedAt = 0;
  #hasHeader = false;

  /**
   * @param protocol What the peer should speak.
   * @param limits The largest message and the deepest nesting.
   * @param message What a pair is called in errors.
   */
  constructor(protocol: Protocol, limits: Limits, message: "request" | "reply") {
    this.#protocol = protocol;
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
    if (!this.#hasHeader && !this.#begin(chunk)) return;
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

  /**
   * Takes the body, which has arrived.
   *
   * @param schema Its type, if it is known.
   * @returns `undefined` if the peer, which is one of ours, has sent no value.
   */
  protected takeBody(schema: AnyGobSchema | undefined): unknown {
    if (!this.decoder.isEmptyStruct(ABSENT_NAME)) return this.decoder.take(schema);
    this.decoder.skip();
    return undefined;
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
    if (!this.#inBody && this.decoder.isBetween && this.#isGob) return;
    throw this.#broken(`the stream ended in the middle of a ${this.#message}`);
  }

  /** Looks at how the stream begins. Returns whether it may be gob. */
  #begin(chunk: Uint8Array): boolean {
    const kept = chunk.subarray(0, KEPT_BYTES - this.#beginning.length);
    this.#beginning.add(kept);
    const beginning = this.#beginning.view();
    // In gob, "HTTP/" would be the beginning of a message of 72 bytes, and '{"' of one of 123: don't
    // wait for the rest.
    const kind = beginningOf(beginning);
    if (kind !== "json" && kind !== "http") return true;
    const isWanted = this.#message === "reply" && beginning.length < KEPT_BYTES;
    if (isWanted && !this.#mayEndAnswer(kept)) return false;
    const answer = isWanted ? answerIn(new TextDecoder().decode(beginning)) : {};
    if (answer === undefined) return false; // the rest of it, or the end, tells more
    if (answer.error === undefined) throw this.#notHeader("no gob");
    throw answer.error;
  }

  /**
   * Whether an answer that is not gob may end with these bytes. A brace may be none of its own: it is
   * looked at again only once it is twice as long, or small chunks would each have all of it parsed.
   */
  #mayEndAnswer(chunk: Uint8Array): boolean {
    const { length } = this.#beginning;
    const mayEnd = this.#lookedAt === 0 || chunk.includes(NEWLINE) ||
      chunk[chunk.length - 1] === CLOSE_BRACE && length >= 2 * this.#lookedAt;
    if (mayEnd) this.#lookedAt = length;
    return mayEnd;
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

  /** Whether nothing has arrived, or what may be gob. */
  get #isGob(): boolean {
    return this.#hasHeader || this.#beginning.length === 0 || this.decoder.buffered > 0;
  }

  #quote(): string {
    return foreign(new TextDecoder("latin1").decode(this.#beginning.view()), this.#protocol);
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
