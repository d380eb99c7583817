/**
 * etcd's v3 API as its JSON gateway offers it: plain HTTP, so `fetch` will do.
 *
 * Several endpoints are tried in turn, beginning with the one that answered
 * last. A token is asked for when it is needed, and again when it is refused.
 *
 * @module
 */

import { type Clock, systemClock } from "../../clock.ts";
import { errorText, RpcError } from "../../errors.ts";
import { within } from "../time.ts";
import { etcdError, EtcdStream, fieldOf, type JsonObject } from "./json.ts";
import { aboveZero } from "../../internal/validate.ts";
import type { Random } from "../../selector.ts";

/** Where etcd is, and how to get in. */
export interface EtcdOptions {
  /** Where it listens for clients, as `http://10.0.0.1:2379`; several are tried in turn. */
  endpoints: string | readonly string[];
  /** The user, where etcd wants one. */
  username?: string;
  /** Their password. */
  password?: string;
  /** How long one endpoint may take to answer, in milliseconds. Default 5,000. */
  requestTimeoutMs?: number;
  /**
   * What makes requests. Default: the runtime's `fetch`. Your own can bring
   * certificates: on Deno `(url, init) => fetch(url, { ...init, client })` with
   * a `Deno.createHttpClient({ caCerts })`.
   */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Where waits take the time from. Default: the system's clock. */
  clock?: Clock;
  /** Where jitter takes chance from, and which endpoint is the first. Default `Math.random`. */
  random?: Random;
}

/** How one request is made. */
interface RequestOptions {
  /** Ends it. */
  signal: AbortSignal;
  /** How long one endpoint may take. Default: the client's. */
  timeoutMs?: number;
}

/** Asks etcd. */
export class EtcdClient {
  /** How long one endpoint may take to answer, in milliseconds. */
  readonly requestTimeoutMs: number;
  readonly #endpoints: readonly string[];
  readonly #options: EtcdOptions;
  readonly #fetch: NonNullable<EtcdOptions["fetch"]>;
  readonly #clock: Clock;
  #at: number;
  /** `""` where etcd wants none. */
  #token: string | undefined;

