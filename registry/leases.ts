/**
 * The registry's leases: the servers that it lists, each until its lease expires.
 *
 * @module
 */

import type { ParsedAddress } from "../address.ts";
import type { Clock } from "../clock.ts";
import { Deadlines, type Expiring } from "../internal/deadlines.ts";
import { isSameSecret } from "../internal/secrets.ts";

/** What happens to a server in a registry. */
export type RegistryEventType = "joined" | "changed" | "left" | "expired";

/** Called after each change of the list, with the lease that has begun, changed or ended. */
export type OnLeaseEvent = (type: RegistryEventType, lease: Lease) => void;

/** A server and its lease. */
export class Lease implements Expiring {
  readonly dueAt: number;
  waiting = false;
  /** The secret of who may renew and end it; `undefined` if anyone may. */
  readonly #owner: string | undefined;
  readonly #onExpired: (lease: Lease) => void;

  /**
   * @param server The server's address, with its metadata.
   * @param endpoint The same, parsed.
   * @param leaseMs How long it is listed without a heartbeat; `Infinity` for ever.
   * @param joinedAtMs When it first registered.
   * @param renewedAtMs When its last heartbeat came.
   * @param owner The secret of who may renew and end it.
   * @param onExpired Called when the lease has expired.
   */
  constructor(
    readonly server: string,
    readonly endpoint: ParsedAddress,
    readonly leaseMs: number,
    readonly joinedAtMs: number,
    readonly renewedAtMs: number,
    owner: string | undefined,
    onExpired: (lease: Lease) => void,
  ) {
    this.dueAt = renewedAtMs + leaseMs;
    this.#owner = owner;
    this.#onExpired = onExpired;
  }

  /**
   * Whether someone may renew the lease, or end it.
   *
   * @param owner The secret that they have sent, if any.
   * @returns `true` for its owner, and for everyone if it has none.
   */
  belongsTo(owner: string | undefined): boolean {
    return this.#owner === undefined || owner !== undefined && isSameSecret(owner, this.#owner);
  }

  /**
   * The lease as it is from a heartbeat on. It stays its owner's.
   *
   * @param server The server's address, with its metadata.
   * @param endpoint The same, parsed.
   * @param leaseMs How long it is listed without another heartbeat.
   * @param nowMs The present time.
   */
  renewed(server: string, endpoint: ParsedAddress, leaseMs: number, nowMs: number): Lease {
    const { joinedAtMs } = this;
    return new Lease(server, endpoint, leaseMs, joinedAtMs, nowMs, this.#owner, this.#onExpired);
  }

  /** The lease has expired. */
  expire(): void {
    this.#onExpired(this);
  }
}

/** The leases, sorted by address when they are read. */
export class Leases {
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #emit: OnLeaseEvent;
  readonly #leases = new Map<string, Lease>();
  #sorted: readonly Lease[] | undefined;
  #bytes = 0;

  /**
   * @param clock The clock by which leases expire.
   * @param emit Called after each change of the list.
   */
  constructor(clock: Clock, emit: OnLeaseEvent) {
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock);
    this.#emit = emit;
  }

  /** How many servers there are. */
  get size(): number {
    return this.#leases.size;
  }

  /** The length of the list of all addresses, separated by commas, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** All leases, sorted by address. */
  get all(): readonly Lease[] {
    return this.#sorted ??= [...this.#leases.values()]
      .sort((one, other) => one.server < other.server ? -1 : 1);
  }

  /**
   * The lease of a server.
   *
   * @param address Its address without metadata.
   */
  get(address: string): Lease | undefined {
    return this.#leases.get(address);
  }

  /**
   * Lists a server, or renews its lease.
   *
   * @param server Its address, with its metadata.
   * @param endpoint The same, parsed.
   * @param leaseMs How long it is listed unless its lease is renewed.
   * @param owner The secret of a lease that begins with this.
   */
  renew(server: string, endpoint: ParsedAddress, leaseMs: number, owner?: string): void {
    const { address } = endpoint;
    const before = this.#leases.get(address);
    if (before !== undefined) this.#deadlines.remove(before);
    const nowMs = this.#clock.now();
    const lease = before?.renewed(server, endpoint, leaseMs, nowMs) ??
      new Lease(server, endpoint, leaseMs, nowMs, nowMs, owner, this.#expire);
    this.#leases.set(address, lease);
    this.#sorted = undefined;
    if (leaseMs !== Infinity) this.#deadlines.add(lease);
    this.#bytes += server.length - (before?.server.length ?? -1);
    if (before === undefined) this.#emit("joined", lease);
    else if (before.server !== server || before.leaseMs !== leaseMs) this.#emit("changed", lease);
  }

  /**
   * Ends the lease of a server. Does nothing if it has none.
   *
   * @param address Its address without metadata.
   */
  remove(address: string): void {
    const lease = this.#leases.get(address);
    if (lease === undefined) return;
    this.#deadlines.remove(lease);
    this.#drop(lease, "left");
  }

  /** Ends the timer: no lease expires any more. */
  close(): void {
    this.#deadlines.clear();
  }

  readonly #expire = (lease: Lease): void => this.#drop(lease, "expired");

  #drop(lease: Lease, type: RegistryEventType): void {
    this.#leases.delete(lease.endpoint.address);
    this.#sorted = undefined;
    this.#bytes -= lease.server.length + 1;
    this.#emit(type, lease);
  }
}
