/**
 * `geerpc/json`: GeeRPC's header and body, each one line of JSON.
 *
 * @module
 */

import type {
  ClientCodec,
  Limits,
  PendingReply,
  ReplySink,
  RequestExtras,
  RequestSink,
  ServerCodec,
} from "./codec.ts";
import { excerpt } from "../internal/excerpt.ts";
import { errorText, receivedCode, type RpcCode, RpcError } from "../errors.ts";
import { encodeOption, rejectedBy } from "./geerpc.ts";
import { mustTellCode, verdictIn } from "./go_errors.ts";
import { parse, stringify } from "./json.ts";
import { FlatReader } from "./json_flat.ts";
import { CALL_END, type Header, parseHeader, REPLY_END, UsualHeader } from "./json_header.ts";
import { LineReader, type Lines, type LineSink } from "./json_lines.ts";
import { MessageWriter } from "./json_message.ts";

/** The client's half of `geerpc/json`. */
export class JsonClientCodec implements ClientCodec, LineSink {
  readonly #limits: Limits;
  readonly #lines: LineReader;
  readonly #writer: MessageWriter;
  readonly #usual = new UsualHeader();
  readonly #flat = new FlatReader();
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
    this.#writer = new MessageWriter(limits);
    this.#writer.append(encodeOption("application/json", handleTimeoutMs));
  }

  request(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    const { timeoutMs = Infinity, meta } = extras;
    if (timeoutMs === Infinity && meta === undefined) {
      return this.#writer.add(seq, serviceMethod, CALL_END, args);
    }
    let more = "";
    if (timeoutMs !== Infinity) more += `,"Timeout":${Math.ceil(timeoutMs)}`;
    if (meta !== undefined) more += `,"Meta":${stringify(meta, this.#limits)}`;
    this.#writer.add(seq, serviceMethod, `${more}}\n`, args);
  }

  cancel(seq: number): void {
    this.#writer.append(`{"ServiceMethod":"","Seq":${seq},"Cancel":true}\nnull\n`);
  }

  ping(seq: number): void {
    this.#writer.append(`{"ServiceMethod":"","Seq":${seq},"Ping":true}\nnull\n`);
  }

  get bufferedBytes(): number {
    return this.#writer.length;
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
    throw new RpcError("data_loss", `the stream ended in the middle of a reply${behind}`);
  }

  lines(lines: Lines): void {
    while (lines.more) {
      if (this.#inBody) this.#body(lines);
      else this.#head(lines);
    }
  }

  tooLong(): void {
    const what = `over the limit of ${this.#limits.maxMessageBytes} bytes (maxMessageBytes)`;
    if (!this.#inBody) throw new RpcError("resource_exhausted", `a header ${what}`);
    this.#inBody = false;
    this.#sink.take(this.#seq)?.failDecode("resource_exhausted", `the reply is ${what}`);
  }

  #head(lines: Lines): void {
    if (this.#usual.read(lines)) {
      this.#seq = this.#usual.seq;
      this.#header = undefined;
    } else {
      const line = lines.text();
      if (isBlank(line)) return;
      const header = this.#header = parseHeader(line);
      if (header.Drain) this.#sink.drain();
      else if (header.Seq === 0 && header.Error !== "" && !rejectedBy(header.Error)) {
        // A rejection of Seq 0 is how a peer answers an extension it doesn't know.
        throw new RpcError(
          receivedCode(header.Code, "unavailable"),
          `the server refused the connection: ${header.Error}`,
        );
      }
      this.#seq = header.Seq;
    }
    this.#inBody = true;
  }

  #body(lines: Lines): void {
    this.#inBody = false;
    // Only now: until its body has come, it can be given up or lost.
    const call = this.#sink.take(this.#seq);
    if (call === undefined) return lines.skip(); // nobody waits for it
    const header = this.#header;
    if (header !== undefined && header.Error !== "") {
      lines.skip();
      const { code, execution } = verdictIn(header, call.serviceMethod);
      return call.fail(code, header.Error, execution);
    }
    if (this.#flat.read(lines)) return call.resolve(this.#flat.value);
    this.#resolve(call, lines.text());
  }

  #resolve(call: PendingReply, text: string): void {
    let value: unknown;
    try {
      value = parse(text, this.#limits);
    } catch (cause) {
      return call.failDecode("data_loss", `the reply can't be decoded: ${errorText(cause)}`, cause);
    }
    call.resolve(value);
  }
}