  /**
   * Makes a client; it keeps no connection of its own.
   *
   * @param options Endpoints, user, limits.
   * @throws {TypeError} If there is no endpoint, or one is no URL.
   * @throws {RangeError} If `requestTimeoutMs` is not above 0.
   */
  constructor(options: EtcdOptions) {
    const { endpoints, random = Math.random } = options;
    this.#endpoints = (typeof endpoints === "string" ? [endpoints] : endpoints).map(parseEndpoint);
    if (this.#endpoints.length === 0) throw new TypeError("etcd needs at least one endpoint");
    this.requestTimeoutMs = aboveZero("requestTimeoutMs", options.requestTimeoutMs ?? 5000);
    this.#options = options;
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init));
    this.#clock = options.clock ?? systemClock;
    this.#at = Math.floor(random() * this.#endpoints.length);
    if (options.username === undefined) this.#token = "";
  }

  /** How many endpoints may have to be tried. */
  get size(): number {
    return this.#endpoints.length;
  }

  /** All endpoints, for messages. */
  get endpoints(): string {
    return this.#endpoints.join(", ");
  }

  /**
   * Asks, and waits for the whole answer.
   *
   * @param path As `/v3/kv/range`.
   * @param body The question.
   * @param options Signal and limit.
   * @returns The answer; of a stream, its first.
   * @throws {RpcError} `unavailable` if no endpoint answers; otherwise what etcd says.
   */
  call(path: string, body: JsonObject, options: RequestOptions): Promise<JsonObject> {
    return this.#inTurn(path, options, async (endpoint, signal) => {
      const response = await this.#post(endpoint, path, body, signal);
      const answer = JSON.parse(await response.text()) as JsonObject;
      if (answer.error !== undefined) throw etcdError(endpoint, answer);
      return fieldOf(answer, "result") ?? answer;
    });
  }

  /**
   * Asks, and stays to hear more.
   *
   * @param path As `/v3/watch`.
   * @param body The question.
   * @param options Signal, for the beginning only, and limit until the first answer.
   * @returns The stream, once its first answer is there.
   * @throws {RpcError} As for `call`.
   */
  stream(path: string, body: JsonObject, options: RequestOptions): Promise<EtcdStream> {
    return this.#inTurn(path, options, async (endpoint, signal) => {
      const ending = new AbortController();
      // To the last moment in which it can be given up: nobody has the stream then.
      signal.addEventListener("abort", () => ending.abort(signal.reason));
      try {
        const response = await this.#post(endpoint, path, body, ending.signal);
        const stream = new EtcdStream(endpoint, response, ending);
        await stream.begin();
        return stream;
      } catch (error) {
        ending.abort(error);
        throw error;
      }
    });
  }

  /** The next endpoint is to be asked from now on. */
  moveOn(): void {
    this.#at = (this.#at + 1) % this.#endpoints.length;
  }

  /** The token is of no use any more. */
  forgetToken(): void {
    if (this.#options.username !== undefined) this.#token = undefined;
  }

  /** Asks one endpoint after the other, until one answers. */
  async #inTurn<T>(
    path: string,
    { signal, timeoutMs = this.requestTimeoutMs }: RequestOptions,
    ask: (endpoint: string, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    let failure: unknown;
    for (let tries = 0; tries < this.#endpoints.length; tries++) {
      const endpoint = this.#endpoints[this.#at];
      const late = () => unavailable(endpoint, `${path}: no answer within ${timeoutMs} ms`);
      const askNow = (limit: AbortSignal) => ask(endpoint, limit);
      try {
        try {
          return await within(this.#clock, timeoutMs, signal, late, askNow);
        } catch (error) {
          if (!isTokenRefused(error) || this.#options.username === undefined) throw error;
          this.forgetToken(); // it has expired, or this endpoint has been restarted
          return await within(this.#clock, timeoutMs, signal, late, askNow);
        }
      } catch (error) {
        signal.throwIfAborted();
        failure = error instanceof RpcError
          ? error
          : unavailable(endpoint, `${path}: ${fetchText(error)}`, error);
        if ((failure as RpcError).code !== "unavailable") throw failure;
        this.moveOn();
      }
    }
    if (this.#endpoints.length === 1) throw failure;
    throw unavailable(
      this.endpoints,
      `none answers; the last said: ${errorText(failure)}`,
      failure,
    );
  }

  async #post(
    endpoint: string,
    path: string,
    body: JsonObject,
    signal: AbortSignal,
  ): Promise<Response> {
    this.#token ??= await this.#authenticate(endpoint, signal);
    return await this.#send(endpoint, path, body, signal, this.#token);
  }

  async #authenticate(endpoint: string, signal: AbortSignal): Promise<string> {
    const { username: name, password } = this.#options;
    try {
      const body = { name, password };
      const response = await this.#send(endpoint, "/v3/auth/authenticate", body, signal, "");
      return String((JSON.parse(await response.text()) as JsonObject).token);
    } catch (error) {
      if (errorText(error).includes("authentication is not enabled")) return "";
      throw error;
    }
  }

  async #send(
    endpoint: string,
    path: string,
    body: JsonObject,
    signal: AbortSignal,
    token: string,
  ): Promise<Response> {
    const response = await this.#fetch(endpoint + path, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        // A member that has lost its leader is to say so, not to keep silent.
        "Grpc-Metadata-hasleader": "true",
        ...(token && { Authorization: token }),
      },
      body: JSON.stringify(body),
      signal,
    });
    if (response.ok) return response;
    const text = await response.text();
    let answer: JsonObject;
    try {
      answer = JSON.parse(text);
    } catch {
      answer = { message: `HTTP status ${response.status}` };
    }
    throw etcdError(endpoint, answer);
  }
}

function parseEndpoint(endpoint: string): string {
  const text = /^[a-z]+:\/\//i.test(endpoint) ? endpoint : `http://${endpoint}`;
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new TypeError(
      `etcd's endpoint ${JSON.stringify(endpoint)} is not like http://10.0.0.1:2379`,
    );
  }
  return text.replace(/\/+$/, "");
}

function isTokenRefused(error: unknown): boolean {
  return error instanceof RpcError && /invalid auth token|auth store is old/.test(error.message);
}

/** What `fetch` failed with: it says no more than that it did, and its cause says why. */
function fetchText(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? errorText(error) : `${errorText(error)}: ${errorText(cause)}`;
}

function unavailable(endpoint: string, what: string, cause?: unknown): RpcError {
  return new RpcError("unavailable", `etcd at ${endpoint}: ${what}`, {
    address: endpoint,
    execution: "unknown",
    cause,
  });
}
