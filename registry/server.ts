/**
 * The registry: an HTTP request handler over the leases of the servers.
 *
 * @module
 */

import { errorText } from "../errors.ts";
import { tell } from "../internal/events.ts";
import { LONGEST_TIMER_MS, unrefClock } from "../internal/time.ts";
import { type AccessKind, BASIC, type Credentials, RegistryGuard } from "./access.ts";
import { AllowedHosts } from "./allowed_hosts.ts";
import { type Lease, Leases, type RegistryEventType } from "./leases.ts";
import { answerNode, type NodeRequest, type NodeResponse } from "./node_http.ts";
import { pageHeaders, renderPage } from "./page.ts";
import {
  checkServer,
  isOwner,
  LEASE_HEADER,
  type ListedServer,
  LONGEST_OWNER,
  OWNER_HEADER,
  SERVER_HEADER,
  SERVERS_HEADER,
  STREAM_HEADER,
} from "./protocol.ts";
import { type RegistryOptions, type RegistrySettings, registrySettings } from "./server_options.ts";
import { RegistryStreams } from "./streams.ts";

export type { RegistryAccess, RegistryTokens } from "./access.ts";
export type { NodeRequest, NodeResponse, RegistryEventType };
export type { RegistryEvent, RegistryOptions } from "./server_options.ts";

const TEXT = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

/**
 * A registry: servers register with it, and clients ask it for the list. It
 * speaks GeeRPC's protocol, so Go's servers and clients can use it too, and
 * shows the fleet to a person at `/`.
 *
 * It keeps everything in memory: after a restart it learns of the servers from
 * their next heartbeats. Without the options `read` and `write` anyone who can
 * reach it may see and change the list.
 *
 * @example With `Deno.serve`
 * ```ts ignore
 * import { Registry } from "@geerpc/xclient/registry";
 *
 * const registry = new Registry();
 * Deno.serve({ hostname: "127.0.0.1", port: 9999 }, registry.fetch);
 * ```
 *
 * @example On Node
 * ```ts ignore
 * import { createServer } from "node:http";
 * import { Registry } from "@geerpc/xclient/registry";
 *
 * const registry = new Registry();
 * createServer(registry.nodeHandler).listen(9999, "127.0.0.1");
 * ```
 *
 * @example Its answers
 * ```ts
 * import { assert } from "@std/assert";
 * import { Registry } from "@geerpc/xclient/registry";
 *
 * const registry = new Registry();
 * const url = "http://registry/_geerpc_/registry";
 * const headers = { "X-Geerpc-Server": "tcp@10.0.0.1:9001?zone=a" };
 * registry.fetch(new Request(url, { method: "POST", headers }));
 *
 * const answer = registry.fetch(new Request(url));
 * assert(answer.headers.get("X-Geerpc-Servers") === "tcp@10.0.0.1:9001?zone=a");
 * await registry.close();
 * ```
 */
export class Registry implements AsyncDisposable {
  /** Answers a request: for `Deno.serve`, and whatever else takes a fetch handler. */
  readonly fetch: (request: Request) => Response;
  /** Answers a request of Node: for `createServer` of `node:http`. */
  readonly nodeHandler: (request: NodeRequest, response: NodeResponse) => void;
  readonly #options: RegistrySettings;
  readonly #hosts: AllowedHosts;
  readonly #guard: RegistryGuard;
  readonly #leases: Leases;
  readonly #streams: RegistryStreams;
  readonly #instance = crypto.randomUUID();
  readonly #startedAtMs: number;
  #version = 0;
  #closed = false;

