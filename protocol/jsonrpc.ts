/**
 * `netrpc/json`: JSON-RPC 1.0 as Go's `net/rpc/jsonrpc` speaks it.
 *
 * @module
 */

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
import { inspect, parse, stringify } from "./json.ts";
import { ObjectReader, type ObjectSink } from "./json_objects.ts";
import { asNetRpc, verdictOf } from "./go_errors.ts";
import { TextWriter } from "./text_writer.ts";

const ID_START = '{"id":';
const RESULT = ',"result":';
const NO_ERROR = ',"error":null}';
const METHOD_START = '{"method":"';
const PARAMS = '","params":[';
const ID = '],"id":';
/** Fifteen digits are always a safe integer. */
const MOST_DIGITS = 15;
const NO_EXTRAS: RequestExtras = {};
/** A call of a method that no server has: its refusal proves the server alive. */
const PING = "XClient.Ping";

function broken(what: string, cause?: unknown): RpcError {
  return new RpcError("data_loss", what, cause === undefined ? {} : { cause });
}

function overLimit(limits: Limits): string {
  return `over the limit of ${limits.maxMessageBytes} bytes (maxMessageBytes)`;
}

function parseObject(text: string, what: string): Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw broken(`expected a ${what} of netrpc/json, got ${excerpt(text)}`, cause);
  }
}

function isMalformed(error: unknown): boolean {
  return error instanceof RpcError && error.code === "data_loss";
}

