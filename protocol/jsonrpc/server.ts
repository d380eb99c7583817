/**
 * The server's half of `netrpc/json`: JSON-RPC 1.0 as Go's `net/rpc/jsonrpc` speaks it.
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
import { errorText, RpcError } from "../../errors.ts";
import { ASCII } from "../ascii.ts";
import { DRAINING, ENDED, netRpcText, NO_CALL } from "../go_errors.ts";
import { check, overLimit, parse, stringify } from "../json.ts";
import { TextWriter } from "../text_writer.ts";
import { idAtEitherEnd, isMalformed, parseObject, REPLY, REQUEST } from "./messages.ts";
import { memberText } from "./member_text.ts";
import { ObjectReader, type ObjectSink } from "./object_reader.ts";

const { BACKSLASH, CLOSE_BRACE, MAX_DIGITS, NINE, QUOTE, SPACE, ZERO } = ASCII;

/** Of a number whose digits are all read by the fast path. */
const LARGEST_PLACE = 10 ** MAX_DIGITS;

/** A number whose text is not to be kept: it is written again as it was read. */
const PLAIN_ID = /^(?:0|[1-9]\d{0,14})$/;
/** A reply is one line, whatever its id was. */
const LINE_BREAKS = /[\r\n]+/g;

/** Reads calls and writes replies. */
export class JsonRpcServerCodec implements ServerCodec, ObjectSink {
  readonly #limits: Limits;
  readonly #objects: ObjectReader;
  readonly #writer = new TextWriter();
  /**
   * The texts of ids that are not plainly whole numbers from 0 on, by the numbers that we give them:
   * −1, −2, … An id is repeated as it was written: as a value 1700000000123456789 would be another.
   */
  readonly #otherIds = new Map<number, string>();
  #lastOther = 0;
  #sink!: RequestSink;

  /** @param limits The largest message and the deepest nesting. */
  constructor(limits: Limits) {
    this.#limits = limits;
    this.#objects = new ObjectReader(limits.maxMessageBytes);
  }

  receive(chunk: Uint8Array, sink: RequestSink): void {
    this.#sink = sink;
    this.#objects.push(chunk, this);
  }

  /** The fast path: a request as Go writes it, of which only the argument is parsed. */
  line(text: string, from: number, to: number): boolean {
    if (!text.startsWith(REQUEST.start, from)) return false;
    const nameFrom = from + REQUEST.start.length;
    const nameTo = endOfName(text, nameFrom, to);
    let at = to - 1;
    if (!text.startsWith(REQUEST.params, nameTo) || text.charCodeAt(at) !== CLOSE_BRACE) {
      return false;
    }
    let seq = 0;
    let place = 1;
    for (
      let code = text.charCodeAt(--at);
      code >= ZERO && code <= NINE && place <= LARGEST_PLACE;
      code = text.charCodeAt(--at)
    ) {
      seq += (code - ZERO) * place;
      place *= 10;
    }
    const start = nameTo + REQUEST.params.length;
    const end = at + 1 - REQUEST.id.length;
    if (place === 1 || place > LARGEST_PLACE) return false;
    if (place > 10 && text.charCodeAt(at + 1) === ZERO) return false; // 007 is no number of JSON
    if (end <= start || !text.startsWith(REQUEST.id, end)) return false;
    const name = text.slice(nameFrom, nameTo);
    let args: unknown;
    try {
      args = parse(text.slice(start, end), this.#limits);
    } catch (error) {
      if (isMalformed(error)) return false; // not one object, not one argument, or a broken one
      this.#refuseArgs(seq, name, error);
      return true;
    }
    this.#sink.call(seq, name, args, NO_EXTRAS);
    return true;
  }

  object(text: string): void {
    const { method, params } = parseObject(text, "request", this.#limits.bigints);
    const seq = this.#seqOf(memberText(text, "id") ?? "null");
    if (typeof method !== "string") {
      const message = "rpc: service/method request ill-formed: no method";
      return this.#sink.refuse(seq, "", "invalid_argument", message);
    }
    if (params !== undefined && params !== null && !(Array.isArray(params) && params.length < 2)) {
      const message = "rpc server: the params are not an array of one argument";
      return this.#sink.refuse(seq, method, "invalid_argument", message);
    }
    const args = params?.[0];
    try {
      check(args, this.#limits.maxDepth);
    } catch (error) {
      return this.#refuseArgs(seq, method, error);
    }
    this.#sink.call(seq, method, args, NO_EXTRAS);
  }

  tooLong(head: string, tail: string): void {
    const what = overLimit(this.#limits);
    const id = idAtEitherEnd(head, tail);
    if (id === undefined) throw new RpcError("resource_exhausted", `a request ${what}`);
    const [, method = ""] = /"method"\s*:\s*"([^"\\]*)"/.exec(head) ?? [];
    const message = `rpc server: the arguments are ${what}`;
    this.#sink.refuse(this.#seqOf(id), method, "resource_exhausted", message);
  }

  reply(seq: number, _serviceMethod: string, value: unknown): void {
    const result = stringify(value, this.#limits, "reply");
    const end = result === "null" ? REPLY.noResult : REPLY.result + result + REPLY.end;
    this.#writer.append(REPLY.start + this.#idOf(seq) + end + "\n");
  }

  fail(seq: number, serviceMethod: string, failure: Failure): void {
    const error = JSON.stringify(netRpcText(failure, serviceMethod));
    this.#writer.append(`${REPLY.start}${this.#idOf(seq)},"result":null,"error":${error}}\n`);
  }

  drain(): void {
    this.fail(NO_CALL, "", { code: "unavailable", message: DRAINING, rejected: true });
  }

  end(): void {
    this.fail(NO_CALL, "", { code: "unavailable", message: ENDED, rejected: true });
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

  #refuseArgs(seq: number, serviceMethod: string, error: unknown): void {
    const code = error instanceof RpcError ? error.code : "data_loss";
    const message = `rpc server: the arguments can't be decoded: ${errorText(error)}`;
    this.#sink.refuse(seq, serviceMethod, code, message);
  }

  #seqOf(id: string): number {
    if (PLAIN_ID.test(id)) return Number(id);
    const seq = --this.#lastOther;
    this.#otherIds.set(seq, id.replace(LINE_BREAKS, " "));
    return seq;
  }

  #idOf(seq: number): number | string {
    if (seq >= 0) return seq;
    const id = this.#otherIds.get(seq) ?? "null";
    this.#otherIds.delete(seq);
    return id;
  }
}

/**
 * Where a name ends that has no escapes in it: at a quote, at a backslash, at a control character,
 * which JSON does not have in strings, or at `to`.
 */
function endOfName(text: string, from: number, to: number): number {
  let at = from;
  for (; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE || code === BACKSLASH || code < SPACE) break;
  }
  return at;
}
