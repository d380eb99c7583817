/**
 * A registry of servers, discovery from it, and the heartbeat that keeps a
 * server registered. All three speak GeeRPC's protocol, so each also works with
 * GeeRPC's Go counterparts.
 *
 * @module
 */

export type { Fetch } from "./discovery/http.ts";
export * from "./discovery/source_discovery.ts";
export { RegistryDiscovery } from "./registry/discovery.ts";
export { Heartbeat, register } from "./registry/heartbeat.ts";
export type {
  HeartbeatEvent,
  HeartbeatOptions,
  RegistryDiscoveryOptions,
} from "./registry/options.ts";
export {
  type NodeRequest,
  type NodeResponse,
  Registry,
  type RegistryAccess,
  type RegistryEvent,
  type RegistryEventType,
  type RegistryOptions,
  type RegistryTokens,
} from "./registry/server.ts";
export type { TokenSource } from "./registry/token.ts";
export type { PeerCertificate } from "./transport.ts";
