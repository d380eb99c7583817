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
import { joined, piecesOf } from "../bounded_text.ts";
import {
  type Fetch,
  fetchErrorText,
  headersFor,
  type HttpEndpoint,
  httpUrl,
  platformFetch,
  quotedUrl,
} from "../http.ts";
import { type JsonObject, LONGEST_ANSWER, objectIn } from "./encoding.ts";
import { etcdError, isTokenWanted, noUser, unavailable } from "./errors.ts";
import type { EtcdOptions } from "./options.ts";
import { EtcdStream } from "./stream.ts";

/** gRPC's code of a request that lacks a token. */
const UNAUTHENTICATED = 16;

/** The limits of one request. */
export interface EtcdRequestOptions {
  /** Ends the request. */
  signal: AbortSignal;
  /** How long one endpoint may take, in milliseconds. Default: the client's. */
  timeoutMs?: number;
}

/** One request to one endpoint. */
interface EndpointRequest {
  readonly endpoint: HttpEndpoint;
  readonly path: string;
  readonly body: JsonObject;
  readonly signal: AbortSignal;
}

/** Makes requests to etcd. */
export class EtcdClient {
  /** How long one endpoint may take to answer, in milliseconds. */
  readonly requestTimeoutMs: number;
  readonly #endpoints: readonly HttpEndpoint[];
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
    return this.#endpoints.map(({ url }) => url).join(", ");
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
      const answer = JSON.parse(await textOf(response)) as JsonObject;
      if (answer.error !== undefined) throw etcdError(endpoint.url, answer);
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
        const stream = new EtcdStream(endpoint.url, response, ending);
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
    ask: (endpoint: HttpEndpoint, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const failures: RpcError[] = [];
    for (let tries = 0; tries < this.#endpoints.length; tries++) {
      const endpoint = this.#endpoints[this.#at];
      const timedOut = () => unavailable(endpoint.url, `${path}: no answer within ${timeoutMs} ms`);
      const askOnce = () =>
        this.#limited({ signal, timeoutMs }, timedOut, (signal) => ask(endpoint, signal));
      try {
        try {
          return await askOnce();
        } catch (error) {
          if (!isTokenWanted(error)) throw error;
          if (this.#options.username === undefined) throw noUser(endpoint.url, error);
          // It has expired, or the endpoint has restarted, or etcd has users since a moment ago.
          this.forgetToken();
          return await askOnce();
        }
      } catch (error) {
        signal.throwIfAborted();
        const failure = error instanceof RpcError
          ? error
          : unavailable(endpoint.url, `${path}: ${fetchErrorText(error)}`, error);
        if (failure.code !== "unavailable") throw failure;
        failures.push(failure);
        this.moveOn();
      }
    }
    if (failures.length === 1) throw failures[0];
    throw unavailable(
      this.endpoints,
      `none answers; the last said: ${errorText(failures.at(-1))}`,
      new AggregateError(failures),
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
      const body = { name, password: typeof password === "function" ? await password() : password };
      const request = { endpoint, path: "/v3/auth/authenticate", body, signal };
      const response = await this.#send(request, "");
      return String((JSON.parse(await textOf(response)) as JsonObject).token);
    } catch (error) {
      if (errorText(error).includes("authentication is not enabled")) return "";
      throw error;
    }
  }

  async #send(
    { endpoint, path, body, signal }: EndpointRequest,
    token: string,
  ): Promise<Response> {
    const response = await this.#fetch(endpoint.url + path, {
      method: "POST",
      headers: headersFor(endpoint, {
        "Content-Type": "application/json",
        // A member that has no leader answers with an error then, instead of not at all.
        "Grpc-Metadata-hasleader": "true",
        ...(token && { Authorization: token }),
      }),
      body: JSON.stringify(body),
      signal,
    });
    if (response.ok) return response;
    const text = await textOf(response);
    throw etcdError(endpoint.url, refusalOf(response.status, text));
  }
}

/** What a refusal says; a proxy before etcd refuses in words of its own. */
function refusalOf(status: number, text: string): JsonObject {
  try {
    const refusal: unknown = JSON.parse(text);
    if (typeof refusal === "object" && refusal !== null) return refusal as JsonObject;
  } catch {
    // The status has to do.
  }
  return { message: `HTTP status ${status}`, ...(status === 401 && { code: UNAUTHENTICATED }) };
}

function textOf(response: Response): Promise<string> {
  return joined(piecesOf(response.body), LONGEST_ANSWER);
}

function parseEndpoint(endpoint: string): HttpEndpoint {
  const parsed = httpUrl(/^[a-z]+:\/\//i.test(endpoint) ? endpoint : `http://${endpoint}`);
  if (parsed === undefined) {
    throw new TypeError(`etcd's endpoint ${quotedUrl(endpoint)} is not like http://10.0.0.1:2379`);
  }
  const { url, authorization } = parsed;
  return { url: `${url.origin}${url.pathname}`.replace(/\/+$/, ""), authorization };
}
