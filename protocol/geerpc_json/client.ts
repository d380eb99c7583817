/**
 * This file is one class: the client's half of `geerpc/json`, GeeRPC's header and body, each one line
 * of JSON.
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
  EXPECT_START,
  FastHeaderReader,
  type Header,
  isBlank,
  parseHeader,
  partsOf,
  TIMEOUT_START,
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

const encoder = new TextEncoder();
/** How much is said of why a call is cancelled, in characters. */
const LONGEST_REASON = 1000;

function cancelOf(seq: number, why = ""): string {
  const error = why === "" ? "" : `,"Error":${JSON.stringify(why.slice(0, LONGEST_REASON))}`;
  return `{"ServiceMethod":"","Seq":${seq}${error},"Cancel":true}\nnull\n`;
}

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
  /** What that header tells of the server's load; -1 if it tells nothing. */
  #load = -1;
  #seq = 0;
  /** Whether the last header was an item's, read fast: the next one may be, too. */
  #isItem = false;
  #inBody = false;
  /** Whether the server has said that it knows our extensions. */
  #isExtended = false;
  /** The calls whose answers the server need not keep any more. */
  #acknowledged: string[] = [];
  /** Whether it is known what the server can read. */
  #isKnown = false;
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
    const { timeoutMs = Infinity, meta, expect, id, stream } = extras;
    const isUsual = meta === undefined && id === undefined && stream === undefined;
    if (isUsual && (timeoutMs === Infinity || expect === undefined)) {
      if (expect !== undefined) {
        return void this.#writer.add(seq, serviceMethod, EXPECT_START, args, expect);
      }
      if (timeoutMs === Infinity) return void this.#writer.add(seq, serviceMethod, CALL_END, args);
      return void this.#writer.add(seq, serviceMethod, TIMEOUT_START, args, Math.ceil(timeoutMs));
    }
    let more = "";
    if (timeoutMs !== Infinity) more += `,"Timeout":${Math.ceil(timeoutMs)}`;
    if (meta !== undefined) more += `,"Meta":${stringify(meta, this.#limits, "meta")}`;
    if (expect !== undefined) more += `,"Expect":${expect}`;
    if (stream !== undefined) more += callText(stream);
    if (id === undefined || !this.#isExtended) {
      return void this.#writer.add(seq, serviceMethod, `${more}}\n`, args);
    }
    this.#writer.add(seq, serviceMethod, `${more},"Id":"${id}"${this.#ack}}\n`, args);
    this.#acknowledged = []; // only now: what throws adds nothing
  }

  recall(seq: number, id: string): void {
    this.#writer.append(`{"ServiceMethod":"","Seq":${seq},"Recall":"${id}"}\nnull\n`);
  }

  acknowledge(id: string): number {
    return this.#acknowledged.push(id);
  }

  cancel(seq: number, why = ""): void {
    this.#writer.append(cancelOf(seq, why));
  }

  lastWords(cancelled: readonly number[]): Uint8Array {
    const acknowledged = this.#acknowledged.length > 0 ? this.#pingOf(0) : "";
    return encoder.encode(cancelled.map((seq) => cancelOf(seq)).join("") + acknowledged);
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
    this.#writer.append(this.#pingOf(seq));
    this.#acknowledged = [];
  }

  #pingOf(seq: number): string {
    return `{"ServiceMethod":"","Seq":${seq},"Ping":true${this.#ack}}\nnull\n`;
  }

  /** The field of a header that says which answers need not be kept; empty if there are none. */
  get #ack(): string {
    const ids = this.#acknowledged;
    return ids.length === 0 ? "" : `,"Ack":${JSON.stringify(ids.length === 1 ? ids[0] : ids)}`;
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
    if (this.#load >= 0) this.#sink.loaded?.(this.#load);
    if (call !== undefined) this.#answer(call, this.#text, parts);
  }

  #head(lines: Lines): void {
    this.#isItem = this.#isItem && this.#itemHeader.read(lines);
    if (this.#isItem) this.#seq = this.#itemHeader.seq;
    else if (this.#fastHeader.read(lines)) {
      if (!this.#isKnown) this.#learn("json");
      this.#seq = this.#fastHeader.seq;
      this.#load = this.#isExtended ? this.#fastHeader.load : -1;
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
      if (isAnswer && header.Ext === undefined && !this.#isKnown) {
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
      this.#load = this.#isExtended ? loadIn(header) : -1;
    }
    this.#inBody = true;
  }

  #extended(server: Header["Ext"]): void {
    const { Instance, Load } = server ?? {};
    if (typeof Instance !== "string" || !Number.isSafeInteger(Load) || Load! < 0) {
      throw new RpcError("data_loss", "a server's answer about extensions with a wrong field");
    }
    if (!this.#isKnown) this.#learn("values", { instance: Instance, load: Load! });
  }

  /** What a server says first shows what it can read. */
  #learn(reads: "json" | "values", server?: Extensions): void {
    this.#isExtended = reads === "values";
    this.#isKnown = true;
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
    const header = this.#header;
    if (header?.Ping && header.Error === "") return this.#pong(call, lines);
    const load = this.#load;
    if (load >= 0) this.#sink.loaded?.(load);
    if (call === undefined) return lines.skip(); // it was cancelled
    if (header !== undefined && header.Error !== "") {
      if (header.Details === true) return this.#fail(call, header, lines.text());
      lines.skip();
      return this.#fail(call, header, "");
    }
    if (this.#fastValue.read(lines)) return call.resolve(this.#fastValue.value);
    this.#answer(call, lines.text());
  }

  /** A ping is in the table of calls, but no call: only behind its end the others are counted right. */
  #pong(ping: PendingReply | undefined, lines: Lines): void {
    lines.skip();
    ping?.resolve(null);
    if (this.#load >= 0) this.#sink.loaded?.(this.#load);
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
    const { code, execution: said } = verdictIn(header, call.serviceMethod);
    // Of no method: the server says that it does not know what became of a call with an id.
    const isUnknown = this.#isExtended && header.ServiceMethod === "" && !header.Rejected;
    const isInterrupted = header.Drain === true; // it has run in part
    const execution = isUnknown || isInterrupted ? "unknown" : said;
    // Of a call that was rejected, only such a one has a load.
    const isUnexpected = header.Rejected === true && this.#load >= 0;
    const more = { retryAfterMs: retryAfterIn(header), isUnexpected };
    if (header.Details !== true || !this.#isExtended) {
      return call.fail(code, header.Error, execution, more);
    }
    let details: unknown;
    try {
      details = this.#decode(text, parts);
    } catch (cause) {
      return call.fail(code, header.Error, execution, { ...more, cause });
    }
    call.fail(code, header.Error, execution, { ...more, details });
  }

  #decode(text: string, parts: ReceivedParts | undefined): unknown {
    if (this.#isExtended) return decodeBody(text, this.#limits, parts);
    return parse(text, this.#limits);
  }
}

/** The field `Load` of a header; -1 if there is none of use. */
function loadIn({ Load }: Header): number {
  return Number.isSafeInteger(Load) && Load! >= 0 ? Load! : -1;
}
