/**
 * A registry of servers, discovery from it, and the heartbeat that keeps a
 * server in it; all three speak GeeRPC's protocol with Go's, too.
 *
 * @module
 */

export { RegistryDiscovery, type RegistryDiscoveryOptions } from "./registry_discovery.ts";
export * from "./discovery_source.ts";
export {
  Heartbeat,
  type HeartbeatEvent,
  type HeartbeatOptions,
  register,
} from "./registry_heartbeat.ts";
export type { Fetch } from "./registry_http.ts";
export {
  type NodeRequest,
  type NodeResponse,
  Registry,
  type RegistryEvent,
  type RegistryEventType,
  type RegistryOptions,
} from "./registry_server.ts";
