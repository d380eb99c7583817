/**
 * The server's half of `geerpc/json`: GeeRPC's header and body, each one line of JSON.
 *
 * @module
 */

import {
  type Failure,
  type Limits,
  NO_EXTRAS,
  type RequestExtras,
  type RequestSink,
  type ServerCodec,
} from "../codec.ts";
import { errorText, type RpcCode, RpcError } from "../../errors.ts";
import { needsCode, retryAfterOf } from "../go_errors.ts";
import { overLimit, parse } from "../json.ts";
import { FastValueReader } from "./fast_values.ts";
import {
  FastHeaderReader,
  type Header,
  isBlank,
  parseHeader,
  partsOf,
  REPLY_END,
} from "./header.ts";
import {
  creditText,
  deliverItem,
  ItemHeaderReader,
  readItem,
  readWord,
  streamsIn,
} from "./items.ts";
import { LineReader, type Lines, type LineSink } from "./lines.ts";
import { MessageWriter } from "./message_writer.ts";
import { refusalOfParts, useOfParts } from "./parts.ts";
import { decodeBody, type ReceivedParts } from "./values/decode.ts";

/** The end of the header behind the last item of a stream. */
const STREAM_END = ',"Error":"","End":true}\n';

/** Reads calls and writes replies. The handshake has been read by then. */
export class JsonServerCodec implements ServerCodec, LineSink {
  readonly #limits: Limits;
  readonly #lines: LineReader;
  readonly #writer: MessageWriter;
  readonly #fastHeader = new FastHeaderReader();
  readonly #itemHeader = new ItemHeaderReader();
  readonly #fastValue = new FastValueReader();
  #sink!: RequestSink;
  #inBody = false;
  #serviceMethod = "";
  #seq = 0;
  #isExtended = false;
  /** Whether the last header was an item's, read fast: the next one may be, too. */
  #isItem = false;
  /** The header whose body comes next, unless it was read on the fast path. */
  #header: Header | undefined;
  /** What comes beside the next body, if anything does. */
  #lengths: readonly number[] | undefined;
  /** The body whose parts come next. */
  #text = "";
  /** How many bytes it has, with its parts. */
  #bytes = 0;

  /** @param limits The largest message and the deepest nesting. */
  constructor(limits: Limits) {
    this.#limits = limits;
    this.#lines = new LineReader(limits.maxMessageBytes);
    this.#writer = new MessageWriter(limits, "reply", "json");
  }

  readonly items = {
    item: (seq: number, value: unknown, mostBytes: number): number =>
      this.#writer.addItem(seq, value, mostBytes),
    credit: (seq: number, items: number, bytes: number): void =>
      this.#writer.append(creditText(seq, items, bytes)),
    end: (seq: number, serviceMethod: string): void =>
      void this.#writer.add(seq, serviceMethod, STREAM_END, null),
    unwanted: (seq: number): void =>
      this.#writer.append(`{"ServiceMethod":"","Seq":${seq},"Args":false}\nnull\n`),
  };

