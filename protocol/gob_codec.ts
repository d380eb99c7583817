/**
 * `geerpc/gob` and `netrpc/gob`: header and body as values of one gob stream
 * in each direction. The two differ in the handshake and in the headers.
 *
 * @module
 */

import { isWorthKeeping } from "../internal/buffer.ts";
import type {
  ClientCodec,
  Limits,
  ReplySink,
  RequestExtras,
  RequestSink,
  ServerCodec,
} from "./codec.ts";
import { excerpt } from "../internal/excerpt.ts";
import { errorText, type RpcCode, RpcError } from "../errors.ts";
import { encodeOption } from "./geerpc.ts";
import { asNetRpc, mustTellCode, verdictIn } from "./go_errors.ts";
import { type AnyGobSchema, gob, GobDecoder, GobEncoder, GobSchema, GobWriter } from "../gob.ts";
import type { AnySchema } from "../schema.ts";

/** Which of the two protocols. */
export type GobFamily = "geerpc" | "netrpc";

interface RequestHeader {
  ServiceMethod: string;
  Seq: number;
}

interface ResponseHeader extends RequestHeader {
  Error: string;
  /** The error's code: an extension of our own server, on `geerpc/gob`. Go passes over it. */
  Code?: string;
  /** Whether the call did not run, and the stream goes on; another of those. */
  Rejected?: boolean;
}

const REQUEST_FIELDS = { ServiceMethod: gob.string, Seq: gob.safeUint };
const RESPONSE_FIELDS = { ...REQUEST_FIELDS, Error: gob.string };

const OUR_FIELDS = { ...RESPONSE_FIELDS, Code: gob.string, Rejected: gob.bool };

interface Headers {
  readonly request: GobSchema<RequestHeader, ResponseHeader>;
  readonly response: GobSchema<ResponseHeader>;
}

/** The headers, by their names in Go. GeeRPC has one for both directions. */
const HEADERS: Record<GobFamily, Headers> = {
  geerpc: {
    request: gob.struct(RESPONSE_FIELDS, { name: "Header" }),
    response: gob.struct(OUR_FIELDS, { name: "Header" }) as GobSchema as Headers["response"],
  },
  netrpc: {
    request: gob.struct(REQUEST_FIELDS, { name: "Request" }),
    response: gob.struct(RESPONSE_FIELDS, { name: "Response" }),
  },
};

/** Why a connection can't be used any further. */
const LOST = "the server does not know a method that was called, and may have lost the stream";

/** The body of an error, and of what has no value: Go's `struct{}`. */
const EMPTY = gob.struct({});
const NOTHING = {};
const NO_EXTRAS: RequestExtras = {};
const NEWLINE = 10;
/** A call of a method that no server has: its refusal proves the server alive. */
const PING = "XClient.Ping";
const FIRST_BYTES = 60;

function broken(what: string, cause?: unknown): RpcError {
  return new RpcError("data_loss", what, { cause });
}

function gobSchema(schema: AnySchema | undefined): AnyGobSchema | undefined {
  if (schema === undefined || schema instanceof GobSchema) return schema;
  throw new RpcError("invalid_argument", "the schema is none of gob's: make it with gob.struct, …");
}

/** The codes that a value may fail with that others don't suffer from. */
function ownCode(error: unknown, otherwise: RpcCode): RpcCode {
  return error instanceof RpcError && error.code === "resource_exhausted" ? error.code : otherwise;
}

function isBroken(error: unknown): boolean {
  return !(error instanceof RpcError) || error.code === "data_loss";
}

/** Gathers what is written, while what has been taken is on its way. */
class Gatherer {
  writer = new GobWriter(1024);
  #taken = new GobWriter(1024);

  take(): Uint8Array {
    const full = this.writer;
    const { bytes, length } = this.#taken;
    this.writer = isWorthKeeping(bytes, length) ? this.#taken : new GobWriter(1024);
    this.writer.clear();
    this.#taken = full;
    return full.view();
  }
}

/** What both halves read: a header, then a body, and again. */
abstract class Reader {
  protected readonly decoder: GobDecoder;
  protected inBody = false;
  readonly #what: string;
  #first: Uint8Array | undefined;
  #anyHeader = false;

  constructor(limits: Limits, what: string) {
    this.decoder = new GobDecoder(limits);
    this.#what = what;
  }

