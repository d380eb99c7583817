/**
 * The client's half of `netrpc/json`: JSON-RPC 1.0 as Go's `net/rpc/jsonrpc` speaks it.
 *
 * @module
 */

import type { ClientCodec, Limits, ReplySink } from "../codec.ts";
import { errorText, RpcError } from "../../errors.ts";
import { ASCII } from "../ascii.ts";
import { foreign, refusedConnection } from "../foreign.ts";
import { tellOfDrain, verdictOf } from "../go_errors.ts";
import { check, overLimit, parse, stringify } from "../json.ts";
import { MethodCache } from "../method_cache.ts";
import { TextWriter } from "../text_writer.ts";
import { PING_METHOD } from "../unknown_method.ts";
import { broken, idAtEitherEnd, isMalformed, parseObject, REPLY, REQUEST } from "./messages.ts";
import { ObjectReader, type ObjectSink } from "./object_reader.ts";

const { MAX_DIGITS, NINE, ZERO } = ASCII;

/**
 * Begins every stream. To a server that speaks gob `{"` would be the beginning of a message of 123
 * bytes, and it would wait for the rest of it; two spaces are a message that it refuses at once.
 */
const SPACES = "  ";

function firstWriter(): TextWriter {
  const writer = new TextWriter();
  writer.append(SPACES);
  return writer;
}

/** Writes calls and reads replies. */
export class JsonRpcClientCodec implements ClientCodec, ObjectSink {
  readonly #limits: Limits;
  readonly #objects: ObjectReader;
  readonly #writer = firstWriter();
  readonly #starts = new MethodCache((name) => `{"method":${JSON.stringify(name)},"params":[`);
  #sink!: ReplySink;

  /** @param limits The largest message and the deepest nesting. */
  constructor(limits: Limits) {
    this.#limits = limits;
    this.#objects = new ObjectReader(limits.maxMessageBytes);
  }

  request(seq: number, serviceMethod: string, args: unknown): void {
    const body = stringify(args, this.#limits, "args");
    this.#writer.append(this.#starts.get(serviceMethod) + body + REQUEST.id + seq + "}\n");
  }

  ping(seq: number): void {
    this.request(seq, PING_METHOD, null);
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
    const behind = foreign(this.#objects.unfinished, "netrpc/json");
    throw broken(`the stream ended in the middle of a reply, behind ${behind}`);
  }

  /** The fast path: a reply as Go writes it, of which only the result is parsed. */
  line(text: string, from: number, to: number): boolean {
    if (!text.startsWith(REPLY.start, from)) return false;
    const digits = from + REPLY.start.length;
    let at = digits;
    let seq = 0;
    for (
      let code = text.charCodeAt(at);
      code >= ZERO && code <= NINE;
      code = text.charCodeAt(++at)
    ) {
      seq = seq * 10 + code - ZERO;
    }
    if (at === digits || at - digits > MAX_DIGITS || !text.startsWith(REPLY.result, at)) {
      return false;
    }
    if (at - digits > 1 && text.charCodeAt(digits) === ZERO) return false; // no number of JSON
    const start = at + REPLY.result.length;
    const end = to - REPLY.end.length;
    if (end <= start || !text.startsWith(REPLY.end, end)) return false;
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
    const reply = parseObject(text, "reply", this.#limits.bigints);
    const { id, result, error, Error: refusal, void: isVoid } = reply;
    const failed = error !== undefined && error !== null;
    const message = typeof error === "string"
      ? error || "unspecified error"
      : JSON.stringify(error);
    if (!Number.isSafeInteger(id)) {
      if (failed) {
        throw new RpcError("unavailable", `the server refused the connection: ${message}`);
      }
      if (typeof refusal === "string" && refusal !== "") { // a server of ours that speaks another
        throw refusedConnection(refusal, reply, "data_loss");
      }
      throw broken(`a reply of netrpc/json without an id of ours: ${foreign(text, "netrpc/json")}`);
    }
    const seq = id as number;
    if (failed) {
      const call = this.#sink.take(seq);
      const verdict = verdictOf(message, call?.serviceMethod ?? "");
      tellOfDrain(message, verdict, this.#sink);
      return call?.fail(verdict.code, message, verdict.execution);
    }
    try {
      check(result, this.#limits.maxDepth);
    } catch (refusal) {
      return this.#failDecode(seq, refusal);
    }
    this.#sink.take(seq)?.resolve(isVoid === true ? null : result ?? null);
  }

  tooLong(head: string, tail: string): void {
    const what = overLimit(this.#limits);
    const id = idAtEitherEnd(head, tail);
    if (id === undefined || !Number.isSafeInteger(Number(id))) {
      throw new RpcError("resource_exhausted", `a reply ${what}`);
    }
    this.#sink.take(Number(id))?.failDecode("resource_exhausted", `the reply is ${what}`);
  }

  #failDecode(seq: number, error: unknown): void {
    const what = `the reply can't be decoded: ${errorText(error)}`;
    this.#sink.take(seq)?.failDecode("data_loss", what, error);
  }
}
