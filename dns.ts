/**
 * Discovery by DNS: SRV records, or A and AAAA records with a port.
 *
 * ```ts ignore
 * const discovery = new DnsDiscovery("dns@_grpc._tcp.arith.example"); // SRV
 * const pods = new DnsDiscovery("dns@arith.prod.svc.cluster.local:9001"); // A and AAAA
 * const consul = new DnsDiscovery("dns@arith.service.consul", { nameServer: "127.0.0.1:8600" });
 * ```
 *
 * @module
 */

import type { DnsDiscoveryOptions } from "./discovery/dns/options.ts";
import { DnsSource } from "./discovery/dns/source.ts";
import { SourceDiscovery } from "./discovery/source_discovery.ts";

export type { DnsDiscoveryOptions } from "./discovery/dns/options.ts";
export type { AddressAnswer, DnsResolver, SrvAnswer } from "./discovery/dns/resolver.ts";
export * from "./discovery/source_discovery.ts";

/**
 * The servers that DNS lists under a name.
 *
 * The address is `dns@` and a name. Without a port, SRV records are asked for:
 * the servers are the targets of the lowest priority present, with their ports
 * and weights. With a port, A and AAAA records are asked for: each address is a
 * server. Metadata behind a `?` goes to every server.
 *
 * DNS is asked again when the TTL of the last answer has passed, not for each
 * call. An answer without servers, an error and a timeout leave the last list
 * in place.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DnsDiscovery, type DnsResolver } from "@geerpc/xclient/dns";
 *
 * const resolver: DnsResolver = {
 *   srv: () =>
 *     Promise.resolve([
 *       { target: "a.example", port: 9001, priority: 0, weight: 30 },
 *       { target: "b.example", port: 9001, priority: 0, weight: 10 },
 *       { target: "spare.example", port: 9001, priority: 1, weight: 10 },
 *     ]),
 *   addresses: () => Promise.resolve([]),
 * };
 * const discovery = new DnsDiscovery("dns@_grpc._tcp.arith.example?zone=a", { resolver });
 * assertEquals(await discovery.getAll(), [
 *   "tcp@a.example:9001?zone=a&weight=30",
 *   "tcp@b.example:9001?zone=a&weight=10",
 * ]);
 * await discovery.close();
 * ```
 */
export class DnsDiscovery extends SourceDiscovery {
  /**
   * Makes a discovery; it asks when it is first used.
   *
   * @param address `dns@name` for SRV records, `dns@name:port` for A and AAAA.
   * Give the full name: search domains are not tried everywhere.
   * @param options Name server, times, and which servers the answers become.
   * @throws {RpcError} `invalid_argument` if the address or the name server is invalid.
   * @throws {RangeError} If a number is out of range.
   * @throws {TypeError} If an option does not exist, or is of the wrong type.
   */
  constructor(address: string, options: DnsDiscoveryOptions = {}) {
    super(new DnsSource(address, options), options);
  }
}
