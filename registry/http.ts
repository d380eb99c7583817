/**
 * Requests to a registry: each ends in time, and when its owner does.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import { errorText, RpcError } from "../errors.ts";

/** What makes requests: `fetch`, or something like it. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** How requests are made. */
export interface Web {
  /** What makes them. */
  readonly fetch: Fetch;
  /** Sent with each, as for authorization. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where the time comes from. */
  readonly clock: Clock;
  /** Ends them all. */
  readonly signal: AbortSignal;
}

/** A longer answer is none that a registry gives. */
const LONGEST_ANSWER = 4 * 1024 * 1024;
const LONGEST_EXCUSE = 200;

/** One request and its answer. Whoever makes it calls `end`, whatever came of it. */
export class Exchange {
  readonly #web: Web;
  readonly #url: string;
  readonly #abort = new AbortController();
  readonly #giveUp = () => this.#abort.abort(this.#web.signal.reason);
  #timer: Timer | undefined;
  #late: string | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  /**
   * @param web How it is made.
   * @param url Where to.
   */
  constructor(web: Web, url: string) {
    this.#web = web;
    this.#url = url;
    // A read that waits does not always fail by the abort alone (Deno 2.9).
    this.#abort.signal.addEventListener("abort", () => this.#drop());
    if (web.signal.aborted) this.#giveUp();
    else web.signal.addEventListener("abort", this.#giveUp);
  }

  /**
   * Gives up unless this is called again, or it has ended, within a time.
   *
   * @param ms How long.
   * @param what What did not happen then.
   */
  within(ms: number, what: string): void {
    this.#timer?.cancel();
    this.#timer = this.#web.clock.setTimer(ms, () => {
      this.#late = `${what} within ${Math.round(ms)} ms`;
      this.#abort.abort(new DOMException(this.#late, "TimeoutError"));
    });
  }

  /**
   * Sends the request.
   *
   * @param method GET, POST or DELETE.
   * @param headers What to say with it.
   * @returns An answer that is not a refusal.
   * @throws {RpcError} `unavailable`, naming the registry and what it said;
   * `invalid_argument` if it found fault with the request.
   */
  async send(method: string, headers: Record<string, string>): Promise<Response> {
    let response;
    try {
      response = await Promise.race([this.#fetch(method, headers), this.#givenUp()]);
    } catch (error) {
      throw this.#failure(error);
    }
    if (response.ok) return response;
    const said = await this.text().catch(() => "");
    const excuse = said.trim().slice(0, LONGEST_EXCUSE) || response.statusText;
    throw new RpcError(
      response.status === 400 ? "invalid_argument" : "unavailable",
      `${this.#url}: the registry answers ${response.status}: ${excuse}`,
      { address: this.#url, execution: "not_sent" },
    );
  }

  /**
   * Reads the answer to its end.
   *
   * @returns Its text.
   */
  async text(): Promise<string> {
    let text = "";
    for await (const chunk of this.chunks()) {
      text += chunk;
      if (text.length > LONGEST_ANSWER) throw this.#failure("the answer is too long");
    }
    return text;
  }

  /** Reads the answer as it comes. */
  async *chunks(): AsyncGenerator<string> {
    const decoder = new TextDecoder();
    for (;;) {
      let chunk;
      try {
        chunk = await this.#reader?.read();
      } catch (error) {
        throw this.#failure(error);
      }
      if (this.#abort.signal.aborted) throw this.#failure(this.#abort.signal.reason);
      if (chunk === undefined || chunk.done) break;
      yield decoder.decode(chunk.value, { stream: true });
    }
  }

  /**
   * Reads the data of an event stream as it comes.
   *
   * @returns The data of each event; nothing for what only shows life.
   */
  async *events(): AsyncGenerator<string | undefined> {
    let text = "";
    let data: string[] = [];
    for await (const chunk of this.chunks()) {
      let isEvent = false;
      const lines = (text + chunk).split("\n");
      text = lines.pop()!;
      if (text.length > LONGEST_ANSWER) throw this.#failure("a line is too long");
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

  /** Ends it: nothing of it is left. */
  end(): void {
    this.#timer?.cancel();
    this.#web.signal.removeEventListener("abort", this.#giveUp);
    this.#abort.abort();
  }

  async #fetch(method: string, headers: Record<string, string>): Promise<Response> {
    const { signal } = this.#abort;
    const init = { method, headers: { ...this.#web.headers, ...headers }, signal };
    const response = await this.#web.fetch(this.#url, init);
    this.#reader = response.body?.getReader();
    if (signal.aborted) this.#drop(); // nobody waits for it any more
    return response;
  }

  /** Rejects when it is given up: not every `fetch` heeds its signal. */
  #givenUp(): Promise<never> {
    const { signal } = this.#abort;
    return new Promise((_resolve, reject) => {
      const giveUp = () => reject(signal.reason);
      if (signal.aborted) giveUp();
      else signal.addEventListener("abort", giveUp);
    });
  }

  #drop(): void {
    this.#reader?.cancel().catch(() => {}); // it may have failed
  }

  /** The error for what went wrong, naming the registry. */
  #failure(error: unknown): unknown {
    if (this.#web.signal.aborted) return this.#web.signal.reason;
    const cause = error instanceof Error ? error : undefined;
    let why = this.#late ?? errorText(error);
    // Node's own text is "fetch failed"; why it did is the error's cause.
    if (this.#late === undefined && cause?.cause !== undefined) {
      why += `: ${errorText(cause.cause)}`;
    }
    return new RpcError("unavailable", `${this.#url}: no answer from the registry: ${why}`, {
      address: this.#url,
      execution: "not_sent",
      cause,
    });
  }
}
