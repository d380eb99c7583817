/**
 * How etcd's gateway writes things: errors, streams of JSON lines, int64 as
 * strings, keys and values in base64.
 *
 * @module
 */

import { type RpcCode, RpcError } from "../../errors.ts";

/** A JSON object that came from elsewhere. */
export type JsonObject = Record<string, unknown>;

/** Of gRPC's codes, those that another endpoint would give just as well. */
const FINAL: Readonly<Record<number, RpcCode>> = {
  3: "invalid_argument",
  5: "not_found",
  7: "permission_denied",
  9: "invalid_argument",
  11: "data_loss",
  12: "unimplemented",
  16: "permission_denied",
};

/**
 * What etcd says went wrong.
 *
 * @param endpoint Who says it.
 * @param answer The body of its answer, or the line of a stream.
 * @returns The error; `unavailable` if another endpoint may do better.
 */
export function etcdError(endpoint: string, answer: JsonObject): RpcError {
  const inner = fieldOf(answer, "error") ?? answer; // that of a stream is an object
  const code = Number(inner.grpc_code ?? inner.code);
  const text = String(inner.message ?? inner.error ?? "an error without a text");
  return new RpcError(FINAL[code] ?? "unavailable", `etcd at ${endpoint}: ${text}`, {
    address: endpoint,
    execution: "unknown",
  });
}

/**
 * An object within an object.
 *
 * @param object Where.
 * @param name Its name.
 * @returns The object, or `undefined` if there is none by that name.
 */
export function fieldOf(object: JsonObject, name: string): JsonObject | undefined {
  const field = object[name];
  return typeof field === "object" && field !== null ? field as JsonObject : undefined;
}

/**
 * The revision in a header or of a key.
 *
 * @param text An int64 as the gateway writes it; it leaves 0 out.
 * @returns The number.
 */
export function int64(text: unknown): bigint {
  return BigInt(typeof text === "string" || typeof text === "number" ? text : 0);
}

/**
 * Base64 of a text.
 *
 * @param text Any text.
 * @returns Base64 of its UTF-8.
 */
export function toBase64(text: string): string {
  return bytesToBase64(new TextEncoder().encode(text));
}

/**
 * The text in base64.
 *
 * @param base64 Base64 of UTF-8; the gateway leaves an empty one out.
 * @returns The text.
 */
export function fromBase64(base64: unknown): string {
  if (typeof base64 !== "string") return "";
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
}

/**
 * The first key behind all that begin with a prefix.
 *
 * @param prefix The prefix; not empty.
 * @returns The key, in base64.
 */
export function endOfPrefix(prefix: string): string {
  const bytes = new TextEncoder().encode(prefix);
  bytes[bytes.length - 1]++; // UTF-8 has no byte of 255
  return bytesToBase64(bytes);
}

function bytesToBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** An answer that goes on: one JSON object a line. */
export class EtcdStream {
  /** Who answers. */
  readonly endpoint: string;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #ending: AbortController;
  readonly #decoder = new TextDecoder();
  readonly #lines: string[] = [];
  #rest = "";

  /**
   * @param endpoint Who answers.
   * @param response The answer.
   * @param ending What ends its request, and it.
   */
  constructor(endpoint: string, response: Response, ending: AbortController) {
    this.endpoint = endpoint;
    this.#reader = response.body!.getReader();
    this.#ending = ending;
    // Not every `fetch` heeds the signal, and the answer may have come after it.
    const end = () => void this.#reader.cancel().catch(() => {}); // it may have failed
    if (ending.signal.aborted) end();
    else ending.signal.addEventListener("abort", end);
  }

  /** Waits for the first answer. */
  async begin(): Promise<void> {
    await this.#fill();
    if (this.#lines.length === 0) throw this.#lost();
  }

  /**
   * The next answer.
   *
   * @returns What it says, or `undefined` once the stream has been closed.
   * @throws {RpcError} If the stream is lost, or etcd says that something is wrong.
   */
  async next(): Promise<JsonObject | undefined> {
    try {
      await this.#fill();
    } catch (error) {
      if (this.#ending.signal.aborted) return undefined;
      throw this.#lost(error);
    }
    const line = this.#lines.shift();
    if (this.#ending.signal.aborted) return undefined;
    if (line === undefined) throw this.#lost();
    const answer = JSON.parse(line) as JsonObject;
    if (answer.error !== undefined) throw etcdError(this.endpoint, answer);
    return fieldOf(answer, "result") ?? answer;
  }

  /** Ends it. Idempotent. */
  async close(): Promise<void> {
    this.#ending.abort();
    await this.#reader.cancel().catch(() => {}); // the abort may have been faster
  }

  /** Reads until there is a line, or the stream ends. */
  async #fill(): Promise<void> {
    while (this.#lines.length === 0) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      const lines = (this.#rest + this.#decoder.decode(value, { stream: true })).split("\n");
      this.#rest = lines.pop()!;
      this.#lines.push(...lines.filter((line) => line.trim() !== ""));
    }
  }

  #lost(cause?: unknown): RpcError {
    return new RpcError("unavailable", `etcd at ${this.endpoint}: the stream has ended`, {
      address: this.endpoint,
      execution: "unknown",
      cause,
    });
  }
}
