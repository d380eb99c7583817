/**
 * The servers that a registry knows, each until its lease runs out.
 *
 * @module
 */

import type { ParsedAddress } from "../address.ts";
import type { Clock } from "../clock.ts";
import { Deadlines, type Expiring } from "../internal/deadlines.ts";

/** What happens to a server in a registry. */
export type RegistryEventType = "joined" | "changed" | "left" | "expired";

/** A server and its lease. */
export class Lease implements Expiring {
  dueAt = Infinity;
  waiting = false;
  readonly #end: (lease: Lease) => void;

  /**
   * @param server Its address, with its metadata.
   * @param endpoint The same, taken apart.
   * @param leaseMs How long it is listed without a heartbeat; `Infinity`: for ever.
   * @param joinedAtMs When it registered first.
   * @param beatAtMs When it was heard last.
   * @param end Called when the lease has run out.
   */
  constructor(
    readonly server: string,
    readonly endpoint: ParsedAddress,
    readonly leaseMs: number,
    readonly joinedAtMs: number,
    readonly beatAtMs: number,
    end: (lease: Lease) => void,
  ) {
    this.#end = end;
  }

  /** The lease has run out. */
  expire(): void {
    this.#end(this);
  }
}

/** The leases, sorted by address when they are read. */
export class Leases {
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #tell: (type: RegistryEventType, server: string) => void;
  readonly #leases = new Map<string, Lease>();
  #sorted: readonly Lease[] | undefined;
  #bytes = 0;

  /**
   * @param clock Where the time comes from.
   * @param tell Told what happens to a server, after it has happened.
   */
  constructor(clock: Clock, tell: (type: RegistryEventType, server: string) => void) {
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock);
    this.#tell = tell;
  }

  /** How many servers there are. */
  get size(): number {
    return this.#leases.size;
  }

  /** How long the list of all addresses is, with its commas. */
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
   * Takes a server in, or begins its lease anew.
   *
   * @param server Its address, with its metadata.
   * @param endpoint The same, taken apart.
   * @param leaseMs How long it is listed without another of these.
   */
  renew(server: string, endpoint: ParsedAddress, leaseMs: number): void {
    const { address } = endpoint;
    const before = this.#leases.get(address);
    if (before !== undefined) this.#deadlines.remove(before);
    const nowMs = this.#clock.now();
    const joinedAtMs = before?.joinedAtMs ?? nowMs;
    const lease = new Lease(server, endpoint, leaseMs, joinedAtMs, nowMs, this.#expire);
    this.#leases.set(address, lease);
    this.#sorted = undefined;
    if (leaseMs !== Infinity) {
      lease.dueAt = nowMs + leaseMs;
      this.#deadlines.add(lease);
    }
    this.#bytes += server.length - (before?.server.length ?? -1);
    if (before === undefined) this.#tell("joined", server);
    else if (before.server !== server || before.leaseMs !== leaseMs) this.#tell("changed", server);
  }

  /**
   * Takes a server out.
   *
   * @param address Its address without metadata.
   */
  remove(address: string): void {
    const lease = this.#leases.get(address);
    if (lease === undefined) return;
    this.#deadlines.remove(lease);
    this.#drop(lease, "left");
  }

  /** Ends the timer. */
  close(): void {
    this.#deadlines.clear();
  }

  readonly #expire = (lease: Lease): void => this.#drop(lease, "expired");

  #drop(lease: Lease, type: RegistryEventType): void {
    this.#leases.delete(lease.endpoint.address);
    this.#sorted = undefined;
    this.#bytes -= lease.server.length + 1;
    this.#tell(type, lease.server);
  }
}
