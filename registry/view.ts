/**
 * What a discovery makes of listings: the servers that are there, as far as
 * anyone can know after a registry has restarted.
 *
 * @module
 */

import { parseAddress, type ParsedAddress } from "../address.ts";
import type { Listing } from "./protocol.ts";

interface Known {
  readonly server: string;
  readonly leaseMs: number;
}

/**
 * The servers that registries have told of.
 *
 * A registry that has restarted, or another one that is asked in its place,
 * knows at first only those servers that have beaten since. The others are
 * not gone for that: each is kept for its lease, within which it has to turn
 * up. So a registry's restart takes no healthy server out of any list.
 */
export class RegistryView {
  #instance: string | undefined;
  #version = -1;
  /** What the registry lists. */
  #listed = new Map<string, Known>();
  /** What one before it listed, and until when that counts. */
  readonly #awaited = new Map<string, Known & { untilMs: number }>();

  /**
   * Takes a listing in.
   *
   * @param listing What a registry says.
   * @param nowMs The present time.
   * @returns `false` if it is older than what is known.
   */
  take(listing: Listing, nowMs: number): boolean {
    const { instance, version } = listing;
    const isSame = instance === this.#instance;
    if (isSame && version < this.#version) return false;
    this.#instance = instance;
    this.#version = version;

    const listed = new Map<string, Known>();
    for (const { server, leaseMs } of listing.servers) {
      let endpoint: ParsedAddress;
      try {
        endpoint = parseAddress(server);
      } catch {
        continue; // whoever asks for the list is told of it there
      }
      if (!listed.has(endpoint.address)) listed.set(endpoint.address, { server, leaseMs });
    }
    if (!isSame) {
      for (const [address, known] of this.#listed) {
        if (!this.#awaited.has(address)) {
          this.#awaited.set(address, { ...known, untilMs: Infinity });
        }
      }
    }
    for (const address of listed.keys()) this.#awaited.delete(address);
    for (const awaited of this.#awaited.values()) {
      if (awaited.untilMs === Infinity) awaited.untilMs = nowMs + awaited.leaseMs;
    }
    this.#listed = listed;
    return true;
  }

  /**
   * No registry answers. As nobody can turn up then, nobody is given up: each
   * has the whole of its lease when one answers again.
   */
  suspend(): void {
    for (const awaited of this.#awaited.values()) awaited.untilMs = Infinity;
  }

  /**
   * The servers, those that may yet turn up among them, sorted.
   *
   * @param nowMs The present time.
   */
  servers(nowMs: number): string[] {
    const servers = [...this.#listed.values()].map(({ server }) => server);
    for (const [address, { server, untilMs }] of this.#awaited) {
      if (untilMs > nowMs) servers.push(server);
      else this.#awaited.delete(address);
    }
    return servers.sort();
  }

  /** When a server is waited for no longer; `Infinity` if none is. */
  get dueAtMs(): number {
    let dueAtMs = Infinity;
    for (const { untilMs } of this.#awaited.values()) dueAtMs = Math.min(dueAtMs, untilMs);
    return dueAtMs;
  }

  /** Forgets all servers: what is told next is all there is, unless it is old already. */
  clear(): void {
    this.#listed.clear();
    this.#awaited.clear();
  }
}
