/**
 * The client's half of `geerpc/json`: GeeRPC's header and body, each one line of JSON.
 *
 * @module
 */

import type { ClientCodec, Limits, PendingReply, ReplySink, RequestExtras } from "../codec.ts";
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
  TIMEOUT_START,
} from "./header.ts";
import { LineReader, type Lines, type LineSink } from "./lines.ts";
import { MessageWriter } from "./message_writer.ts";

const encoder = new TextEncoder();

function cancelOf(seq: number): string {
  return `{"ServiceMethod":"","Seq":${seq},"Cancel":true}\nnull\n`;
}

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
  /** What that header tells of the server's load; -1 if it tells nothing. */
  #load = -1;
  #seq = 0;
  #inBody = false;
  /** Whether the server has said that it knows our extensions. */
  #isExtended = false;
  /** The calls whose answers the server need not keep any more. */
  #acknowledged: string[] = [];

  /**
   * @param limits The largest message and the deepest nesting.
   * @param handleTimeoutMs How long the server lets each call run, in milliseconds; 0: no limit.
   */
  constructor(limits: Limits, handleTimeoutMs: number) {
    this.#limits = limits;
    this.#lines = new LineReader(limits.maxMessageBytes);
    this.#writer = new MessageWriter(limits, "args");
    this.#writer.append(encodeOption("application/json", handleTimeoutMs));
  }

  request(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void {
    const { timeoutMs = Infinity, meta, expect, id } = extras;
    if (
      meta === undefined && id === undefined && (timeoutMs === Infinity || expect === undefined)
    ) {
      if (expect !== undefined) {
        return this.#writer.add(seq, serviceMethod, EXPECT_START, args, expect);
      }
      if (timeoutMs === Infinity) return this.#writer.add(seq, serviceMethod, CALL_END, args);
      return this.#writer.add(seq, serviceMethod, TIMEOUT_START, args, Math.ceil(timeoutMs));
    }
    let more = "";
    if (timeoutMs !== Infinity) more += `,"Timeout":${Math.ceil(timeoutMs)}`;
    if (meta !== undefined) more += `,"Meta":${stringify(meta, this.#limits, "meta")}`;
    if (expect !== undefined) more += `,"Expect":${expect}`;
    if (id === undefined || !this.#isExtended) {
      return this.#writer.add(seq, serviceMethod, `${more}}\n`, args);
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

  cancel(seq: number): void {
    this.#writer.append(cancelOf(seq));
  }

  lastWords(cancelled: readonly number[]): Uint8Array {
    const acknowledged = this.#acknowledged.length > 0 ? this.#pingOf(0) : "";
    return encoder.encode(cancelled.map(cancelOf).join("") + acknowledged);
  }

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
    this.#sink.take(this.#seq)?.failDecode("resource_exhausted", `the reply is ${what}`);
  }

  #head(lines: Lines): void {
    if (this.#fastHeader.read(lines)) {
      this.#seq = this.#fastHeader.seq;
      this.#load = this.#isExtended ? this.#fastHeader.load : -1;
      this.#header = undefined;
    } else {
      const line = lines.text();
      if (isBlank(line)) return;
      const header = this.#header = parseHeader(line);
      if (header.Ended) this.#sink.ended?.();
      else if (header.Drain) this.#sink.drain();
      else if (header.Ext !== undefined) this.#extended(header.Ext);
      else if (header.Seq === 0 && header.Error !== "" && !answersUnreadArgument(header)) {
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
    this.#isExtended = true;
    this.#sink.extended?.({ instance: Instance, load: Load! });
  }

  #body(lines: Lines): void {
    this.#inBody = false;
    // Taken only now: until its body is here, the call may be cancelled or its connection lost.
    const call = this.#sink.take(this.#seq);
    const header = this.#header;
    if (header?.Ping && header.Error === "") return this.#pong(call, lines);
    const load = this.#load;
    if (load >= 0) this.#sink.loaded?.(load);
    if (call === undefined) return lines.skip(); // it was cancelled
    if (header !== undefined && header.Error !== "") {
      lines.skip();
      const { code, execution } = verdictIn(header, call.serviceMethod);
      // Of no method: the server says that it does not know what became of a call with an id.
      const isUnknown = this.#isExtended && header.ServiceMethod === "" && !header.Rejected;
      const certain = isUnknown ? "unknown" : execution;
      // Of a call that was rejected, only such a one has a load.
      const isUnexpected = header.Rejected === true && load >= 0;
      return call.fail(code, header.Error, certain, retryAfterIn(header), isUnexpected);
    }
    if (this.#fastValue.read(lines)) return call.resolve(this.#fastValue.value);
    this.#resolve(call, lines.text());
  }

  /** A ping is in the table of calls, but no call: only behind its end the others are counted right. */
  #pong(ping: PendingReply | undefined, lines: Lines): void {
    lines.skip();
    ping?.resolve(null);
    if (this.#load >= 0) this.#sink.loaded?.(this.#load);
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

/** The field `Load` of a header; -1 if there is none of use. */
function loadIn({ Load }: Header): number {
  return Number.isSafeInteger(Load) && Load! >= 0 ? Load! : -1;
}
