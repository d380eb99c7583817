/**
 * Encodes answers of `geerpc/json` that are kept: as bytes, of which a connection writes all but the
 * `Seq`, that of whoever asks.
 *
 * @module
 */

import type { Failure, Limits, ServerCodec } from "../codec.ts";
import type { AnySchema } from "../../internal/schema.ts";
import { headerPrefix } from "./header.ts";
import { JsonServerCodec } from "./server.ts";

/** Takes an answer: the number under which it was given, its method, and what stands behind `Seq`. */
export type AnswerTaker = (seq: number, serviceMethod: string, answer: Uint8Array) => void;

/** A codec that has no connection: each reply or error is handed over in one piece. */
export class AnswerEncoder implements Pick<ServerCodec, "reply" | "fail" | "bufferedBytes"> {
  readonly #codec: JsonServerCodec;
  readonly #take: AnswerTaker;
  readonly bufferedBytes = 0;

  /**
   * @param limits The largest message.
   * @param take Takes the answers.
   */
  constructor(limits: Limits, take: AnswerTaker) {
    this.#codec = new JsonServerCodec(limits);
    this.#codec.extend("", 0); // who names calls knows our extensions
    this.#codec.take();
    this.#take = take;
  }

  reply(seq: number, serviceMethod: string, value: unknown, _schema?: AnySchema): void {
    this.#codec.reply(0, serviceMethod, value);
    this.#handOver(seq, serviceMethod);
  }

  fail(seq: number, serviceMethod: string, failure: Failure): void {
    this.#codec.fail(0, serviceMethod, failure);
    this.#handOver(seq, serviceMethod);
  }

  #handOver(seq: number, serviceMethod: string): void {
    const bytes = this.#codec.take();
    this.#take(seq, serviceMethod, bytes.slice(headerPrefix(serviceMethod).length + 1));
  }
}
