/**
 * A registry's list at the other end of its stream: taken whole, then changed.
 *
 * @module
 */

import { parseAddress } from "../address.ts";
import { type ListedServer, type Listing, type ListingChange, LONGEST_ANSWER } from "./protocol.ts";

/** What a registry lists, brought up to date by its stream. */
export class ListedServers {
  #listing: Listing;
  /** The servers by address; made when the first change comes. */
  #byAddress: Map<string, ListedServer> | undefined;

  /** @param listing The list at first. */
  constructor(listing: Listing) {
    this.#listing = listing;
  }

  /**
   * Takes what has come on the stream.
   *
   * @param event A whole listing, or how the last one has changed.
   * @returns The list that comes of it.
   * @throws {RangeError} If changes before it are missing, or the list is too long then.
   */
  take(event: Listing | ListingChange): Listing {
    if (!("since" in event)) {
      this.#byAddress = undefined;
      return this.#listing = event;
    }
    const { version } = this.#listing;
    if (event.since > version) {
      throw new RangeError(`a change of version ${event.since} came behind version ${version}`);
    }
    // It has the last state of all that has changed since, so what is known already does no harm.
    if (event.version <= version) return this.#listing;
    const byAddress = this.#byAddress ??= byAddressOf(this.#listing);
    for (const address of event.gone) byAddress.delete(address);
    for (const { address, server, leaseMs } of event.put) {
      byAddress.set(address, { server, leaseMs });
    }
    const servers = [...byAddress.values()].sort((a, b) => a.server < b.server ? -1 : 1);
    if (servers.reduce((length, { server }) => length + server.length, 0) > LONGEST_ANSWER) {
      throw new RangeError(`the list is too long: over ${LONGEST_ANSWER} characters`);
    }
    return this.#listing = { ...this.#listing, version: event.version, servers };
  }
}

function byAddressOf({ servers }: Listing): Map<string, ListedServer> {
  return new Map(servers.map((one) => [addressOf(one.server), one]));
}

/** The address without metadata; of a server that can't be parsed, the whole text. */
function addressOf(server: string): string {
  try {
    return parseAddress(server).address;
  } catch {
    return server;
  }
}
