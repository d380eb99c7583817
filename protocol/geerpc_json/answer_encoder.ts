/**
 * Encodes answers of `geerpc/json` that are kept: as bytes, of which a connection writes all but the
 * `Seq`, that of whoever asks.
 *
 * @module
 */

import { takenWhole } from "../../internal/buffer.ts";
import type { Failure, Limits, ServerCodec } from "../codec.ts";
import { headerPrefix } from "./header.ts";
import { JsonServerCodec } from "./server.ts";

/** Takes an answer: the number under which it was given, its method, and what stands behind `Seq`. */
export type AnswerTaker = (seq: number, serviceMethod: string, answer: Uint8Array) => void;

/** What of a codec is needed to answer. */
export type AnswerWriter = Pick<ServerCodec, "reply" | "fail" | "bufferedBytes">;

/** Encodes answers for which there may be no connection. */
export class AnswerEncoder {
  readonly #codec: JsonServerCodec;

  /** @param limits The largest message. */
  constructor(limits: Limits) {
    this.#codec = new JsonServerCodec(limits);
    this.#codec.extend("", { current: () => 0 }); // who names calls knows our extensions
    this.#codec.take();
  }

  /**
   * What hands over each reply or error in one piece.
   *
   * @param take Takes the answers.
   */
  into(take: AnswerTaker): AnswerWriter {
    const codec = this.#codec;
    const handOver = (seq: number, serviceMethod: string) => {
      take(seq, serviceMethod, takenWhole(codec).slice(headerPrefix(serviceMethod).length + 1));
    };
    return {
      bufferedBytes: 0,
      reply(seq: number, serviceMethod: string, value: unknown): void {
        codec.reply(0, serviceMethod, value);
        handOver(seq, serviceMethod);
      },
      fail(seq: number, serviceMethod: string, failure: Failure): void {
        codec.fail(0, serviceMethod, failure);
        handOver(seq, serviceMethod);
      },
    };
  }
}
