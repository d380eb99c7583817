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
import { LineReader, type Lines, type LineSink } from "./lines.ts";
import { MessageWriter } from "./message_writer.ts";
import { refusalOfParts, useOfParts } from "./parts.ts";
import { decodeBody, type ReceivedParts } from "./values/decode.ts";

/** Writes calls and reads replies. */
export class JsonClientCodec implements ClientCodec, LineSink {
  readonly #limits: Limits;
  readonly #lines: LineReader;
  readonly #writer: MessageWriter;
  readonly #fastHeader = new FastHeaderReader();
  readonly #fastValue = new FastValueReader();
  #sink!: ReplySink;
  readonly hasHandshake = true;
  readonly asksForExtensions = true;
  /** The header whose body comes next, unless it was read on the fast path. */
  #header: Header | undefined;
  #seq = 0;
  #inBody = false;
  /** Whether it is known what the server can read. */
  #isKnown = false;
  /** What comes beside the next body, if anything does. */
  #lengths: readonly number[] | undefined;
  /** The body whose parts come next. */
  #text = "";

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
    if (timeoutMs === Infinity && meta === undefined) {
      return this.#writer.add(seq, serviceMethod, CALL_END, args);
    }
    let more = "";
    if (timeoutMs !== Infinity) more += `,"Timeout":${Math.ceil(timeoutMs)}`;
    if (meta !== undefined) more += `,"Meta":${stringify(meta, this.#limits, "meta")}`;
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
    this.#sink.take(this.#seq)?.failDecode("resource_exhausted", `the reply is ${what}`);
  }

  raw(parts: ReceivedParts): void {
    const call = this.#sink.take(this.#seq);
    if (call !== undefined) this.#answer(call, this.#text, parts);
  }

  #head(lines: Lines): void {
    if (this.#fastHeader.read(lines)) {
      if (!this.#isKnown) this.#learn("json");
      this.#seq = this.#fastHeader.seq;
      this.#header = this.#lengths = undefined;
    } else {
      const line = lines.text();
      if (isBlank(line)) return;
      const header = this.#header = parseHeader(line);
      if (header.Ext === undefined && !this.#isKnown) this.#learn("json");
      this.#lengths = this.#writer.reads === "values" ? partsOf(header) : undefined;
      if (header.Ended) this.#sink.ended?.();
      else if (header.Drain) this.#sink.drain();
      else if (header.Ext !== undefined) this.#extended(header.Ext);
      else if (header.Seq === 0 && header.Error !== "" && !answersUnreadArgument(header)) {
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
    if (!this.#isKnown) this.#learn("values", { instance: Instance, load: Load! });
  }

  /** What a server says first shows what it can read. */
  #learn(reads: "json" | "values", server?: Extensions): void {
    this.#isKnown = true;
    this.#writer.learn(reads);
    this.#sink.extended?.(server);
  }

  #body(lines: Lines): void {
    this.#inBody = false;
    if (this.#lengths !== undefined) return this.#bodyOfParts(lines, this.#lengths);
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

  #bodyOfParts(lines: Lines, lengths: readonly number[]): void {
    const text = lines.text();
    const refusal = refusalOfParts(text, lengths, this.#limits);
    this.#lines.expect(lengths, lines, refusal === undefined ? useOfParts(text) : "skipped");
    this.#text = text;
    if (refusal === undefined) return;
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
    const { code, execution } = verdictIn(header, call.serviceMethod);
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
