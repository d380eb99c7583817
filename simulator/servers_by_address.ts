/**
 * The servers of a fleet by their addresses.
 *
 * @module
 */

import type { FakeFleet, FakeServer } from "../testing.ts";

/** Finds the servers of a fleet, also while some leave and others join. */
export class ServersByAddress {
  readonly #fleet: FakeFleet;
  #servers: readonly FakeServer[] = [];
  #byAddress: ReadonlyMap<string, FakeServer> = new Map();

  /** @param fleet The fleet. */
  constructor(fleet: FakeFleet) {
    this.#fleet = fleet;
  }

  /**
   * Finds a server.
   *
   * @param address Its address.
   * @returns `undefined` if it isn't in the fleet at present.
   */
  find(address: string): FakeServer | undefined {
    const { servers } = this.#fleet;
    if (servers !== this.#servers) {
      this.#servers = servers;
      this.#byAddress = new Map(servers.map((server) => [server.address, server]));
    }
    return this.#byAddress.get(address);
  }
}
