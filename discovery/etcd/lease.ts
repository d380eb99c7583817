/**
 * The lease under which a server is registered with etcd: granted, kept alive,
 * replaced when it is lost, and revoked in the end.
 *
 * @module
 */

import { RpcError } from "../../errors.ts";
import type { Backoff } from "../../internal/backoff.ts";
import { toBase64 } from "../base64.ts";
import type { Registrar } from "../registration_loop.ts";
import type { EtcdClient, EtcdRequestOptions } from "./client.ts";
import { isNotFound } from "./errors.ts";

/** One key of etcd's, under a lease of its own. */
export class EtcdLease implements Registrar {
  readonly #client: EtcdClient;
  readonly #key: string;
  readonly #value: string;
  readonly #ttlSeconds: number;
  #id: string | undefined;
  /** The lease's time as granted; until then, as it is to be asked for. */
  #leaseMs: number;
  #isKeyPut = false;

  /**
   * @param client Makes the requests.
   * @param entry The key, its value, and the lease's time in milliseconds.
   */
  constructor(
    client: EtcdClient,
    entry: { readonly key: string; readonly value: string; readonly ttlMs: number },
  ) {
    this.#client = client;
    this.#key = entry.key;
    this.#value = entry.value;
    this.#ttlSeconds = Math.ceil(entry.ttlMs / 1000);
    this.#leaseMs = entry.ttlMs;
  }

  get renewAfterMs(): number {
    return this.#leaseMs / 3;
  }

  /** At least four tries in the time of a lease: an etcd that comes back restarts each lease. */
  get backoff(): Backoff {
    return { firstMs: 200, maxMs: this.#leaseMs / 4 };
  }

  /**
   * Asks for a lease and puts the key, or keeps the lease alive.
   *
   * @param signal Ends it.
   * @returns Whether the key was put.
   * @throws {RpcError} `not_found` if etcd has lost the lease, `unavailable` if no
   * endpoint answers, otherwise etcd's error.
   */
  async renew(signal: AbortSignal): Promise<boolean> {
    // All endpoints together take half of the lease, so silent ones do not cost it.
    const limitMs = this.#leaseMs / 2 / this.#client.size;
    const options = { signal, timeoutMs: Math.min(this.#client.requestTimeoutMs, limitMs) };
    try {
      this.#id ??= await this.#grant(options);
      if (this.#isKeyPut) {
        await this.#keepAlive(this.#id, options);
        return false;
      }
      await this.#put(this.#id, options);
      return this.#isKeyPut = true;
    } catch (error) {
      if (this.isLost(error)) {
        this.#id = undefined;
        this.#isKeyPut = false;
      }
      throw error;
    }
  }

  /**
   * Whether etcd has lost the lease, and with it the key.
   *
   * @param error What `renew` has thrown.
   */
  isLost(error: unknown): boolean {
    return isNotFound(error);
  }

  /**
   * Revokes the lease, and with it the key. If that fails, the lease expires by itself.
   *
   * @throws {RpcError} If etcd can't be reached or refuses.
   */
  async deregister(): Promise<void> {
    if (this.#id === undefined) return;
    const { signal } = new AbortController();
    const timeoutMs = Math.min(this.#client.requestTimeoutMs, this.#leaseMs);
    try {
      await this.#client.call("/v3/lease/revoke", { ID: this.#id }, { signal, timeoutMs });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #grant(options: EtcdRequestOptions): Promise<string> {
    const TTL = String(this.#ttlSeconds);
    const granted = await this.#client.call("/v3/lease/grant", { TTL }, options);
    // At least a second, as etcd grants it: a lease without a time would be renewed without a pause.
    this.#leaseMs = Math.max(1, Number(granted.TTL ?? TTL) || this.#ttlSeconds) * 1000;
    return String(granted.ID);
  }

  async #put(lease: string, options: EtcdRequestOptions): Promise<void> {
    const entry = { key: toBase64(this.#key), value: toBase64(this.#value), lease };
    await this.#client.call("/v3/kv/put", entry, options);
  }

  async #keepAlive(ID: string, options: EtcdRequestOptions): Promise<void> {
    const alive = await this.#client.call("/v3/lease/keepalive", { ID }, options);
    if (Number(alive.TTL) > 0) return;
    throw new RpcError("not_found", `${this.#key}: etcd has lost the lease`, {
      execution: "answered",
    });
  }
}
