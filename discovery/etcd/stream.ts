/**
 * A streamed answer of etcd: one JSON object a line.
 *
 * @module
 */

import { LineSplitter, TooLongError } from "../bounded_text.ts";
import { type JsonObject, LONGEST_ANSWER, objectIn } from "./encoding.ts";
import { etcdError, unavailable } from "./errors.ts";

/** A streamed answer. */
export class EtcdStream {
  /** The endpoint that answers. */
  readonly endpoint: string;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #ending: AbortController;
  readonly #decoder = new TextDecoder();
  readonly #splitter = new LineSplitter(LONGEST_ANSWER);
  /** The lines of the last read that are still to be handed out. */
  #lines: string[] = [];

  /**
   * @param endpoint The endpoint that answers.
   * @param response The answer.
   * @param ending Aborts the request, and ends the stream.
   */
  constructor(endpoint: string, response: Response, ending: AbortController) {
    this.endpoint = endpoint;
    this.#reader = response.body!.getReader();
    this.#ending = ending;
    // Not every `fetch` follows the signal, and the answer may come after the abort.
    const end = () => void this.#reader.cancel().catch(() => {}); // it may have failed
    if (ending.signal.aborted) end();
    else ending.signal.addEventListener("abort", end);
  }

  /**
   * Waits for the first answer.
   *
   * @throws {RpcError} `unavailable` if the stream ends before.
   */
  async begin(): Promise<void> {
    await this.#fill();
    if (this.#lines.length === 0) throw this.#lost();
  }

  /**
   * Waits for the next answer.
   *
   * @returns The answer, or `undefined` once the stream has been closed.
   * @throws {RpcError} `unavailable` if the stream is lost; otherwise etcd's error.
   */
  async next(): Promise<JsonObject | undefined> {
    try {
      await this.#fill();
    } catch (error) {
      if (this.#ending.signal.aborted) return undefined;
      throw error instanceof TooLongError
        ? unavailable(this.endpoint, error.message, error)
        : this.#lost(error);
    }
    const line = this.#lines.shift();
    if (this.#ending.signal.aborted) return undefined;
    if (line === undefined) throw this.#lost();
    const answer = JSON.parse(line) as JsonObject;
    if (answer.error !== undefined) throw etcdError(this.endpoint, answer);
    return objectIn(answer, "result") ?? answer;
  }

  /** Ends the stream. Idempotent. */
  async close(): Promise<void> {
    this.#ending.abort();
    await this.#reader.cancel().catch(() => {}); // the abort may have been faster
  }

  /** Reads until there is a line, or the stream ends. */
  async #fill(): Promise<void> {
    while (this.#lines.length === 0) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      this.#lines = this.#splitter.push(this.#decoder.decode(value, { stream: true }))
        .filter((line) => line.trim() !== "");
    }
  }

  #lost(cause?: unknown): Error {
    return unavailable(this.endpoint, "the stream has ended", cause);
  }
}
