/**
 * A registry of servers, discovery from it, and the heartbeat that keeps a
 * server in it; all three speak GeeRPC's protocol with Go's, too.
 *
 * @module
 */

export { RegistryDiscovery, type RegistryDiscoveryOptions } from "./registry/discovery.ts";
export * from "./discovery/source.ts";
export {
  Heartbeat,
  type HeartbeatEvent,
  type HeartbeatOptions,
  register,
} from "./registry/heartbeat.ts";
export type { Fetch } from "./registry/http.ts";
export {
  type NodeRequest,
  type NodeResponse,
  Registry,
  type RegistryEvent,
  type RegistryEventType,
  type RegistryOptions,
} from "./registry/server.ts";
