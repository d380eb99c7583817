/**
 * `geerpc/json`: GeeRPC's header and body, each one line of JSON.
 *
 * @module
 */

import {
  type ClientCodec,
  excerpt,
  isLongerThan,
  type Limits,
  type ReplySink,
  type RequestExtras,
  type RequestSink,
  type ServerCodec,
  TextWriter,
} from "./codec.ts";
import { errorText, isRpcCode, type RpcCode, RpcError } from "./errors.ts";
import { encodeOption, rejectedBy } from "./geerpc.ts";
import { REJECTED, verdictOf } from "./go_errors.ts";
import { LineReader, type LineSink, parse, stringify } from "./json.ts";

/** A header, from either side; every field but these three is an extension of ours. */
interface Header {
  ServiceMethod: string;
  Seq: number;
  Error: string;
  Timeout?: number;
  Meta?: Record<string, string>;
  Cancel?: boolean;
  Drain?: boolean;
  Ping?: boolean;
  Code?: string;
  Rejected?: boolean;
}

const HEADER_START = '{"ServiceMethod":"';
const BEFORE_SEQ = '","Seq":';
const NO_ERROR = ',"Error":""}';
/** What needs no escape in JSON. */
const PLAIN = /^[\w.$/-]*$/;
/** Fifteen digits are always a safe integer. */
const MOST_DIGITS = 15;

/**
 * The usual header, read without building an object: service method, Seq and
 * nothing else. Anything unusual is left to {@linkcode parseHeader}.
 */
class UsualHeader {
  serviceMethodFrom = 0;
  serviceMethodTo = 0;
  seq = 0;

  read(text: string, from: number, to: number): boolean {
    if (!text.startsWith(HEADER_START, from)) return false;
    const quote = text.indexOf('"', from + HEADER_START.length);
    if (quote < 0 || !text.startsWith(BEFORE_SEQ, quote)) return false;
    if (text.charCodeAt(quote - 1) === 92) return false; // an escaped quote ends nothing
    const digits = quote + BEFORE_SEQ.length;
    let at = digits;
    let seq = 0;
    for (let code = text.charCodeAt(at); code >= 48 && code <= 57; code = text.charCodeAt(++at)) {
      seq = seq * 10 + code - 48;
    }
    if (at === digits || at - digits > MOST_DIGITS) return false;
    const bare = at + 1 === to && text.charCodeAt(at) === 125; // }
    if (!bare && !(at + NO_ERROR.length === to && text.startsWith(NO_ERROR, at))) return false;
    this.serviceMethodFrom = from + HEADER_START.length;
    this.serviceMethodTo = quote;
    this.seq = seq;
    return true;
  }
}

function broken(what: string): RpcError {
  return new RpcError("data_loss", what);
}

function parseHeader(line: string): Header {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw broken(`expected a header of geerpc/json, got ${excerpt(line)}`);
  }
  const header = value as Partial<Header> | null;
  if (typeof header !== "object" || header === null) {
    throw broken(`expected a header of geerpc/json, got ${excerpt(line)}`);
  }
  const { ServiceMethod = "", Seq = 0, Error = "" } = header;
  if (
    typeof ServiceMethod !== "string" || typeof Error !== "string" ||
    !Number.isSafeInteger(Seq) || Seq < 0
  ) {
    throw broken(`a header of geerpc/json with a wrong field: ${excerpt(line)}`);
  }
  return { ...header, ServiceMethod, Seq, Error };
}

function isBlank(text: string, from: number, to: number): boolean {
  return to === from || text.slice(from, to).trim() === "";
}

/** The client's half of `geerpc/json`. */
export class JsonClientCodec implements ClientCodec, LineSink {
  readonly #limits: Limits;
  readonly #lines: LineReader;
  readonly #writer = new TextWriter();
  readonly #usual = new UsualHeader();
  readonly #names = new Map<string, string>();
  #sink!: ReplySink;
  /** The header whose body is to come, unless it is the usual one. */
  #header: Header | undefined;
  #seq = 0;
  #inBody = false;

  /**
   * @param limits The largest message and the deepest nesting.
   * @param handleTimeoutMs What the server gives each call of this connection; 0: no limit.
   */
  constructor(limits: Limits, handleTimeoutMs: number) {
    this.#limits = limits;
    this.#lines = new LineReader(limits.maxMessageBytes);
    this.#writer.append(encodeOption("application/json", handleTimeoutMs));
  }