/** The id of an object of which only the ends are known. */
function idAtEitherEnd(head: string, tail: string): number | undefined {
  // A string can't end like this: a quote within one has a backslash before it.
  const found = /[,{]\s*"id"\s*:\s*(\d{1,15})\s*\}$/.exec(tail) ??
    /^\s*\{\s*"id"\s*:\s*(\d{1,15})\s*,/.exec(head);
  return found === null ? undefined : Number(found[1]);
}

/** The client's half of `netrpc/json`. */
export class JsonRpcClientCodec implements ClientCodec, ObjectSink {
  readonly #limits: Limits;
  readonly #objects: ObjectReader;
  readonly #writer = new TextWriter();
  readonly #names = new Map<string, string>();
  #sink!: ReplySink;

  /** @param limits The largest message and the deepest nesting. */
  constructor(limits: Limits) {
    this.#limits = limits;
    this.#objects = new ObjectReader(limits.maxMessageBytes);
  }

  request(seq: number, serviceMethod: string, args: unknown): void {
    const body = stringify(args, this.#limits);
    let start = this.#names.get(serviceMethod);
    if (start === undefined) {
      start = `{"method":${JSON.stringify(serviceMethod)},"params":[`;
      if (this.#names.size < 1000) this.#names.set(serviceMethod, start);
    }
    this.#writer.append(start + body + ID + seq + "}\n");
  }

  ping(seq: number): void {
    this.request(seq, PING, null);
  }

  get bufferedBytes(): number {
    return this.#writer.length;
  }

  take(): Uint8Array {
    return this.#writer.take();
  }

  receive(chunk: Uint8Array, sink: ReplySink): void {
    this.#sink = sink;
    this.#objects.push(chunk, this);
  }

  end(): void {
    if (this.#objects.atBoundary) return;
    const behind = excerpt(this.#objects.unfinished);
    throw broken(`the stream ended in the middle of a reply, behind ${behind}`);
  }

  /** The usual reply, as Go writes it: only its result is parsed. */
  line(text: string, from: number, to: number): boolean {
    if (!text.startsWith(ID_START, from)) return false;
    const digits = from + ID_START.length;
    let at = digits;
    let seq = 0;
    for (let code = text.charCodeAt(at); code >= 48 && code <= 57; code = text.charCodeAt(++at)) {
      seq = seq * 10 + code - 48;
    }
    if (at === digits || at - digits > MOST_DIGITS || !text.startsWith(RESULT, at)) return false;
    const start = at + RESULT.length;
    const end = to - NO_ERROR.length;
    if (end <= start || !text.startsWith(NO_ERROR, end)) return false;
    let result: unknown;
    try {
      result = parse(text.slice(start, end), this.#limits);
    } catch (error) {
      if (isMalformed(error)) return false; // not one object, or a broken one
      this.#failDecode(seq, error);
      return true;
    }
    this.#sink.take(seq)?.resolve(result);
    return true;
  }

  object(text: string): void {
    const { id, result, error } = parseObject(text, "reply");
    const failed = error !== undefined && error !== null;
    const words = typeof error === "string" ? error || "unspecified error" : JSON.stringify(error);
    if (!Number.isSafeInteger(id)) {
      if (failed) {
        throw new RpcError("unavailable", `the server refused the connection: ${words}`);
      }
      throw broken(`a reply of netrpc/json without an id of ours: ${excerpt(text)}`);
    }
    const seq = id as number;
    if (failed) {
      const call = this.#sink.take(seq);
      if (call === undefined) return;
      const { code, execution } = verdictOf(words, call.serviceMethod);
      return call.fail(code, words, execution);
    }
    try {
      inspect(result, this.#limits.maxDepth);
    } catch (refusal) {
      return this.#failDecode(seq, refusal);
    }
    this.#sink.take(seq)?.resolve(result ?? null);
  }

  tooLong(head: string, tail: string): void {
    const what = overLimit(this.#limits);
    const id = idAtEitherEnd(head, tail);
    if (id === undefined) throw new RpcError("resource_exhausted", `a reply ${what}`);
    this.#sink.take(id)?.failDecode("resource_exhausted", `the reply is ${what}`);
  }

  #failDecode(seq: number, error: unknown): void {
    const what = `the reply can't be decoded: ${errorText(error)}`;
    this.#sink.take(seq)?.failDecode("data_loss", what, error);
  }
}

/** The server's half of `netrpc/json`. */
export class JsonRpcServerCodec implements ServerCodec, ObjectSink {
  readonly #limits: Limits;
  readonly #objects: ObjectReader;
  readonly #writer = new TextWriter();
  /** Ids that are no whole numbers from 0 on, by the numbers that stand for them: −1, −2, … */
  readonly #oddIds = new Map<number, string>();
  #lastOdd = 0;
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

  /** The usual request, as Go writes it: only its argument is parsed. */
  line(text: string, from: number, to: number): boolean {
    if (!text.startsWith(METHOD_START, from)) return false;
    const nameFrom = from + METHOD_START.length;
    const nameTo = text.indexOf(PARAMS, nameFrom);
    let at = to - 1;
    if (nameTo < 0 || nameTo > at || text.charCodeAt(at) !== 125) return false; // }
    let seq = 0;
    let place = 1;
    for (let code = text.charCodeAt(--at); code >= 48 && code <= 57; code = text.charCodeAt(--at)) {
      seq += (code - 48) * place;
      place *= 10;
    }
    const start = nameTo + PARAMS.length;
    const end = at + 1 - ID.length;
    if (place === 1 || place > 10 ** MOST_DIGITS) return false;
    if (end <= start || !text.startsWith(ID, end)) return false;
    const name = text.slice(nameFrom, nameTo);
    if (name.includes('"') || name.includes("\\")) return false;
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
    const { id, method, params } = parseObject(text, "request");
    const seq = this.#seqOf(id);
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
      inspect(args, this.#limits.maxDepth);
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
    this.#sink.refuse(id, method, "resource_exhausted", message);
  }

  reply(seq: number, _serviceMethod: string, value: unknown): void {
    const body = stringify(value, this.#limits);
    // Go's client takes a null for a broken connection.
    const result = body === "null" ? "{}" : body;
    this.#writer.append(ID_START + this.#idOf(seq) + RESULT + result + NO_ERROR + "\n");
  }

  fail(
    seq: number,
    serviceMethod: string,
    message: string,
    _code: RpcCode,
    rejected: boolean,
  ): void {
    const words = JSON.stringify(asNetRpc(message, serviceMethod, rejected));
    this.#writer.append(`${ID_START}${this.#idOf(seq)},"result":null,"error":${words}}\n`);
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

  #seqOf(id: unknown): number {
    if (Number.isSafeInteger(id) && (id as number) >= 0) return id as number;
    const seq = --this.#lastOdd;
    this.#oddIds.set(seq, JSON.stringify(id ?? null));
    return seq;
  }

  #idOf(seq: number): number | string {
    if (seq >= 0) return seq;
    const id = this.#oddIds.get(seq) ?? "null";
    this.#oddIds.delete(seq);
    return id;
  }
}
