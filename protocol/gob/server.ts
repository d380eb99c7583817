/**
 * The server's half of `geerpc/gob` and `netrpc/gob`: header and body are values of one gob stream
 * in each direction.
 *
 * @module
 */

import {
  type Failure,
  type Limits,
  NO_EXTRAS,
  type RequestSink,
  type ServerCodec,
} from "../codec.ts";
import { errorText, type RpcCode } from "../../errors.ts";
import { type AnyGobSchema, GobSchema } from "../../gob.ts";
import type { AnySchema } from "../../internal/schema.ts";
import { ASCII } from "../ascii.ts";
import { DRAINING, ENDED, needsCode, netRpcText, NO_CALL, retryAfterOf } from "../go_errors.ts";
import {
  type GobFamily,
  HEADERS,
  type Headers,
  type RequestHeader,
  type ResponseHeader,
} from "./headers.ts";
import { breaksStream, codeOfValue, PairReader } from "./pair_reader.ts";
import { PairWriter } from "./pair_writer.ts";

const { NEWLINE } = ASCII;

/** Reads calls and writes replies. The handshake has been read by then. */
export class GobServerCodec extends PairReader implements ServerCodec {
  readonly #writer: PairWriter<ResponseHeader>;
  readonly #requestHeader: Headers["request"];
  readonly #isNetRpc: boolean;
  readonly #response = { ServiceMethod: "", Seq: 0, Error: "", Code: "", Rejected: false };
  #request!: RequestHeader;
  #sink!: RequestSink;
  #begun = false;

  /**
   * @param family Which of the two protocols.
   * @param limits The largest message and the deepest nesting.
   */
  constructor(family: GobFamily, limits: Limits) {
    super(`${family}/gob`, limits, "request");
    this.#writer = new PairWriter(limits, HEADERS[family].response);
    this.#requestHeader = HEADERS[family].request;
    this.#isNetRpc = family === "netrpc";
  }

  receive(chunk: Uint8Array, sink: RequestSink): void {
    this.#sink = sink;
    let bytes = chunk;
    if (!this.#begun && chunk.length > 0) {
      this.#begun = true;
      // Go writes a newline behind the option. A stream can't begin with one: its first message
      // defines the header, and is longer than ten bytes.
      if (chunk[0] === NEWLINE && !this.#isNetRpc) bytes = chunk.subarray(1);
    }
    this.read(bytes);
  }

  reply(seq: number, serviceMethod: string, value: unknown, schema?: AnySchema): void {
    this.#writer.add(this.#header(seq, serviceMethod, ""), value, schema);
  }

  fail(seq: number, serviceMethod: string, failure: Failure): void {
    const error = this.#isNetRpc ? netRpcText(failure, serviceMethod) : failure.message;
    const header = this.#header(seq, serviceMethod, error);
    if (!this.#isNetRpc && needsCode(failure, serviceMethod)) header.Code = failure.code;
    header.Rejected = failure.rejected;
    try {
      if (this.#isNetRpc || failure.retryAfterMs === undefined) this.#writer.addEmpty(header);
      else {
        const full = { ...header, RetryAfter: retryAfterOf(failure.retryAfterMs) };
        this.#writer.addEmpty(full, HEADERS.geerpc.fullResponse);
      }
    } finally {
      header.Code = "";
      header.Rejected = false;
    }
  }

  drain(): void {
    this.fail(NO_CALL, "", { code: "unavailable", message: DRAINING, rejected: true });
  }

  end(): void {
    this.fail(NO_CALL, "", { code: "unavailable", message: ENDED, rejected: true });
  }

  /** A reply to nobody: gob has no blank, and clients drop the reply to a call that they don't know. */
  probe(): void {
    this.#writer.addEmpty(this.#header(NO_CALL, "", ""));
  }

  get bufferedBytes(): number {
    return this.#writer.length;
  }

  take(): Uint8Array {
    return this.#writer.take();
  }

  protected readHeader(): void {
    this.#request = this.decoder.take(this.#requestHeader);
  }

  protected readBody(): void {
    const { Seq, ServiceMethod } = this.#request;
    const schema = this.#sink.schemaOf?.(ServiceMethod)?.args;
    if (schema !== undefined && !(schema instanceof GobSchema)) {
      this.decoder.skip();
      return this.#refuse("internal", `the schema of ${ServiceMethod}'s argument is none of gob's`);
    }
    let args: unknown;
    try {
      args = this.takeBody(schema as AnyGobSchema | undefined);
    } catch (error) {
      if (breaksStream(error)) throw error;
      const code = codeOfValue(error, "invalid_argument");
      return this.#refuse(code, `the arguments can't be decoded: ${errorText(error)}`);
    }
    this.#sink.call(Seq, ServiceMethod, args, NO_EXTRAS);
  }

  #refuse(code: RpcCode, what: string): void {
    const { Seq, ServiceMethod } = this.#request;
    this.#sink.refuse(Seq, ServiceMethod, code, `rpc server: ${what}`, true);
  }

  /** The header of a reply: one object for all of them. */
  #header(seq: number, serviceMethod: string, error: string) {
    const header = this.#response;
    header.ServiceMethod = serviceMethod;
    header.Seq = seq;
    header.Error = error;
    return header;
  }
}