  request(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    const body = stringify(args, this.#limits);
    let name = this.#names.get(serviceMethod);
    if (name === undefined) {
      name = `{"ServiceMethod":${JSON.stringify(serviceMethod)},"Seq":`;
      if (this.#names.size < 1000) this.#names.set(serviceMethod, name);
    }
    let header = name + seq;
    const { timeoutMs = Infinity } = extras;
    if (timeoutMs !== Infinity) header += `,"Timeout":${Math.ceil(timeoutMs)}`;
    if (extras.meta !== undefined) header += `,"Meta":${stringify(extras.meta, this.#limits)}`;
    header += "}";
    if (isLongerThan(header, this.#limits.maxMessageBytes)) {
      const what = `its header is over the limit of ${this.#limits.maxMessageBytes} bytes`;
      throw new RpcError("resource_exhausted", what);
    }
    this.#writer.append(header + "\n" + body + "\n");
  }

  cancel(seq: number): void {
    this.#writer.append(`{"ServiceMethod":"","Seq":${seq},"Cancel":true}\nnull\n`);
  }

  ping(seq: number): void {
    this.#writer.append(`{"ServiceMethod":"","Seq":${seq},"Ping":true}\nnull\n`);
  }

  take(): Uint8Array {
    return this.#writer.take();
  }

  receive(chunk: Uint8Array, sink: ReplySink): void {
    this.#sink = sink;
    this.#lines.push(chunk, this);
  }

  end(): void {
    if (this.#lines.atBoundary && !this.#inBody) return;
    const { unfinished } = this.#lines;
    const behind = unfinished === "" ? "" : `, behind ${excerpt(unfinished)}`;
    throw broken(`the stream ended in the middle of a reply${behind}`);
  }

  line(text: string, from: number, to: number): void {
    if (this.#inBody) return this.#body(text, from, to);
    if (this.#usual.read(text, from, to)) {
      this.#seq = this.#usual.seq;
      this.#header = undefined;
    } else {
      if (isBlank(text, from, to)) return;
      const header = this.#header = parseHeader(text.slice(from, to));
      if (header.Drain) this.#sink.drain();
      else if (header.Seq === 0 && header.Error !== "" && !rejectedBy(header.Error)) {
        // A rejection of Seq 0 is how a peer answers an extension it doesn't know.
        throw new RpcError(
          isRpcCode(header.Code) ? header.Code : "unavailable",
          `the server refused the connection: ${header.Error}`,
        );
      }
      this.#seq = header.Seq;
    }
    this.#inBody = true;
  }

  tooLong(): void {
    const what = `over the limit of ${this.#limits.maxMessageBytes} bytes (maxMessageBytes)`;
    if (!this.#inBody) throw new RpcError("resource_exhausted", `a header ${what}`);
    this.#inBody = false;
    this.#sink.take(this.#seq)?.spoil("resource_exhausted", `the reply is ${what}`);
  }

  #body(text: string, from: number, to: number): void {
    this.#inBody = false;
    // Only now: until its body has come, it can be given up or lost.
    const call = this.#sink.take(this.#seq);
    if (call === undefined) return; // nobody waits for it
    const header = this.#header;
    if (header !== undefined && header.Error !== "") {
      const verdict = header.Rejected === true ? REJECTED : verdictOf(header.Error);
      const code = isRpcCode(header.Code) ? header.Code : verdict.code;
      return call.fail(code, header.Error, verdict.execution);
    }
    let value: unknown;
    try {
      value = parse(text.slice(from, to), this.#limits);
    } catch (cause) {
      return call.spoil("data_loss", `the reply can't be decoded: ${errorText(cause)}`, cause);
    }
    call.resolve(value);
  }
}

/** The server's half of `geerpc/json`. The handshake has been read already. */
export class JsonServerCodec implements ServerCodec, LineSink {
  readonly #limits: Limits;
  readonly #lines: LineReader;
  readonly #writer = new TextWriter();
  readonly #usual = new UsualHeader();
  #sink!: RequestSink;
  #inBody = false;
  #serviceMethod = "";
  #seq = 0;
  #header: Header | undefined;

  /** @param limits The largest message and the deepest nesting. */
  constructor(limits: Limits) {
    this.#limits = limits;
    this.#lines = new LineReader(limits.maxMessageBytes);
  }

  receive(chunk: Uint8Array, sink: RequestSink): void {
    this.#sink = sink;
    this.#lines.push(chunk, this);
  }

  line(text: string, from: number, to: number): void {
    if (this.#inBody) {
      this.#inBody = false;
      return this.#body(text, from, to);
    }
    const usual = this.#usual;
    if (usual.read(text, from, to)) {
      const name = text.slice(usual.serviceMethodFrom, usual.serviceMethodTo);
      this.#serviceMethod = name.includes("\\")
        ? parseHeader(text.slice(from, to)).ServiceMethod
        : name;
      this.#seq = usual.seq;
      this.#header = undefined;
    } else {
      if (isBlank(text, from, to)) return; // what Go writes behind the handshake
      const header = this.#header = parseHeader(text.slice(from, to));
      this.#serviceMethod = header.ServiceMethod;
      this.#seq = header.Seq;
    }
    this.#inBody = true;
  }

  tooLong(): void {
    const what = `over the limit of ${this.#limits.maxMessageBytes} bytes (maxMessageBytes)`;
    if (!this.#inBody) throw new RpcError("resource_exhausted", `a header ${what}`);
    this.#inBody = false;
    const message = `rpc server: the arguments are ${what}`;
    this.#sink.refuse(this.#seq, this.#serviceMethod, "resource_exhausted", message);
  }

  reply(seq: number, serviceMethod: string, value: unknown): void {
    const body = stringify(value, this.#limits);
    this.#writer.append(
      HEADER_START + escaped(serviceMethod) + BEFORE_SEQ + seq + NO_ERROR + "\n" + body + "\n",
    );
  }

  fail(
    seq: number,
    serviceMethod: string,
    message: string,
    code: RpcCode,
    rejected: boolean,
  ): void {
    let header = HEADER_START + escaped(serviceMethod) + BEFORE_SEQ + seq +
      ',"Error":' + JSON.stringify(message);
    if (code !== "unknown") header += `,"Code":"${code}"`;
    if (rejected) header += ',"Rejected":true';
    this.#writer.append(header + "}\n{}\n");
  }

  drain(): void {
    this.#writer.append('{"ServiceMethod":"","Seq":0,"Drain":true}\nnull\n');
  }

  giveUp(message: string, code: RpcCode): void {
    this.#writer.append(
      `{"ServiceMethod":"","Seq":0,"Error":${JSON.stringify(message)},"Code":"${code}"}\n{}\n`,
    );
  }

  take(): Uint8Array {
    return this.#writer.take();
  }

  #body(text: string, from: number, to: number): void {
    const header = this.#header;
    if (header?.Cancel) return this.#sink.cancel(this.#seq);
    if (header?.Ping) {
      this.#writer.append(`{"ServiceMethod":"","Seq":${this.#seq},"Ping":true}\nnull\n`);
      return this.#sink.answered();
    }
    let args: unknown;
    try {
      args = parse(text.slice(from, to), this.#limits);
    } catch (error) {
      const code = error instanceof RpcError ? error.code : "data_loss";
      const message = `rpc server: the arguments can't be decoded: ${errorText(error)}`;
      return this.#sink.refuse(this.#seq, this.#serviceMethod, code, message);
    }
    this.#sink.call(this.#seq, this.#serviceMethod, args, header ? extrasOf(header) : NO_EXTRAS);
  }
}

const NO_EXTRAS: RequestExtras = {};

function extrasOf(header: Header): RequestExtras {
  const { Timeout, Meta } = header;
  const meta: Record<string, string> = Object.create(null);
  if (typeof Meta === "object" && Meta !== null) {
    for (const [key, value] of Object.entries(Meta)) {
      if (typeof value === "string") meta[key] = value;
    }
  }
  return { timeoutMs: typeof Timeout === "number" ? Timeout : undefined, meta };
}

/** A service method as it stands inside quotes; nearly always as it is. */
function escaped(serviceMethod: string): string {
  return PLAIN.test(serviceMethod) ? serviceMethod : JSON.stringify(serviceMethod).slice(1, -1);
}
