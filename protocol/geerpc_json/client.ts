/**
 * The client's half of `geerpc/json`: GeeRPC's header and body, each one line of JSON.
 *
 * @module
 */

import type {
  ClientCodec,
  Extensions,
  Limits,
  PendingReply,
  ReplySink,
  RequestExtras,
} from "../codec.ts";
import { errorText, receivedCode, RpcError } from "../../errors.ts";
import { foreign, refusedConnection } from "../foreign.ts";
import { retryAfterIn, verdictIn } from "../go_errors.ts";
import { encodeOption } from "../handshake.ts";
import { overLimit, parse, stringify } from "../json.ts";
import { answersUnreadArgument } from "../unknown_method.ts";
import { FastValueReader } from "./fast_values.ts";
import {
  CALL_END,
  FastHeaderReader,
  type Header,
  isBlank,
  parseHeader,
  partsOf,
} from "./header.ts";
import {
  callText,
  creditText,
  deliverItem,
  ItemHeaderReader,
  readItem,
  readWord,
} from "./items.ts";
import { LineReader, type Lines, type LineSink } from "./lines.ts";
import { MessageWriter } from "./message_writer.ts";
import { refusalOfParts, useOfParts } from "./parts.ts";
import { decodeBody, type ReceivedParts } from "./values/decode.ts";

/** How much is said of why a call is cancelled, in characters. */
const LONGEST_REASON = 1000;

/** Writes calls and reads replies. */
export class JsonClientCodec implements ClientCodec, LineSink {
  readonly #limits: Limits;
  readonly #lines: LineReader;
  readonly #writer: MessageWriter;
  readonly #fastHeader = new FastHeaderReader();
  readonly #itemHeader = new ItemHeaderReader();
  readonly #fastValue = new FastValueReader();
  #sink!: ReplySink;
  readonly hasHandshake = true;
  readonly asksForExtensions = true;
  /** The header whose body comes next, unless it was read on the fast path. */
  #header: Header | undefined;
  #seq = 0;
  /** Whether the last header was an item's, read fast: the next one may be, too. */
  #isItem = false;
  #inBody = false;
  /** What comes beside the next body, if anything does. */
  #lengths: readonly number[] | undefined;
  /** The body whose parts come next. */
  #text = "";
  /** How many bytes it has, with its parts. */
  #bytes = 0;

  /**
   * @param limits The largest message and the deepest nesting.
   * @param handleTimeoutMs How long the server lets each call run, in milliseconds; 0: no limit.
   */
  constructor(limits: Limits, handleTimeoutMs: number) {
    this.#limits = limits;
    this.#lines = new LineReader(limits.maxMessageBytes);
    this.#writer = new MessageWriter(limits, "args", "unknown");
    this.#writer.append(encodeOption("application/json", handleTimeoutMs));
  }

  request(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    const { timeoutMs = Infinity, meta } = extras;
    if (timeoutMs === Infinity && meta === undefined && extras.stream === undefined) {
      return void this.#writer.add(seq, serviceMethod, CALL_END, args);
    }
    let more = "";
    if (timeoutMs !== Infinity) more += `,"Timeout":${Math.ceil(timeoutMs)}`;
    if (meta !== undefined) more += `,"Meta":${stringify(meta, this.#limits, "meta")}`;
    if (extras.stream !== undefined) more += callText(extras.stream);
    this.#writer.add(seq, serviceMethod, `${more}}\n`, args);
  }

  cancel(seq: number, why = ""): void {
    const error = why === "" ? "" : `,"Error":${JSON.stringify(why.slice(0, LONGEST_REASON))}`;
    this.#writer.append(`{"ServiceMethod":"","Seq":${seq}${error},"Cancel":true}\nnull\n`);
  }

  readonly items = {
    item: (seq: number, value: unknown, mostBytes: number): number =>
      this.#writer.addItem(seq, value, mostBytes),
    credit: (seq: number, items: number, bytes: number): void =>
      this.#writer.append(creditText(seq, items, bytes)),
    end: (seq: number): void =>
      this.#writer.append(`{"ServiceMethod":"","Seq":${seq},"End":true}\nnull\n`),
  };