  extend(instance: string, load: number): void {
    this.#isExtended = true;
    const header = { ServiceMethod: "", Seq: 0, Ext: { Instance: instance, Load: load } };
    this.#writer.append(`${JSON.stringify(header)}\nnull\n`);
    this.#writer.learn("values");
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
    const what = overLimit(this.#limits);
    if (!this.#inBody) throw new RpcError("resource_exhausted", `a header ${what}`);
    this.#inBody = false;
    if (this.#lengths !== undefined) this.#lines.expect(this.#lengths, undefined, "skipped");
    if (this.#isItem || this.#header?.Item) {
      return this.#sink.stream?.(this.#seq)?.failItem("resource_exhausted", `is ${what}`);
    }
    const message = `rpc server: the arguments are ${what}`;
    this.#refuse("resource_exhausted", message);
  }

  raw(parts: ReceivedParts): void {
    if (this.#header?.Item && this.#isExtended) {
      const stream = this.#sink.stream?.(this.#seq);
      const body = { text: this.#text, bytes: this.#bytes };
      return stream && deliverItem(stream, body, this.#limits, parts);
    }
    this.#message(this.#header, this.#text, parts);
  }

  reply(seq: number, serviceMethod: string, value: unknown): void {
    this.#writer.add(seq, serviceMethod, REPLY_END, value);
  }

  fail(seq: number, serviceMethod: string, failure: Failure): void {
    const { code, message, rejected, retryAfterMs, details, interrupted } = failure;
    let header = `,"Error":${JSON.stringify(message)}`;
    if (needsCode(failure, serviceMethod)) header += `,"Code":"${code}"`;
    if (rejected) header += ',"Rejected":true';
    if (interrupted) header += ',"Drain":true';
    if (retryAfterMs !== undefined) header += `,"RetryAfter":${retryAfterOf(retryAfterMs)}`;
    if (details !== undefined && this.#writer.reads === "values") {
      return void this.#writer.add(
        seq,
        serviceMethod,
        `${header},"Details":true}\n`,
        details,
        "details",
      );
    }
    this.#writer.append(
      `{"ServiceMethod":${JSON.stringify(serviceMethod)},"Seq":${seq}${header}}\n{}\n`,
    );
  }

  drain(): void {
    this.#writer.append('{"ServiceMethod":"","Seq":0,"Drain":true}\nnull\n');
  }

  end(): void {
    this.#writer.append('{"ServiceMethod":"","Seq":0,"Drain":true,"Ended":true}\nnull\n');
  }

  giveUp(message: string, code: RpcCode, hasRun = true): void {
    const rejected = hasRun ? "" : ',"Rejected":true';
    this.#writer.append(
      `{"ServiceMethod":"","Seq":0,"Error":${
        JSON.stringify(message)
      },"Code":"${code}"${rejected}}\n{}\n`,
    );
  }

  probe(): void {
    this.#writer.append("\n");
  }

  get bufferedBytes(): number {
    return this.#writer.length;
  }

  take(): Uint8Array {
    return this.#writer.take();
  }

  takeNext(): Uint8Array | undefined {
    return this.#writer.takeNext();
  }

  #head(lines: Lines): void {
    this.#isItem = this.#isItem && this.#itemHeader.read(lines);
    if (this.#isItem) this.#seq = this.#itemHeader.seq;
    else if (this.#fastHeader.read(lines)) {
      this.#serviceMethod = this.#fastHeader.serviceMethod;
      this.#seq = this.#fastHeader.seq;
      this.#header = this.#lengths = undefined;
    } else if (this.#isExtended && this.#itemHeader.read(lines)) {
      this.#isItem = true;
      this.#seq = this.#itemHeader.seq;
      this.#header = this.#lengths = undefined;
    } else {
      const line = lines.text();
      if (isBlank(line)) return; // Go writes a newline behind the handshake
      const header = this.#header = parseHeader(line);
      this.#lengths = this.#writer.reads === "values" ? partsOf(header) : undefined;
      this.#serviceMethod = header.ServiceMethod;
      this.#seq = header.Seq;
    }
    this.#inBody = true;
  }

  #body(lines: Lines): void {
    this.#inBody = false;
    if (this.#isItem) return this.#item(lines);
    const header = this.#header;
    if (header === undefined && this.#fastValue.read(lines)) {
      return this.#sink.call(this.#seq, this.#serviceMethod, this.#fastValue.value, NO_EXTRAS);
    }
    if (header !== undefined && this.#isExtended) {
      if (header.Item && this.#lengths === undefined) return this.#item(lines);
      if (readWord(header, () => this.#sink.stream?.(header.Seq))) return lines.skip();
    }
    const from = lines.at;
    const text = lines.text();
    if (this.#lengths === undefined) return this.#message(header, text);
    const refusal = refusalOfParts(text, this.#lengths, this.#limits);
    this.#lines.expect(this.#lengths, lines, refusal === undefined ? useOfParts(text) : "skipped");
    this.#text = text;
    this.#bytes = this.#lengths.reduce((sum, length) => sum + length, lines.at - from - 1);
    if (refusal !== undefined) {
      if (header?.Item) {
        return this.#sink.stream?.(this.#seq)?.failItem(refusal.code, `is ${refusal.what}`);
      }
      this.#refuse(refusal.code, `rpc server: the arguments are ${refusal.what}`);
    }
  }

  /** A message has arrived: the body, and what was beside it. */
  #message(header: Header | undefined, text: string, parts?: ReceivedParts): void {
    if (header?.Cancel) return this.#sink.cancel(this.#seq, header.Error || undefined);
    if (header?.Ping) {
      this.#writer.append(`{"ServiceMethod":"","Seq":${this.#seq},"Ping":true}\nnull\n`);
      return this.#sink.answered();
    }
    this.#call(header, text, parts);
  }

  #call(header: Header | undefined, text: string, parts: ReceivedParts | undefined): void {
    let args: unknown;
    try {
      args = this.#writer.reads === "values"
        ? decodeBody(text, this.#limits, parts)
        : parse(text, this.#limits);
    } catch (error) {
      const code = error instanceof RpcError ? error.code : "data_loss";
      const message = `rpc server: the arguments can't be decoded: ${errorText(error)}`;
      return this.#refuse(code, message);
    }
    const extras = header ? extrasOf(header, this.#isExtended) : NO_EXTRAS;
    this.#sink.call(this.#seq, this.#serviceMethod, args, extras);
  }

  #item(lines: Lines): void {
    readItem(lines, this.#sink.stream?.(this.#seq), this.#fastValue, this.#limits);
  }

  #refuse(code: RpcCode, message: string): void {
    this.#sink.refuse(this.#seq, this.#serviceMethod, code, message);
  }
}

/** The deadline and the metadata of a call, and its streams. Metadata that is not a string is dropped. */
function extrasOf(header: Header, isExtended: boolean): RequestExtras {
  const { Timeout, Meta } = header;
  const meta: Record<string, string> = Object.create(null);
  if (typeof Meta === "object" && Meta !== null) {
    for (const [key, value] of Object.entries(Meta)) {
      if (typeof value === "string") meta[key] = value;
    }
  }
  const timeoutMs = typeof Timeout === "number" ? Timeout : undefined;
  const stream = isExtended ? streamsIn(header) : undefined;
  return stream === undefined ? { timeoutMs, meta } : { timeoutMs, meta, stream };
}
