/**
 * This file is one class: the server's half of `geerpc/json`, GeeRPC's header and body, each one line
 * of JSON.
 *
 * @module
 */

import {
  type Failure,
  type Limits,
  type LoadSource,
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
  LOAD_START,
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
  /** Whether the last header was an item's, read fast: the next one may be, too. */
  #isItem = false;
  /** The header whose body comes next, unless it was read on the fast path. */
  #header: Header | undefined;
  /** Tells the load, if the client knows our extensions. */
  #load: LoadSource | undefined;
  /** What the client was last told of it. */
  #toldLoad = 0;
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

  extend(instance: string, load: LoadSource): void {
    this.#load = load;
    this.#toldLoad = load.current();
    const ext = { Instance: instance, Load: this.#toldLoad };
    const header = { ServiceMethod: "", Seq: 0, Ext: ext };
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
    if (this.#header?.Item && this.#load !== undefined) {
      const stream = this.#sink.stream?.(this.#seq);
      const body = { text: this.#text, bytes: this.#bytes };
      return stream && deliverItem(stream, body, this.#limits, parts);
    }
    this.#message(this.#header, this.#text, parts);
  }

  reply(seq: number, serviceMethod: string, value: unknown): void {
    const load = this.#currentLoad();
    if (load === this.#toldLoad) {
      return void this.#writer.add(seq, serviceMethod, REPLY_END, value);
    }
    this.#writer.add(seq, serviceMethod, LOAD_START, value, load);
    this.#toldLoad = load;
  }

  fail(seq: number, serviceMethod: string, failure: Failure): void {
    const { code, message, rejected, retryAfterMs, isUnexpected, details, interrupted } = failure;
    let header = `,"Error":${JSON.stringify(message)}`;
    if (needsCode(failure, serviceMethod)) header += `,"Code":"${code}"`;
    if (rejected) header += ',"Rejected":true';
    if (interrupted) header += ',"Drain":true';
    if (retryAfterMs !== undefined) header += `,"RetryAfter":${retryAfterOf(retryAfterMs)}`;
    // Of a call that was rejected it says why: there was more to do than was expected.
    if (rejected ? isUnexpected : this.#currentLoad() !== this.#toldLoad) header += this.#news();
    if (details !== undefined && this.#load !== undefined) {
      const end = `${header},"Details":true}\n`;
      return void this.#writer.add(seq, serviceMethod, end, details, undefined, "details");
    }
    this.#writer.append(
      `{"ServiceMethod":${JSON.stringify(serviceMethod)},"Seq":${seq}${header}}\n{}\n`,
    );
  }

  answer(seq: number, serviceMethod: string, answer: Uint8Array): void {
    this.#writer.addEncoded(seq, serviceMethod, answer);
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
    } else if (this.#load !== undefined && this.#itemHeader.read(lines)) {
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
      const { value } = this.#fastValue;
      return this.#sink.call(this.#seq, this.#serviceMethod, value, this.#fastExtras());
    }
    if (header !== undefined && this.#load !== undefined) {
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
    if (this.#load !== undefined && header?.Ack !== undefined) {
      this.#sink.acknowledged?.(idsIn(header.Ack));
    }
    if (this.#load !== undefined && typeof header?.Recall === "string") {
      return this.#sink.recall?.(this.#seq, header.Recall);
    }
    if (header?.Ping) {
      const news = this.#currentLoad() === this.#toldLoad ? "" : this.#news();
      this.#writer.append(`{"ServiceMethod":"","Seq":${this.#seq},"Ping":true${news}}\nnull\n`);
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
    const extras = header === undefined
      ? this.#fastExtras()
      : extrasOf(header, this.#load !== undefined);
    this.#sink.call(this.#seq, this.#serviceMethod, args, extras);
  }

  /** The extras of a call whose header was read on the fast path. */
  #fastExtras(): RequestExtras {
    const { hasMore, timeoutMs, expect } = this.#fastHeader;
    if (!hasMore) return NO_EXTRAS;
    return {
      timeoutMs: timeoutMs < 0 ? undefined : timeoutMs,
      expect: expect < 0 || this.#load === undefined ? undefined : expect,
    };
  }

  #currentLoad(): number {
    return this.#load === undefined ? this.#toldLoad : this.#load.current();
  }

  /** The field that tells the client of the load. */
  #news(): string {
    return `,"Load":${this.#toldLoad = this.#currentLoad()}`;
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
  const { Timeout, Meta, Expect, Id } = header;
  const meta: Record<string, string> = Object.create(null);
  if (typeof Meta === "object" && Meta !== null) {
    for (const [key, value] of Object.entries(Meta)) {
      if (typeof value === "string") meta[key] = value;
    }
  }
  const timeoutMs = typeof Timeout === "number" ? Timeout : undefined;
  if (!isExtended) return { timeoutMs, meta };
  return {
    timeoutMs,
    meta,
    expect: typeof Expect === "number" ? Expect : undefined,
    id: typeof Id === "string" ? Id : undefined,
    stream: streamsIn(header),
  };
}

/** What a client acknowledges: one id, or some. */
function idsIn(ack: NonNullable<Header["Ack"]>): string[] {
  const ids: unknown[] = Array.isArray(ack) ? ack : [ack];
  return ids.filter((id) => typeof id === "string");
}