  ping(seq: number): void {
    this.#writer.append(`{"ServiceMethod":"","Seq":${seq},"Ping":true}\nnull\n`);
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

  receive(chunk: Uint8Array, sink: ReplySink): void {
    this.#sink = sink;
    this.#lines.push(chunk, this);
  }

  end(): void {
    if (this.#lines.atBoundary && !this.#inBody) return;
    const { unfinished } = this.#lines;
    const behind = unfinished === "" ? "" : `, behind ${foreign(unfinished, "geerpc/json")}`;
    throw new RpcError("data_loss", `the stream ended in the middle of a reply${behind}`);
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
      this.#sink.stream?.(this.#seq)?.failItem("resource_exhausted", `is ${what}`);
    } else this.#sink.take(this.#seq)?.failDecode("resource_exhausted", `the reply is ${what}`);
  }

  raw(parts: ReceivedParts): void {
    if (this.#header?.Item) {
      const stream = this.#sink.stream?.(this.#seq);
      const body = { text: this.#text, bytes: this.#bytes };
      return stream && deliverItem(stream, body, this.#limits, parts);
    }
    const call = this.#sink.take(this.#seq);
    if (call !== undefined) this.#answer(call, this.#text, parts);
  }

  #head(lines: Lines): void {
    this.#isItem = this.#isItem && this.#itemHeader.read(lines);
    if (this.#isItem) this.#seq = this.#itemHeader.seq;
    else if (this.#fastHeader.read(lines)) {
      if (this.#writer.reads === "unknown") this.#learn("json");
      this.#seq = this.#fastHeader.seq;
      this.#header = this.#lengths = undefined;
    } else if (this.#itemHeader.read(lines)) {
      this.#isItem = true;
      this.#seq = this.#itemHeader.seq;
      this.#header = this.#lengths = undefined;
    } else {
      const line = lines.text();
      if (isBlank(line)) return;
      const header = this.#header = parseHeader(line);
      const isRefusal = header.Seq === 0 && header.Error !== "" && !answersUnreadArgument(header);
      // One that ends, drains or refuses may say so before it has read what it is asked.
      const isAnswer = !header.Ended && !header.Drain && !isRefusal;
      if (isAnswer && header.Ext === undefined && this.#writer.reads === "unknown") {
        this.#learn("json");
      }
      this.#lengths = this.#writer.reads === "values" ? partsOf(header) : undefined;
      if (header.Ended) this.#sink.ended?.();
      else if (header.Drain) this.#sink.drain();
      else if (header.Ext !== undefined) this.#extended(header.Ext);
      else if (isRefusal) {
        throw refusedConnection(header.Error, header, receivedCode(header.Code, "unavailable"));
      }
      this.#seq = header.Seq;
    }
    this.#inBody = true;
  }

  #extended(server: Header["Ext"]): void {
    const { Instance, Load } = server ?? {};
    if (typeof Instance !== "string" || !Number.isSafeInteger(Load) || Load! < 0) {
      throw new RpcError("data_loss", "a server's answer about extensions with a wrong field");
    }
    if (this.#writer.reads === "unknown") {
      this.#learn("values", { instance: Instance, load: Load! });
    }
  }

  /** What a server says first shows what it can read. */
  #learn(reads: "json" | "values", server?: Extensions): void {
    this.#writer.learn(reads);
    this.#sink.extended?.(server);
  }

  #body(lines: Lines): void {
    this.#inBody = false;
    if (this.#lengths !== undefined) return this.#bodyOfParts(lines, this.#lengths);
    if (this.#isItem || this.#header?.Item) return this.#item(lines);
    if (this.#header !== undefined && this.#word(this.#header)) return lines.skip();
    // Taken only now: until its body is here, the call may be cancelled or its connection lost.
    const call = this.#sink.take(this.#seq);
    if (call === undefined) return lines.skip(); // it was cancelled
    const header = this.#header;
    if (header !== undefined && header.Error !== "") {
      if (header.Details === true) return this.#fail(call, header, lines.text());
      lines.skip();
      return this.#fail(call, header, "");
    }
    if (this.#fastValue.read(lines)) return call.resolve(this.#fastValue.value);
    this.#answer(call, lines.text());
  }

  #item(lines: Lines): void {
    readItem(lines, this.#sink.stream?.(this.#seq), this.#fastValue, this.#limits);
  }

  /** Reads what is said of a stream, if it is that. */
  #word(header: Header): boolean {
    const stream = () => this.#sink.stream?.(header.Seq);
    if (header.End !== true || header.Error !== "") return readWord(header, stream);
    const ended = stream();
    ended?.end();
    return ended !== undefined; // a call without items is answered by it
  }

  #bodyOfParts(lines: Lines, lengths: readonly number[]): void {
    const from = lines.at;
    const text = lines.text();
    const refusal = refusalOfParts(text, lengths, this.#limits);
    this.#lines.expect(lengths, lines, refusal === undefined ? useOfParts(text) : "skipped");
    this.#text = text;
    this.#bytes = lengths.reduce((sum, length) => sum + length, lines.at - from - 1);
    if (refusal === undefined) return;
    if (this.#header?.Item) {
      return this.#sink.stream?.(this.#seq)?.failItem(refusal.code, `is ${refusal.what}`);
    }
    this.#sink.take(this.#seq)?.failDecode(refusal.code, `the reply is ${refusal.what}`);
  }

  /** Ends a call with what has come: the body, and what was beside it. */
  #answer(call: PendingReply, text: string, parts?: ReceivedParts): void {
    const header = this.#header;
    if (header !== undefined && header.Error !== "") return this.#fail(call, header, text, parts);
    let value: unknown;
    try {
      value = this.#decode(text, parts);
    } catch (cause) {
      return call.failDecode("data_loss", `the reply can't be decoded: ${errorText(cause)}`, cause);
    }
    call.resolve(value);
  }

  #fail(call: PendingReply, header: Header, text: string, parts?: ReceivedParts): void {
    const { code, execution: ofHandler } = verdictIn(header, call.serviceMethod);
    const execution = header.Drain ? "unknown" : ofHandler; // it was interrupted
    const retryAfterMs = retryAfterIn(header);
    if (header.Details !== true || this.#writer.reads !== "values") {
      return call.fail(code, header.Error, execution, { retryAfterMs });
    }
    let details: unknown;
    try {
      details = this.#decode(text, parts);
    } catch (cause) {
      return call.fail(code, header.Error, execution, { retryAfterMs, cause });
    }
    call.fail(code, header.Error, execution, { retryAfterMs, details });
  }

  #decode(text: string, parts: ReceivedParts | undefined): unknown {
    if (this.#writer.reads === "values") return decodeBody(text, this.#limits, parts);
    return parse(text, this.#limits);
  }
}
