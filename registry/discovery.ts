/**
 * Discovery from a registry: this library's, GeeRPC's, or another with the same protocol.
 *
 * @module
 */

import { SourceDiscovery } from "../discovery/source_discovery.ts";
import type { RegistryDiscoveryOptions } from "./options.ts";
import { RegistrySource } from "./source.ts";

/**
 * The servers that a registry lists. A registry of this library reports each
 * change at once, on a stream; another one is asked every ten seconds. The
 * discovery begins when it is first used, and continues until it is closed.
 *
 * The last good list stays while no registry answers, and when one answers
 * that there are no servers at all: if the fleet is really gone, calls fail
 * either way, and a registry that has lost its memory must not fail any. A
 * registry that restarts does not shorten the list either: each server has the
 * time of its lease to register again.
 *
 * While a stream is followed, `refresh` asks its registry and no other.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Registry, RegistryDiscovery } from "@geerpc/xclient/registry";
 *
 * const registry = new Registry();
 * const fetch = (url: string, init: RequestInit) =>
 *   Promise.resolve(registry.fetch(new Request(url, init)));
 * const headers = { "X-Geerpc-Server": "tcp@10.0.0.1:9001" };
 * await fetch("http://registry/_geerpc_/registry", { method: "POST", headers });
 *
 * const discovery = new RegistryDiscovery("http://registry", { fetch });
 * assertEquals(await discovery.getAll(), ["tcp@10.0.0.1:9001"]);
 * await discovery.close();
 * await registry.close();
 * ```
 */
export class RegistryDiscovery extends SourceDiscovery {
  /**
   * Makes a discovery; it asks when it is first used.
   *
   * @param registry The registry's URL; of several, the first that answers is
   * asked. A URL without a path gets GeeRPC's `/_geerpc_/registry`.
   * @param options How to ask.
   * @throws {TypeError} If one is no http or https URL.
   * @throws {RangeError} If a number is out of range.
   * @throws {TypeError} If an option does not exist, or is of the wrong type.
   */
  constructor(registry: string | readonly string[], options: RegistryDiscoveryOptions = {}) {
    super(new RegistrySource(registry, options), options);
  }
}