/** The server's half of `geerpc/json`. The handshake has been read already. */
export class JsonServerCodec implements ServerCodec, LineSink {
  readonly #limits: Limits;
  readonly #lines: LineReader;
  readonly #writer: MessageWriter;
  readonly #usual = new UsualHeader();
  readonly #flat = new FlatReader();
  #sink!: RequestSink;
  #inBody = false;
  #serviceMethod = "";
  #seq = 0;
  /** The header whose body is to come, unless it is the usual one. */
  #header: Header | undefined;

  /** @param limits The largest message and the deepest nesting. */
  constructor(limits: Limits) {
    this.#limits = limits;
    this.#lines = new LineReader(limits.maxMessageBytes);
    this.#writer = new MessageWriter(limits);
  }

  receive(chunk: Uint8Array, sink: RequestSink): void {
    this.#sink = sink;
    this.#lines.push(chunk, this);
  }

  lines(lines: Lines): void {
    while (lines.more) {
      if (this.#inBody) this.#body(lines);
      else this.#head(lines);
    }
  }

  tooLong(): void {
    const what = `over the limit of ${this.#limits.maxMessageBytes} bytes (maxMessageBytes)`;
    if (!this.#inBody) throw new RpcError("resource_exhausted", `a header ${what}`);
    this.#inBody = false;
    const message = `rpc server: the arguments are ${what}`;
    this.#sink.refuse(this.#seq, this.#serviceMethod, "resource_exhausted", message);
  }

  reply(seq: number, serviceMethod: string, value: unknown): void {
    this.#writer.add(seq, serviceMethod, REPLY_END, value);
  }

  fail(
    seq: number,
    serviceMethod: string,
    message: string,
    code: RpcCode,
    rejected: boolean,
  ): void {
    let header = `{"ServiceMethod":${JSON.stringify(serviceMethod)},"Seq":${seq}` +
      `,"Error":${JSON.stringify(message)}`;
    if (mustTellCode(code, message, serviceMethod)) header += `,"Code":"${code}"`;
    if (rejected) header += ',"Rejected":true';
    this.#writer.append(`${header}}\n{}\n`);
  }

  drain(): void {
    this.#writer.append('{"ServiceMethod":"","Seq":0,"Drain":true}\nnull\n');
  }

  giveUp(message: string, code: RpcCode): void {
    this.#writer.append(
      `{"ServiceMethod":"","Seq":0,"Error":${JSON.stringify(message)},"Code":"${code}"}\n{}\n`,
    );
  }

  get bufferedBytes(): number {
    return this.#writer.length;
  }

  take(): Uint8Array {
    return this.#writer.take();
  }

  #head(lines: Lines): void {
    if (this.#usual.read(lines)) {
      this.#serviceMethod = this.#usual.serviceMethod;
      this.#seq = this.#usual.seq;
      this.#header = undefined;
    } else {
      const line = lines.text();
      if (isBlank(line)) return; // what Go writes behind the handshake
      const header = this.#header = parseHeader(line);
      this.#serviceMethod = header.ServiceMethod;
      this.#seq = header.Seq;
    }
    this.#inBody = true;
  }

  #body(lines: Lines): void {
    this.#inBody = false;
    const header = this.#header;
    if (header === undefined && this.#flat.read(lines)) {
      return this.#sink.call(this.#seq, this.#serviceMethod, this.#flat.value, NO_EXTRAS);
    }
    const text = lines.text();
    if (header?.Cancel) return this.#sink.cancel(this.#seq);
    if (header?.Ping) {
      this.#writer.append(`{"ServiceMethod":"","Seq":${this.#seq},"Ping":true}\nnull\n`);
      return this.#sink.answered();
    }
    this.#call(header, text);
  }

  #call(header: Header | undefined, text: string): void {
    let args: unknown;
    try {
      args = parse(text, this.#limits);
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

function isBlank(line: string): boolean {
  return line.trim() === "";
}
