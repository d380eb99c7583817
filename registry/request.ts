/**
 * One request to a registry and its answer, within a time limit.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { joined, LineSplitter, TooLongError } from "../discovery/bounded_text.ts";
import { type Fetch, fetchErrorText, headersFor, type HttpEndpoint } from "../discovery/http.ts";
import { type RpcCode, RpcError, TimeoutError } from "../errors.ts";
import { TimeLimit } from "../internal/time.ts";
import { LONGEST_ANSWER } from "./protocol.ts";
import { bearerOf, type TokenSource } from "./token.ts";

/** How requests to a registry are made. */
export interface RequestSettings {
  /** Makes them. */
  readonly fetch: Fetch;
  /** The headers of each request, such as those for authorization. */
  readonly headers: Readonly<Record<string, string>>;
  /** The token of each request, or what returns it. */
  readonly token?: TokenSource;
  /** The clock of time limits. */
  readonly clock: Clock;
  /** Ends the requests. */
  readonly signal?: AbortSignal;
}

/** What the status of a refusal means; any other may heal by itself. */
const REFUSALS: Readonly<Record<number, RpcCode>> = {
  400: "invalid_argument",
  401: "unauthenticated",
  403: "permission_denied",
};
/** How much of a refusal's text goes into an error, in characters. */
const LONGEST_REFUSAL = 200;

/** One request and its answer. Whoever makes it calls `end`, whatever came of it. */
export class RegistryRequest {
  readonly #endpoint: HttpEndpoint;
  readonly #settings: RequestSettings;
  readonly #limit: TimeLimit;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  /**
   * @param endpoint The registry.
   * @param settings How the request is made.
   */
  constructor(endpoint: HttpEndpoint, settings: RequestSettings) {
    this.#endpoint = endpoint;
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
   * wrong, `unauthenticated` or `permission_denied` if it wants to know who asks, or
   * refuses who asks; `unavailable` if it refuses it otherwise or does not answer.
   * The message names the registry and quotes its refusal.
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
      REFUSALS[response.status] ?? "unavailable",
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
    try {
      return await joined(this.#chunks(), LONGEST_ANSWER);
    } catch (error) {
      throw error instanceof TooLongError ? this.#failure(error) : error;
    }
  }

  /**
   * Reads an event stream as it comes.
   *
   * @returns The data of each event; `undefined` for a comment, which only shows
   * that the connection is alive. It has no end but an error.
   * @throws {RpcError} `unavailable` if the stream ends, or an event is too long.
   */
  async *events(): AsyncGenerator<string | undefined> {
    const splitter = new LineSplitter(LONGEST_ANSWER);
    let data: string[] = [];
    let length = 0;
    for await (const chunk of this.#chunks()) {
      let isEvent = false;
      for (const line of this.#split(splitter, chunk)) {
        if (line.startsWith("data:")) {
          data.push(line.slice(5).trimStart());
          length += line.length;
          if (length > LONGEST_ANSWER) {
            throw this.#failure(new TooLongError("an event", LONGEST_ANSWER));
          }
        } else if (line === "" && data.length > 0) {
          yield data.join("\n");
          data = [];
          length = 0;
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
    const { headers: own, token } = this.#settings;
    const bearer = token === undefined ? undefined : await bearerOf(token);
    const all = headersFor(this.#endpoint, { ...own, ...bearer, ...headers });
    const init = { method, headers: all, signal };
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

  get #url(): string {
    return this.#endpoint.url;
  }

  #split(splitter: LineSplitter, chunk: string): string[] {
    try {
      return splitter.push(chunk);
    } catch (error) {
      throw this.#failure(error);
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
