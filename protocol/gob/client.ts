/**
 * The client's half of `geerpc/gob` and `netrpc/gob`: header and body are values of one gob stream
 * in each direction.
 *
 * @module
 */

import type { ClientCodec, Limits, ReplySink, RequestExtras } from "../codec.ts";
import { errorText } from "../../errors.ts";
import type { AnyGobSchema } from "../../gob.ts";
import { retryAfterIn, tellOfDrain, verdictIn } from "../go_errors.ts";
import { encodeOption } from "../handshake.ts";
import { leavesArgumentUnread, PING_METHOD, STREAM_LOST } from "../unknown_method.ts";
import { type GobFamily, HEADERS, type Headers, type ResponseHeader } from "./headers.ts";
import { breaksStream, codeOfValue, PairReader } from "./pair_reader.ts";
import { gobSchema, PairWriter } from "./pair_writer.ts";

/** Writes calls and reads replies. */
export class GobClientCodec extends PairReader implements ClientCodec {
  /**
   * On `geerpc/gob` only once a server has shown that it is one of ours: GeeRPC has no ping, and
   * an unknown method breaks the connection of a server in Go.
   */
  ping?: (seq: number) => void;
  /** Whether the first header has shown whose server it is. */
  #isServerKnown: boolean;
  readonly #writer: PairWriter<ResponseHeader>;
  readonly #replyHeader: Headers["response"];
  readonly #request: ResponseHeader = { ServiceMethod: "", Seq: 0, Error: "" };
  readonly hasHandshake: boolean;
  #reply!: ResponseHeader;
  #sink!: ReplySink;

  /**
   * @param family Which of the two protocols.
   * @param limits The largest message and the deepest nesting.
   * @param handleTimeoutMs How long a GeeRPC server lets each call run, in milliseconds; 0: no
   * limit.
   */
  constructor(family: GobFamily, limits: Limits, handleTimeoutMs: number) {
    super(`${family}/gob`, limits, "reply");
    this.#writer = new PairWriter(limits, HEADERS[family].request);
    this.hasHandshake = family === "geerpc";
    this.#replyHeader = HEADERS[family].fullResponse;
    this.#isServerKnown = family === "netrpc";
    if (family === "netrpc") this.#allowPing();
    else {
      const option = encodeOption("application/gob", handleTimeoutMs);
      this.#writer.addRaw(new TextEncoder().encode(option));
    }
  }

  request(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    gobSchema(extras.schema?.reply); // refused now rather than when the reply has arrived
    this.#writer.add(this.#header(seq, serviceMethod), args, extras.schema?.args);
  }

  get bufferedBytes(): number {
    return this.#writer.length;
  }

  take(): Uint8Array {
    return this.#writer.take();
  }

  receive(chunk: Uint8Array, sink: ReplySink): void {
    this.#sink = sink;
    this.read(chunk);
  }

  end(): void {
    this.endStream();
  }

  protected readHeader(): void {
    if (!this.#isServerKnown) {
      this.#isServerKnown = true;
      if (this.decoder.hasField("Rejected")) this.#allowPing();
    }
    this.#reply = this.decoder.take(this.#replyHeader);
  }

  protected readBody(): void {
    const header = this.#reply;
    // Taken only now: until its body is here, the call may be cancelled or its connection lost.
    const call = this.#sink.take(header.Seq);
    if (header.Error !== "") {
      this.decoder.skip();
      const verdict = verdictIn(header, call?.serviceMethod ?? "");
      tellOfDrain(header.Error, verdict, this.#sink);
      if (call === undefined) return;
      this.#writer.refused(call.serviceMethod, header.Error);
      if (leavesArgumentUnread(header, verdict)) this.#sink.drain(STREAM_LOST);
      const more = { retryAfterMs: retryAfterIn(header) };
      return call.fail(verdict.code, header.Error, verdict.execution, more);
    }
    if (call === undefined) return void this.decoder.skip();
    let value: unknown;
    try {
      value = this.takeBody(call.schema?.reply as AnyGobSchema | undefined) ?? null;
    } catch (error) {
      const what = `the reply can't be decoded: ${errorText(error)}`;
      call.failDecode(codeOfValue(error, "data_loss"), what, error);
      if (breaksStream(error)) throw error;
      return;
    }
    call.resolve(value);
  }

  #allowPing(): void {
    this.ping = (seq) => this.#writer.addEmpty(this.#header(seq, PING_METHOD));
  }

  /** The header of a call: one object for all of them. */
  #header(seq: number, serviceMethod: string): ResponseHeader {
    const header = this.#request;
    header.ServiceMethod = serviceMethod;
    header.Seq = seq;
    return header;
  }
}
