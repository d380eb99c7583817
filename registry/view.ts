/**
 * A discovery's view of what registries list, which survives their restarts.
 *
 * @module
 */

import { parseAddress, type ParsedAddress } from "../address.ts";
import { type Listing, LONGEST_ANSWER } from "./protocol.ts";

/** A server that was listed. */
interface Known {
  readonly server: string;
  readonly leaseMs: number;
}

/**
 * The servers that registries have listed.
 *
 * A registry that has restarted, or another one that is asked in its place,
 * lists at first only the servers that have sent a heartbeat since. The others
 * are not gone because of that: each stays in the view for the time of its
 * lease, within which it has to register again. So a registry's restart takes
 * no healthy server out of any list.
 */
export class RegistryView {
  #instance: string | undefined;
  #version = -1;
  /** The servers that the registry lists, by address. */
  #listed = new Map<string, Known>();
  /** The servers that an earlier registry has listed, and until when they may register again. */
  readonly #awaited = new Map<string, Known & { untilMs: number }>();

  /**
   * Takes a listing into the view.
   *
   * @param listing What a registry lists.
   * @param nowMs The present time.
   * @returns `false` if it is older than the view, and was left.
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
        continue; // it is reported where the list is put in place
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
    if (!isSame) this.#boundAwaited();
    for (const awaited of this.#awaited.values()) {
      if (awaited.untilMs === Infinity) awaited.untilMs = nowMs + awaited.leaseMs;
    }
    this.#listed = listed;
    return true;
  }

  /**
   * No registry answers. As no server can register then, none is given up: each
   * has its whole lease again when a registry answers.
   */
  suspend(): void {
    for (const awaited of this.#awaited.values()) awaited.untilMs = Infinity;
  }

  /**
   * All servers, sorted, with those that may still register again.
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

  /** When the next server that has not registered again is given up; `Infinity` if there is none. */
  get dueAtMs(): number {
    let dueAtMs = Infinity;
    for (const { untilMs } of this.#awaited.values()) dueAtMs = Math.min(dueAtMs, untilMs);
    return dueAtMs;
  }

  /** A registry that is another one each time, with other servers, must not be remembered for ever. */
  #boundAwaited(): void {
    let length = 0;
    for (const { server } of this.#awaited.values()) length += server.length;
    for (const [address, { server }] of this.#awaited) { // the oldest come first
      if (length <= LONGEST_ANSWER) return;
      length -= server.length;
      this.#awaited.delete(address);
    }
  }

  /** Forgets all servers. A listing that is older than the view is still left. */
  clear(): void {
    this.#listed.clear();
    this.#awaited.clear();
  }
}
