/**
 * Discovery by etcd, and registration with it.
 *
 * ```ts ignore
 * const etcd = { endpoints: ["http://10.0.0.1:2379", "http://10.0.0.2:2379"] };
 *
 * // Each server:
 * const registration = new EtcdRegistration("arith/", listener.address, etcd);
 * // Each client:
 * const discovery = new EtcdDiscovery("arith/", etcd);
 * ```
 *
 * @module
 */

import type { EtcdDiscoveryOptions } from "./discovery/etcd/options.ts";
import { EtcdWatch } from "./discovery/etcd/watch.ts";
import { SourceDiscovery } from "./discovery/source_discovery.ts";

export type { Fetch } from "./discovery/http.ts";
export * from "./discovery/source_discovery.ts";
export type { EtcdDiscoveryOptions, EtcdOptions } from "./discovery/etcd/options.ts";
export {
  EtcdRegistration,
  type EtcdRegistrationEvent,
  type EtcdRegistrationOptions,
} from "./discovery/etcd/registration.ts";

/**
 * The servers that are registered with etcd, under a prefix of its keys.
 *
 * All keys are read at one revision and watched from the next, so a change is
 * in the list at once. A watch that is lost is resumed where it ended, at the
 * next endpoint. If etcd has compacted the revisions since, all keys are read
 * again.
 *
 * The last list stays in an outage, and also when no server is left: that is
 * more likely a fault of the registrations than a fleet that is really gone.
 *
 * @example
 * ```ts ignore
 * import { XClient } from "@geerpc/xclient";
 * import { EtcdDiscovery } from "@geerpc/xclient/etcd";
 *
 * await using discovery = new EtcdDiscovery("arith/", {
 *   endpoints: ["http://10.0.0.1:2379", "http://10.0.0.2:2379", "http://10.0.0.3:2379"],
 *   onEvent: (event) => console.log(event),
 * });
 * await using xclient = new XClient(discovery);
 * await xclient.call("Arith.Sum", { A: 1, B: 2 });
 * ```
 *
 * @example Without an etcd, in a test
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EtcdDiscovery } from "@geerpc/xclient/etcd";
 *
 * const kvs = [{ key: btoa("arith/a"), value: btoa("tcp@10.0.0.1:9001?weight=3") }];
 * const watch = () => ReadableStream.from([new TextEncoder().encode('{"result":{}}\n')]);
 * const discovery = new EtcdDiscovery("arith/", {
 *   endpoints: "http://etcd:2379",
 *   fetch: (url) =>
 *     Promise.resolve(
 *       url.endsWith("/v3/kv/range")
 *         ? Response.json({ header: { revision: "7" }, kvs })
 *         : new Response(watch()),
 *     ),
 * });
 * assertEquals(await discovery.getAll(), ["tcp@10.0.0.1:9001?weight=3"]);
 * await discovery.close();
 * ```
 */
export class EtcdDiscovery extends SourceDiscovery {
  /**
   * Makes a discovery; it asks when it is first used.
   *
   * @param prefix The prefix of the servers' keys.
   * @param options Endpoints, user, how values are read, and who gets the events.
   * @throws {TypeError} If the prefix is empty, or an endpoint is no URL.
   * @throws {RangeError} If a number is out of range.
   * @throws {TypeError} If an option does not exist, or is of the wrong type.
   */
  constructor(prefix: string, options: EtcdDiscoveryOptions) {
    super(new EtcdWatch(prefix, options), options);
  }
}