  protected read(chunk: Uint8Array): void {
    const { decoder } = this;
    if (!this.#anyHeader) this.#begin(chunk);
    decoder.push(chunk);
    for (;;) {
      if (!this.inBody) {
        try {
          if (!decoder.ready()) return;
          this.header();
        } catch (error) {
          throw this.#noHeader(error);
        }
        this.#anyHeader = true;
        this.inBody = true;
      }
      if (!decoder.ready()) return;
      this.inBody = false;
      this.body();
    }
  }

  protected abstract header(): void;
  protected abstract body(): void;

  /** The stream has ended in the middle of something. */
  protected unfinished(): RpcError {
    const what = `the stream ended in the middle of a ${this.#what}`;
    return broken(this.#anyHeader ? what : `${what}; ${this.#beginning}`);
  }

  #begin(chunk: Uint8Array): void {
    this.#first ??= chunk.slice(0, FIRST_BYTES);
    // To gob this is the first of 72 bytes, which might be waited for.
    if (this.#beginning.includes('"HTTP/')) throw this.#noHeader("no gob");
  }

  #noHeader(error: unknown): RpcError {
    if (ownCode(error, "data_loss") !== "data_loss" && this.#anyHeader) return error as RpcError;
    const what = `expected the header of a ${this.#what} in gob: ${errorText(error)}`;
    return broken(this.#anyHeader ? what : `${what}; ${this.#beginning}`, error);
  }

  /** Where nothing has been right yet, the peer may not speak gob at all. */
  get #beginning(): string {
    return `the stream began with ${excerpt(new TextDecoder("latin1").decode(this.#first))}`;
  }
}

/** The client's half. */
export class GobClientCodec extends Reader implements ClientCodec {
  /** On `netrpc/gob` only: a GeeRPC server breaks the connection over an unknown method. */
  readonly ping?: (seq: number) => void;
  readonly #encoder: GobEncoder;
  readonly #out = new Gatherer();
  readonly #headers: Headers;
  readonly #request: ResponseHeader = { ServiceMethod: "", Seq: 0, Error: "" };
  #reply!: ResponseHeader;
  #sink!: ReplySink;

  /**
   * @param family Which of the two protocols.
   * @param limits The largest message and the deepest nesting.
   * @param handleTimeoutMs What a GeeRPC server gives each call; 0: no limit.
   */
  constructor(family: GobFamily, limits: Limits, handleTimeoutMs: number) {
    super(limits, "reply");
    this.#encoder = new GobEncoder(limits);
    this.#headers = HEADERS[family];
    if (family === "netrpc") {
      this.ping = (seq) => this.#add(seq, PING, NOTHING, EMPTY);
    } else {
      const option = new TextEncoder().encode(encodeOption("application/gob", handleTimeoutMs));
      const { writer } = this.#out;
      writer.reserve(option.length);
      writer.bytes.set(option, writer.length);
      writer.length += option.length;
    }
  }

  request(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    gobSchema(extras.schema?.reply); // refused now, rather than when the reply is there
    const schema = extras.schema?.args;
    if (schema !== undefined) this.#add(seq, serviceMethod, args, gobSchema(schema));
    else if (args === undefined || args === null) this.#add(seq, serviceMethod, NOTHING, EMPTY);
    else this.#add(seq, serviceMethod, args, undefined);
  }

  #add(seq: number, serviceMethod: string, args: unknown, schema: AnyGobSchema | undefined): void {
    const header = this.#request;
    header.ServiceMethod = serviceMethod;
    header.Seq = seq;
    this.#encoder.encodePairTo(
      this.#out.writer,
      header,
      this.#headers.request,
      args,
      schema as GobSchema | undefined,
    );
  }

  get bufferedBytes(): number {
    return this.#out.writer.length;
  }

  take(): Uint8Array {
    return this.#out.take();
  }

  receive(chunk: Uint8Array, sink: ReplySink): void {
    this.#sink = sink;
    this.read(chunk);
  }

  end(): void {
    if (this.inBody || !this.decoder.isBetween) throw this.unfinished();
  }

  protected header(): void {
    this.#reply = this.decoder.take(this.#headers.response);
  }

