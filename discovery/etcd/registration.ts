/**
 * A server's registration with etcd: a key that lasts while its server does.
 *
 * @module
 */

import { parseAddress } from "../../address.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { backoffMs, sleep } from "../time.ts";
import { RpcError } from "../../errors.ts";
import { EtcdClient, type EtcdOptions } from "./client.ts";
import { toBase64 } from "./json.ts";
import { atLeast } from "../../internal/validate.ts";
import type { Random } from "../../selector.ts";

/** Something that a registration has to tell. */
export type EtcdRegistrationEvent =
  /** The server is registered: for the first time, or again. */
  | { readonly type: "registered" }
  /** etcd has lost the lease: the server is registered anew. */
  | { readonly type: "lost"; readonly error: unknown }
  /** etcd does not answer, or refuses. It is tried again. */
  | { readonly type: "failed"; readonly error: unknown };

/** How an {@linkcode EtcdRegistration} is kept up. */
export interface EtcdRegistrationOptions extends EtcdOptions {
  /**
   * For how long a server that is gone stays registered, in milliseconds, in
   * whole seconds. etcd itself allows no less than two by default. Default 10,000.
   */
  ttlMs?: number;
  /** Ends it, as `close` does. */
  signal?: AbortSignal;
  /** Told what happens, as it happens. */
  onEvent?: (event: EtcdRegistrationEvent) => void;
}

/**
 * Registers a server with etcd, under a lease, and keeps the lease alive until
 * it is closed. It begins at once, and goes on through every outage: if etcd
 * is down it tries again, and if the lease is lost it registers anew.
 *
 * The key is the prefix and the address; the value is the address with its
 * metadata.
 *
 * @example
 * ```ts ignore
 * import { Server } from "@geerpc/xclient";
 * import { EtcdRegistration } from "@geerpc/xclient/etcd";
 *
 * const server = new Server();
 * await server.listen("tcp@10.0.0.7:9001");
 * const registration = new EtcdRegistration("arith/", "tcp@10.0.0.7:9001?weight=3", {
 *   endpoints: "http://10.0.0.1:2379",
 * });
 *
 * await registration.close(); // clients learn of it at once
 * await server.close();
 * ```
 */
export class EtcdRegistration implements AsyncDisposable {
  /** What is registered. */
  readonly address: string;
  /** Resolves once it is registered; rejects with `canceled` if it is closed before. */
  readonly ready: Promise<void>;
  readonly #key: string;
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #options: EtcdRegistrationOptions;
  readonly #closing = new AbortController();
  readonly #abort = () => void this.close();
  readonly #running: Promise<void>;
  #closed: Promise<void> | undefined;
  #lease: string | undefined;
  #leaseMs: number;
  #isRegistered = false;
  #settle!: { resolve(): void; reject(error: unknown): void };

  /**
   * Begins to register a server.
   *
   * @param prefix What the keys of such servers begin with.
   * @param address Where clients reach it, with metadata if wanted.
   * @param options Endpoints, user, lease.
   * @throws {RpcError} `invalid_argument` for a wrong address.
   * @throws {TypeError} If the prefix is empty, or an endpoint is no URL.
   * @throws {RangeError} If `ttlMs` is less than a second, or `requestTimeoutMs` not above 0.
   */
  constructor(prefix: string, address: string, options: EtcdRegistrationOptions) {
    const { ttlMs = 10_000, signal } = options;
    if (prefix === "") throw new TypeError("a registration with etcd needs a prefix");
    atLeast(1000, "ttlMs", ttlMs);
    this.#key = prefix + parseAddress(address).address;
    this.address = address;
    this.#client = new EtcdClient(options);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#options = options;
    this.#leaseMs = ttlMs;
    this.ready = new Promise((resolve, reject) => this.#settle = { resolve, reject });
    this.ready.catch(() => {}); // nobody may be waiting for it
    this.#running = this.#run();
    if (signal?.aborted) this.#abort();
    else signal?.addEventListener("abort", this.#abort);
  }

  /** Whether it is registered, as far as is known. */
  get registered(): boolean {
    return this.#isRegistered;
  }

  /**
   * Takes the server out of the list, if etcd can be reached, and registers it
   * no more. Idempotent.
   *
   * @returns Resolves when all is over.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#options.signal?.removeEventListener("abort", this.#abort);
    const reason = new RpcError("canceled", `${this.#key}: the registration is closed`, {
      execution: "not_sent",
    });
    this.#closing.abort(reason);
    this.#settle.reject(reason);
    await this.#running;
    this.#isRegistered = false;
    if (this.#lease === undefined) return;
    try {
      const { signal } = new AbortController();
      const timeoutMs = Math.min(this.#client.requestTimeoutMs, this.#leaseMs);
      await this.#client.call("/v3/lease/revoke", { ID: this.#lease }, { signal, timeoutMs });
    } catch (error) {
      // The lease ends by itself.
      if (!isLost(error)) this.#tell({ type: "failed", error });
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted;) {
      let waitMs: number;
      try {
        await this.#beat(signal);
        failures = 0;
        waitMs = this.#leaseMs / 3 * (0.8 + this.#random() / 5);
      } catch (error) {
        if (signal.aborted) break;
        this.#tell({ type: isLost(error) ? "lost" : "failed", error });
        if (isLost(error)) {
          this.#lease = undefined;
          this.#isRegistered = false;
        }
        // Once etcd is back, it gives each lease its time anew, and no more than that.
        const backoff = { firstMs: 200, mostMs: this.#leaseMs / 4 };
        const isFirst = isLost(error) && failures === 0;
        waitMs = isFirst ? 0 : backoffMs(backoff, failures, this.#random());
        failures++;
      }
      if (waitMs > 0) await sleep(this.#clock, waitMs, signal);
    }
  }

  /** Does what is next: lease, key, or keeping both alive. */
  async #beat(signal: AbortSignal): Promise<void> {
    // All endpoints together, lest those that are silent cost the lease.
    const limitMs = this.#leaseMs / 2 / this.#client.size;
    const timeoutMs = Math.min(this.#client.requestTimeoutMs, limitMs);
    const options = { signal, timeoutMs };
    if (this.#lease === undefined) {
      const TTL = String(Math.ceil((this.#options.ttlMs ?? 10_000) / 1000));
      const granted = await this.#client.call("/v3/lease/grant", { TTL }, options);
      this.#leaseMs = Number(granted.TTL ?? TTL) * 1000;
      this.#lease = String(granted.ID);
    }
    if (!this.#isRegistered) {
      await this.#client.call("/v3/kv/put", {
        key: toBase64(this.#key),
        value: toBase64(this.address),
        lease: this.#lease,
      }, options);
      this.#isRegistered = true;
      this.#settle.resolve();
      this.#tell({ type: "registered" });
      return;
    }
    const alive = await this.#client.call("/v3/lease/keepalive", { ID: this.#lease }, options);
    if (!(Number(alive.TTL) > 0)) {
      throw new RpcError("not_found", `${this.#key}: etcd has lost the lease`, {
        execution: "answered",
      });
    }
  }

  #tell(event: EtcdRegistrationEvent): void {
    const { onEvent } = this.#options;
    if (onEvent !== undefined) queueMicrotask(() => onEvent(event));
  }
}

function isLost(error: unknown): boolean {
  return error instanceof RpcError && error.code === "not_found";
}
