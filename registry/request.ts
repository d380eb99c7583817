/**
 * One request to a registry and its answer, within a time limit.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { type Fetch, fetchErrorText } from "../discovery/http.ts";
import { RpcError, TimeoutError } from "../errors.ts";
import { TimeLimit } from "../internal/time.ts";

/** How requests to a registry are made. */
export interface RequestSettings {
  /** Makes them. */
  readonly fetch: Fetch;
  /** The headers of each request, such as those for authorization. */
  readonly headers: Readonly<Record<string, string>>;
  /** The clock of time limits. */
  readonly clock: Clock;
  /** Ends the requests. */
  readonly signal?: AbortSignal;
}

/** In characters. A longer answer does not come from a registry. */
const LONGEST_ANSWER = 4 * 1024 * 1024;
/** How much of a refusal's text goes into an error, in characters. */
const LONGEST_REFUSAL = 200;

/** One request and its answer. Whoever makes it calls `end`, whatever came of it. */
export class RegistryRequest {
  readonly #url: string;
  readonly #settings: RequestSettings;
  readonly #limit: TimeLimit;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  /**
   * @param url The registry.
   * @param settings How the request is made.
   */
  constructor(url: string, settings: RequestSettings) {
    this.#url = url;
    this.#settings = settings;
    this.#limit = new TimeLimit(settings);
    // The abort alone does not always end a pending read (Deno 2.9).
    this.#limit.signal.addEventListener("abort", () => this.#cancelRead());
  }

  /**
   * Sets the time limit, or replaces it.
   *
   * @param ms From now.
   * @param what What has not happened when it is over, for the error.
   */
  limit(ms: number, what: string): void {
    this.#limit.set(ms, () => {
      return new TimeoutError(`${what} within ${Math.round(ms)} ms`, { address: this.#url });
    });
  }

  /**
   * Sends the request.
   *
   * @param method GET, POST or DELETE.
   * @param headers Headers besides those of the settings.
   * @returns An answer that is no refusal.
   * @throws {RpcError} `invalid_argument` if the registry refuses the request as
   * wrong; `unavailable` if it refuses it otherwise or does not answer. The
   * message names the registry and quotes its refusal.
   */
  async send(method: string, headers: Record<string, string>): Promise<Response> {
    let response;
    try {
      response = await this.#limit.race(this.#fetch(method, headers));
    } catch (error) {
      throw this.#failure(error);
    }
    if (response.ok) return response;
    const text = await this.text().catch(() => "");
    const refusal = text.trim().slice(0, LONGEST_REFUSAL) || response.statusText;
    throw new RpcError(
      response.status === 400 ? "invalid_argument" : "unavailable",
      `${this.#url}: the registry answers ${response.status}: ${refusal}`,
      { address: this.#url, execution: "not_sent" },
    );
  }

  /**
   * Reads the answer to its end.
   *
   * @returns Its text.
   * @throws {RpcError} `unavailable` if it does not come whole, or is too long.
   */
  async text(): Promise<string> {
    let text = "";
    for await (const chunk of this.#chunks()) {
      text += chunk;
      if (text.length > LONGEST_ANSWER) throw this.#failure("the answer is too long");
    }
    return text;
  }

  /**
   * Reads an event stream as it comes.
   *
   * @returns The data of each event; `undefined` for a comment, which only shows
   * that the connection is alive. It has no end but an error.
   */
  async *events(): AsyncGenerator<string | undefined> {
    let rest = "";
    let data: string[] = [];
    for await (const chunk of this.#chunks()) {
      let isEvent = false;
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      if (rest.length > LONGEST_ANSWER) throw this.#failure("a line is too long");
      for (const line of lines.map((line) => line.replace(/\r$/, ""))) {
        if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
        else if (line === "" && data.length > 0) {
          yield data.join("\n");
          data = [];
          isEvent = true;
        }
      }
      if (!isEvent) yield undefined;
    }
    throw this.#failure("the stream of changes has ended");
  }

  /** Ends the request and its answer. Idempotent. */
  end(): void {
    this.#limit.abort(new DOMException("the request has ended", "AbortError"));
  }

  async #fetch(method: string, headers: Record<string, string>): Promise<Response> {
    const { signal } = this.#limit;
    const init = { method, headers: { ...this.#settings.headers, ...headers }, signal };
    const response = await this.#settings.fetch(this.#url, init);
    this.#reader = response.body?.getReader();
    if (signal.aborted) this.#cancelRead(); // too late: nobody reads the answer
    return response;
  }

  async *#chunks(): AsyncGenerator<string> {
    const { signal } = this.#limit;
    const decoder = new TextDecoder();
    for (;;) {
      let chunk;
      try {
        chunk = await this.#reader?.read();
      } catch (error) {
        throw this.#failure(signal.aborted ? signal.reason : error);
      }
      if (signal.aborted) throw this.#failure(signal.reason);
      if (chunk === undefined || chunk.done) break;
      yield decoder.decode(chunk.value, { stream: true });
    }
  }

  #cancelRead(): void {
    this.#reader?.cancel().catch(() => {}); // it may have failed
  }

  /** The error of a request that has failed, naming the registry. */
  #failure(error: unknown): unknown {
    const { signal } = this.#settings;
    if (signal?.aborted) return signal.reason;
    const message = `${this.#url}: no answer from the registry: ${fetchErrorText(error)}`;
    return new RpcError("unavailable", message, {
      address: this.#url,
      execution: "not_sent",
      cause: error instanceof Error ? error : undefined,
    });
  }
}