  /**
   * Makes a registry that lists no server yet.
   *
   * @param options Leases and limits, and who may use it.
   * @throws {RangeError} If a number is out of range.
   * @throws {TypeError} If an option does not exist, or is of the wrong type.
   */
  constructor(options: RegistryOptions = {}) {
    const { onEvent } = options;
    this.#options = registrySettings(options);
    this.#hosts = new AllowedHosts(options.allowedHosts);
    this.#guard = new RegistryGuard(options);
    const { beatMs } = this.#options;
    // An HTTP server in front of it keeps the program running, not a lease that will expire.
    const clock = unrefClock(this.#options.clock);
    this.#startedAtMs = clock.now();
    this.#leases = new Leases(clock, (type, lease) => {
      this.#version++;
      const { server, endpoint: { address } } = lease;
      const isListed = type === "joined" || type === "changed";
      this.#streams.changed(address, isListed ? { ...asListed(lease), address } : undefined);
      tell(onEvent, { type, server });
    });
    this.#streams = new RegistryStreams(clock, beatMs, {
      size: () => this.#leases.size,
      version: () => this.#version,
      listing: () => this.#listing(),
    });
    this.fetch = (request) => this.#answer(request, request);
    this.nodeHandler = (request, response) =>
      void answerNode((request, by) => this.#answer(request, by), request, response);
  }

  /** The servers that are listed now, sorted, in an array of the caller's own. */
  get servers(): string[] {
    return this.#leases.all.map(({ server }) => server);
  }

  /**
   * Ends the streams and every timer. Requests are refused with 503 from then on.
   * Idempotent.
   *
   * @returns Resolves at once. Close the HTTP server after it, not before: open
   * streams would keep it waiting.
   */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#streams.close();
      this.#leases.close();
    }
    return Promise.resolve();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Answers a request; `by` is what it shows of who asks. */
  #answer(request: Request, by: Credentials): Response {
    if (this.#closed) return refuse(503, "the registry is closed");
    // Deno makes the URL of the header Host without looking at it.
    if (!URL.canParse(request.url)) return refuse(400, "this Host is no host");
    const { pathname } = new URL(request.url);
    const { method } = request;
    const foreign = this.#hosts.foreignOf(request);
    if (foreign !== undefined) {
      return refuse(403, `${foreign} is no host of this registry; see its option allowedHosts`);
    }
    if (pathname === this.#options.path) {
      if (method === "GET") return this.#refusal("read", by) ?? this.#list(by);
      if (method === "POST") return this.#refusal("write", by) ?? this.#register(request.headers);
      if (method === "DELETE") {
        return this.#refusal("write", by) ?? this.#deregister(request.headers);
      }
      return refuse(405, `${method} is not for a registry`, { allow: "GET, POST, DELETE" });
    }
    if (pathname !== "/") return refuse(404, `the registry is at ${this.#options.path}`);
    if (method !== "GET") return refuse(405, "this is a page to look at", { allow: "GET" });
    const refusal = this.#refusal("read", by);
    if (refusal?.status === 401) refusal.headers.set("www-authenticate", BASIC);
    return refusal ?? this.#page();
  }

  #refusal(kind: AccessKind, by: Credentials): Response | undefined {
    const refusal = this.#guard.refuses(kind, by);
    return refusal && refuse(refusal.status, refusal.why, refusal.headers);
  }

  #list(by: Credentials): Response {
    const { headers: requested } = by;
    const accept = requested.get("accept") ?? "";
    if (accept.includes("text/event-stream") && this.#streams.size < this.#options.maxStreams) {
      const headers = { "content-type": "text/event-stream", "cache-control": "no-store" };
      const kind = requested.get(STREAM_HEADER) === "changes" ? "changes" : "whole";
      // A token that is withdrawn ends the streams that it has opened.
      const mayStay = () => this.#guard.refuses("read", by) === undefined;
      return new Response(this.#streams.open(kind, mayStay), { headers });
    }
    if (accept.includes("application/json")) {
      const headers = { "content-type": "application/json", "cache-control": "no-store" };
      return new Response(this.#listing(), { headers });
    }
    const headers = { ...TEXT, [SERVERS_HEADER]: this.servers.join(",") };
    return new Response(null, { headers });
  }

  #register(headers: Headers): Response {
    const { timeoutMs, maxServers, maxAddressBytes, maxListBytes } = this.#options;
    const server = headers.get(SERVER_HEADER) ?? "";
    if (server === "") return refuse(400, `a POST needs the header ${SERVER_HEADER}: an address`);
    if (server.length > maxAddressBytes) {
      return refuse(400, `the address is longer than ${maxAddressBytes} bytes`);
    }
    const requested = headers.get(LEASE_HEADER);
    const leaseMs = requested === null ? timeoutMs : Number(requested);
    if (requested !== null && !(/^\d{1,10}$/.test(requested) && leaseMs > 0)) {
      return refuse(400, `${LEASE_HEADER} must be a whole number of milliseconds above 0`);
    }
    let endpoint;
    try {
      endpoint = checkServer(server);
    } catch (error) {
      return refuse(400, errorText(error));
    }
    const owner = headers.get(OWNER_HEADER) ?? undefined;
    if (owner !== undefined && !isOwner(owner)) {
      return refuse(400, `${OWNER_HEADER} must be 1 to ${LONGEST_OWNER} visible ASCII characters`);
    }
    const earlier = this.#leases.get(endpoint.address);
    if (earlier?.belongsTo(owner) === false) return this.#refuseStranger(earlier);
    if (earlier === undefined && this.#leases.size >= maxServers) {
      return refuse(507, `the registry is full: it has ${maxServers} servers`);
    }
    if (this.#leases.bytes + server.length - (earlier?.server.length ?? -1) > maxListBytes) {
      return refuse(507, `the registry is full: its list may have ${maxListBytes} bytes`);
    }
    const granted = leaseMs === Infinity ? Infinity : Math.min(leaseMs, LONGEST_TIMER_MS);
    this.#leases.renew(server, endpoint, granted, owner);
    return new Response(null, { headers: { ...TEXT, [LEASE_HEADER]: headerText(granted) } });
  }

  #deregister(headers: Headers): Response {
    let address;
    try {
      address = checkServer(headers.get(SERVER_HEADER) ?? "").address;
    } catch (error) {
      return refuse(400, errorText(error));
    }
    const lease = this.#leases.get(address);
    if (lease?.belongsTo(headers.get(OWNER_HEADER) ?? undefined) === false) {
      return this.#refuseStranger(lease);
    }
    this.#leases.remove(address);
    return new Response(null, { headers: TEXT });
  }

  #refuseStranger({ endpoint, dueAt }: Lease): Response {
    const leftMs = Math.max(0, dueAt - this.#options.clock.now());
    const until = leftMs === Infinity ? "" : `, for ${Math.ceil(leftMs / 1000)} s at least`;
    return refuse(403, `the lease of ${endpoint.address} has another owner${until}`);
  }

  /** The list as this library's discovery gets it. */
  #listing(): string {
    return JSON.stringify({
      instance: this.#instance,
      version: this.#version,
      beatMs: this.#options.beatMs,
      servers: this.#leases.all.map(asListed),
    });
  }

  #page(): Response {
    const nowMs = this.#options.clock.now();
    const nonce = crypto.randomUUID();
    const html = renderPage({
      leases: this.#leases.all,
      nowMs,
      upMs: nowMs - this.#startedAtMs,
      streams: this.#streams.size,
      path: this.#options.path,
      nonce,
    });
    return new Response(html, { headers: pageHeaders(nonce) });
  }
}

function asListed({ server, leaseMs }: Lease): ListedServer {
  return { server, leaseMs: Math.min(leaseMs, LONGEST_TIMER_MS) };
}

function headerText(leaseMs: number): string {
  return String(Math.min(leaseMs, LONGEST_TIMER_MS));
}

function refuse(status: number, why: string, headers: Record<string, string> = {}): Response {
  return new Response(`${why}\n`, { status, headers: { ...TEXT, ...headers } });
}
