/**
 * The options of a registry, and its events.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { aClock, callback, type Checks, positive, text, whole } from "../internal/options.ts";
import type { RegistryEventType } from "./leases.ts";

/** What has happened to a server in a registry. */
export interface RegistryEvent {
  /** It has registered, changed metadata or lease, deregistered, or its lease has expired. */
  readonly type: RegistryEventType;
  /** The server's address, with its metadata. */
  readonly server: string;
}

/** The limits of a registry, and how long servers stay listed. */
export interface RegistryOptions {
  /**
   * The lease of a server that asks for none: how long it is listed without a
   * heartbeat, in milliseconds; `Infinity` for ever. Default 300,000, as in GeeRPC.
   */
  timeoutMs?: number;
  /** The path of the protocol. Default `/_geerpc_/registry`, as in GeeRPC. */
  path?: string;
  /** The most servers. One more is refused with 507. Default 4,096. */
  maxServers?: number;
  /** The longest address, in bytes. A longer one is refused with 400. Default 1,024. */
  maxAddressBytes?: number;
  /**
   * The longest list of all addresses, in bytes: it is one header for GeeRPC's
   * clients. A server that does not fit is refused with 507. Default 256 KiB.
   */
  maxListBytes?: number;
  /** The most event streams. A client that opens one more gets a plain list. Default 1,024. */
  maxStreams?: number;
  /** How often a stream shows that it is alive, in milliseconds. Default 15,000. */
  beatMs?: number;
  /** The clock of leases and streams. Default: the system's. */
  clock?: Clock;
  /** Called with each event, in a microtask of its own. */
  onEvent?: (event: RegistryEvent) => void;
}

/** What the options may be. */
export const REGISTRY_CHECKS: Checks<RegistryOptions> = {
  timeoutMs: positive,
  path(name, value) {
    text(name, value);
    if (!(value as string).startsWith("/")) {
      throw new TypeError(`${name} must begin with /, got ${JSON.stringify(value)}`);
    }
  },
  maxServers: whole(0),
  maxAddressBytes: whole(1),
  maxListBytes: whole(1),
  maxStreams: whole(0),
  beatMs: positive,
  clock: aClock,
  onEvent: callback,
};
