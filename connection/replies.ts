/**
 * The answers of a server on one connection: replies and errors, within the limits.
 *
 * @module
 */

import { codeOf, errorText, type RpcCode } from "../errors.ts";
import type { Failure, ServerCodec } from "../protocol/codec.ts";
import { NOT_RUN } from "../protocol/go_errors.ts";
import type { BatchWriter } from "./batch_writer.ts";
import type { KeptAnswer } from "./kept_answers/kept_answer.ts";
import type { Method } from "./services.ts";
import type { ServerStreams } from "./streams/server_streams.ts";

/** The longest error message that is sent, in characters: longer ones are cut. */
const LONGEST_ERROR = 65_536;
/** It may be shorter where messages are small, but not below this. */
const SHORTEST_LIMIT = 1024;

/** What answers need of their connection. */
export interface RepliesOwner {
  /** Ends the connection. */
  close(): void;
  /** A handler has returned what can't be encoded. */
  replyRefused(serviceMethod: string, error: unknown): void;
}

/** What of a codec is needed to answer. */
export type AnswerCodec = Pick<ServerCodec, "reply" | "fail" | "answer" | "bufferedBytes">;

/** Encodes answers, and has them written. */
export class Replies {
  readonly #codec: AnswerCodec;
  readonly #writer: Pick<BatchWriter, "add">;
  readonly #connection: RepliesOwner;
  readonly #maxBufferedBytes: number;
  readonly #longestError: number;
  /** The streams of the connection, once it has had any. */
  #streams: ServerStreams | undefined;

  /**
   * @param codec The protocol's half for the connection.
   * @param writer Writes what the codec has buffered.
   * @param connection Closed if not even an error fits into the limit.
   * @param maxMessageBytes The limit of a message, and of what is buffered before it is full.
   */
  constructor(
    codec: AnswerCodec,
    writer: Pick<BatchWriter, "add">,
    connection: RepliesOwner,
    maxMessageBytes: number,
  ) {
    this.#codec = codec;
    this.#writer = writer;
    this.#connection = connection;
    this.#maxBufferedBytes = maxMessageBytes;
    this.#longestError = Math.min(LONGEST_ERROR, Math.max(maxMessageBytes / 8, SHORTEST_LIMIT));
  }

  /** The connection has streams from here on, which end with the answers to their calls. */
  streamsAre(streams: ServerStreams): void {
    this.#streams = streams;
  }

  /** Whether so much is buffered that no more is to be encoded until the client has read some. */
  get isFull(): boolean {
    return this.#codec.bufferedBytes > this.#maxBufferedBytes;
  }

  /**
   * Answers a call with what its handler has returned. A value that can't be
   * encoded is answered with an error.
   */
  reply(seq: number, method: Method, value: unknown): void {
    try {
      this.#codec.reply(seq, method.serviceMethod, value, method.schema?.reply);
    } catch (error) {
      const code = codeOf(error) === "resource_exhausted" ? "resource_exhausted" : "internal";
      const message = `rpc server: the reply is refused: ${errorText(error)}`;
      this.#connection.replyRefused(method.serviceMethod, error);
      return this.fail(seq, method.serviceMethod, code, message);
    }
    this.#streams?.answered(seq);
    this.#writer.add();
  }

  /** Answers a call with what was encoded before. */
  answer(seq: number, { serviceMethod, bytes }: KeptAnswer): void {
    this.#codec.answer?.(seq, serviceMethod, bytes); // only a protocol that has it knows of ids
    this.#writer.add();
  }

  /** Answers a call with an error: it has run, perhaps in part. */
  fail(
    seq: number,
    serviceMethod: string,
    code: RpcCode,
    message: string,
    details?: unknown,
  ): void {
    this.#streams?.answered(seq);
    this.#error(seq, serviceMethod, { code, message, rejected: false, details });
  }

  /** Answers a stream with an error because the server ends before its handler has. */
  interrupt(seq: number, serviceMethod: string, message: string): void {
    this.#streams?.answered(seq);
    const failure = { code: "unavailable", message, rejected: false, interrupted: true } as const;
    this.#error(seq, serviceMethod, failure);
  }

  /** Ends a stream behind its last item. */
  endStream(seq: number, method: Method): void {
    this.#streams?.end(seq, method.serviceMethod);
    this.#streams?.answered(seq);
  }

  /** Answers a call with an error that says that it did not run, and perhaps when there is room. */
  reject(
    seq: number,
    serviceMethod: string,
    code: RpcCode,
    message: string,
    more: Pick<Failure, "retryAfterMs" | "details"> = {},
  ): void {
    const { retryAfterMs, details } = more;
    this.#streams?.answered(seq);
    this.#error(seq, serviceMethod, { code, message, rejected: true, retryAfterMs, details });
  }

  /** Answers a call whose caller expected that fewer calls run or wait here: it goes elsewhere. */
  rejectUnexpected(seq: number, serviceMethod: string): void {
    const message = `${NOT_RUN}more calls run or wait here than its caller expected`;
    const failure = { code: "resource_exhausted", message, rejected: true } as const;
    this.#error(seq, serviceMethod, { ...failure, isUnexpected: true });
  }

  /** Answers a call whose sequence number another call has that is not answered yet. */
  rejectDuplicate(seq: number, serviceMethod: string): void {
    const message = `rpc server: a call with Seq ${seq} is running already`;
    this.#error(seq, serviceMethod, { code: "invalid_argument", message, rejected: true });
  }

  #error(seq: number, serviceMethod: string, failure: Failure): void {
    const { message, details } = failure;
    const longest = this.#longestError;
    const text = message.length > longest ? `${message.slice(0, longest)}…` : message;
    // Clients go by the sequence number, and no method has a name of that length.
    const name = serviceMethod.length > longest ? "" : serviceMethod;
    try {
      this.#codec.fail(seq, name, { ...failure, message: text });
    } catch (error) {
      if (details === undefined) return this.#connection.close(); // not even the error fits into the limit
      // It is sent without them; the server's own ears learn why.
      this.#connection.replyRefused(serviceMethod, error);
      return this.#error(seq, serviceMethod, { ...failure, details: undefined });
    }
    this.#writer.add();
  }
}