  protected body(): void {
    const { Seq, Error, Code, Rejected } = this.#reply;
    // Taken only now that the body is there, so that a lost connection finds it.
    const call = this.#sink.take(Seq);
    if (call === undefined) return void this.decoder.skip();
    if (Error !== "") {
      this.decoder.skip();
      const { code, execution } = verdictIn(this.#reply, call.serviceMethod);
      // Go's GeeRPC server leaves the body of such a call in the stream.
      const isGo = Rejected === false && Code === "";
      if (isGo && execution === "rejected") this.#sink.drain(LOST);
      return call.fail(code, Error, execution);
    }
    let value: unknown;
    try {
      value = this.decoder.take(call.schema?.reply as AnyGobSchema | undefined);
    } catch (error) {
      const what = `the reply can't be decoded: ${errorText(error)}`;
      call.failDecode(ownCode(error, "data_loss"), what, error);
      if (isBroken(error)) throw error;
      return;
    }
    call.resolve(value);
  }
}

/** The server's half. The handshake has been read already. */
export class GobServerCodec extends Reader implements ServerCodec {
  readonly #encoder: GobEncoder;
  readonly #out = new Gatherer();
  readonly #headers: Headers;
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
    super(limits, "request");
    this.#encoder = new GobEncoder(limits);
    this.#headers = HEADERS[family];
    this.#isNetRpc = family === "netrpc";
  }

  receive(chunk: Uint8Array, sink: RequestSink): void {
    this.#sink = sink;
    let bytes = chunk;
    if (!this.#begun && chunk.length > 0) {
      this.#begun = true;
      // Go writes a newline behind the option. No gob stream of ours begins
      // with one: its first message defines the header, in more than ten bytes.
      if (chunk[0] === NEWLINE && !this.#isNetRpc) bytes = chunk.subarray(1);
    }
    this.read(bytes);
  }

  reply(seq: number, serviceMethod: string, value: unknown, schema?: AnySchema): void {
    if (schema !== undefined) this.#add(seq, serviceMethod, "", value, gobSchema(schema));
    else if (value === undefined || value === null) {
      this.#add(seq, serviceMethod, "", NOTHING, EMPTY);
    } else this.#add(seq, serviceMethod, "", value, undefined);
  }

  fail(
    seq: number,
    serviceMethod: string,
    message: string,
    code: RpcCode,
    rejected: boolean,
  ): void {
    const header = this.#response;
    let words = message;
    if (this.#isNetRpc) words = asNetRpc(message, serviceMethod, rejected);
    else if (mustTellCode(code, message, serviceMethod)) header.Code = code;
    header.Rejected = rejected;
    try {
      this.#add(seq, serviceMethod, words, NOTHING, EMPTY);
    } finally {
      header.Code = "";
      header.Rejected = false;
    }
  }

  get bufferedBytes(): number {
    return this.#out.writer.length;
  }

  take(): Uint8Array {
    return this.#out.take();
  }

  protected header(): void {
    this.#request = this.decoder.take(this.#headers.request);
  }

  protected body(): void {
    const { Seq, ServiceMethod } = this.#request;
    const schema = this.#sink.schemaOf?.(ServiceMethod)?.args;
    if (schema !== undefined && !(schema instanceof GobSchema)) {
      this.decoder.skip();
      const message = `rpc server: the schema of ${ServiceMethod}'s argument is none of gob's`;
      return this.#sink.refuse(Seq, ServiceMethod, "internal", message);
    }
    let args: unknown;
    try {
      args = this.decoder.take(schema as AnyGobSchema | undefined);
    } catch (error) {
      if (isBroken(error)) throw error;
      const message = `rpc server: the arguments can't be decoded: ${errorText(error)}`;
      const code = ownCode(error, "invalid_argument");
      return this.#sink.refuse(Seq, ServiceMethod, code, message);
    }
    this.#sink.call(Seq, ServiceMethod, args, NO_EXTRAS);
  }

  #add(
    seq: number,
    serviceMethod: string,
    error: string,
    value: unknown,
    schema: AnyGobSchema | undefined,
  ): void {
    const header = this.#response;
    header.ServiceMethod = serviceMethod;
    header.Seq = seq;
    header.Error = error;
    this.#encoder.encodePairTo(
      this.#out.writer,
      header,
      this.#headers.response,
      value,
      schema as GobSchema | undefined,
    );
  }
}
