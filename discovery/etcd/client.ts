/**
 * etcd's v3 API as its JSON gateway offers it: plain HTTP, so `fetch` will do.
 *
 * Several endpoints are tried in turn, beginning with the one that answered
 * last. A token is requested when it is needed, and again when it is refused.
 *
 * @module
 */

import { type Clock, systemClock } from "../../clock.ts";
import { errorText, RpcError } from "../../errors.ts";
import { TimeLimit } from "../../internal/time.ts";
import { type Fetch, fetchErrorText, httpUrl, platformFetch } from "../http.ts";
import { type JsonObject, objectIn } from "./encoding.ts";
import { etcdError, isTokenRefused, unavailable } from "./errors.ts";
import type { EtcdOptions } from "./options.ts";
import { EtcdStream } from "./stream.ts";

/** The limits of one request. */
export interface EtcdRequestOptions {
  /** Ends the request. */
  signal: AbortSignal;
  /** How long one endpoint may take, in milliseconds. Default: the client's. */
  timeoutMs?: number;
}

/** One request to one endpoint. */
interface EndpointRequest {
  readonly endpoint: string;
  readonly path: string;
  readonly body: JsonObject;
  readonly signal: AbortSignal;
}

/** Makes requests to etcd. */
export class EtcdClient {
  /** How long one endpoint may take to answer, in milliseconds. */
  readonly requestTimeoutMs: number;
  readonly #endpoints: readonly string[];
  readonly #options: EtcdOptions;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  /** The index of the endpoint that is asked next. */
  #at: number;
  /** `""` if etcd has authentication disabled, `undefined` if a token must be requested. */
  #token: string | undefined;

  /**
   * Makes a client; it keeps no connection of its own.
   *
   * @param options Endpoints, user, limits; checked.
   * @throws {TypeError} If there is no endpoint, or one is no URL.
   */
  constructor(options: EtcdOptions) {
    const { endpoints, random = Math.random } = options;
    const urls = typeof endpoints === "string" ? [endpoints] : endpoints ?? [];
    this.#endpoints = urls.map(parseEndpoint);
    if (this.#endpoints.length === 0) throw new TypeError("etcd needs at least one endpoint");
    this.requestTimeoutMs = options.requestTimeoutMs ?? 5000;
    this.#options = options;
    this.#fetch = options.fetch ?? platformFetch;
    this.#clock = options.clock ?? systemClock;
    this.#at = Math.floor(random() * this.#endpoints.length);
    if (options.username === undefined) this.#token = "";
  }

  /** How many endpoints there are: the most that one request may try. */
  get size(): number {
    return this.#endpoints.length;
  }

  /** All endpoints, for messages. */
  get endpoints(): string {
    return this.#endpoints.join(", ");
  }

  /**
   * Makes a request and waits for the whole answer.
   *
   * @param path The method's path, such as `/v3/kv/range`.
   * @param body The request.
   * @param options Signal and time limit.
   * @returns The answer; of a streamed one, the first.
   * @throws {RpcError} `unavailable` if no endpoint answers; otherwise etcd's error.
   */
  call(path: string, body: JsonObject, options: EtcdRequestOptions): Promise<JsonObject> {
    return this.#inTurn(path, options, async (endpoint, signal) => {
      const response = await this.#post({ endpoint, path, body, signal });
      const answer = JSON.parse(await response.text()) as JsonObject;
      if (answer.error !== undefined) throw etcdError(endpoint, answer);
      return objectIn(answer, "result") ?? answer;
    });
  }

  /**
   * Makes a request that is answered with a stream.
   *
   * @param path The method's path, such as `/v3/watch`.
   * @param body The request.
   * @param options Signal and time limit; both hold until the first answer only.
   * @returns The stream, once its first answer is there.
   * @throws {RpcError} `unavailable` if no endpoint answers; otherwise etcd's error.
   */
  stream(path: string, body: JsonObject, options: EtcdRequestOptions): Promise<EtcdStream> {
    return this.#inTurn(path, options, async (endpoint, signal) => {
      const ending = new AbortController();
      // Until this function returns, nobody else could close the stream.
      signal.addEventListener("abort", () => ending.abort(signal.reason));
      try {
        const response = await this.#post({ endpoint, path, body, signal: ending.signal });
        const stream = new EtcdStream(endpoint, response, ending);
        await stream.begin();
        return stream;
      } catch (error) {
        ending.abort(error);
        throw error;
      }
    });
  }

  /** Turns to the next endpoint. */
  moveOn(): void {
    this.#at = (this.#at + 1) % this.#endpoints.length;
  }

  /** Drops the token: the next request asks for another. */
  forgetToken(): void {
    if (this.#options.username !== undefined) this.#token = undefined;
  }

  /** Tries one endpoint after the other, until one answers. */
  async #inTurn<T>(
    path: string,
    { signal, timeoutMs = this.requestTimeoutMs }: EtcdRequestOptions,
    ask: (endpoint: string, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    let failure: unknown;
    for (let tries = 0; tries < this.#endpoints.length; tries++) {
      const endpoint = this.#endpoints[this.#at];
      const timedOut = () => unavailable(endpoint, `${path}: no answer within ${timeoutMs} ms`);
      const askOnce = () =>
        this.#limited({ signal, timeoutMs }, timedOut, (signal) => ask(endpoint, signal));
      try {
        try {
          return await askOnce();
        } catch (error) {
          if (!isTokenRefused(error) || this.#options.username === undefined) throw error;
          this.forgetToken(); // it has expired, or this endpoint has restarted
          return await askOnce();
        }
      } catch (error) {
        signal.throwIfAborted();
        failure = error instanceof RpcError
          ? error
          : unavailable(endpoint, `${path}: ${fetchErrorText(error)}`, error);
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

  async #limited<T>(
    { signal, timeoutMs }: Required<EtcdRequestOptions>,
    timedOut: () => RpcError,
    ask: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const limit = new TimeLimit({ clock: this.#clock, signal });
    limit.set(timeoutMs, timedOut);
    try {
      return await limit.race(ask(limit.signal));
    } finally {
      limit.end();
    }
  }

  async #post(request: EndpointRequest): Promise<Response> {
    this.#token ??= await this.#authenticate(request);
    return await this.#send(request, this.#token);
  }

  /** Requests a token; returns `""` if etcd has authentication disabled. */
  async #authenticate({ endpoint, signal }: EndpointRequest): Promise<string> {
    const { username: name, password } = this.#options;
    try {
      const body = { name, password };
      const request = { endpoint, path: "/v3/auth/authenticate", body, signal };
      const response = await this.#send(request, "");
      return String((JSON.parse(await response.text()) as JsonObject).token);
    } catch (error) {
      if (errorText(error).includes("authentication is not enabled")) return "";
      throw error;
    }
  }

  async #send(
    { endpoint, path, body, signal }: EndpointRequest,
    token: string,
  ): Promise<Response> {
    const response = await this.#fetch(endpoint + path, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        // A member that has no leader answers with an error then, instead of not at all.
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
  if (httpUrl(text) !== undefined) return text.replace(/\/+$/, "");
  throw new TypeError(
    `etcd's endpoint ${JSON.stringify(endpoint)} is not like http://10.0.0.1:2379`,
  );
}
