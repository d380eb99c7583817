/**
 * The options of a registry.
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import {
  aClock,
  callback,
  checkOptions,
  type Checks,
  positive,
  text,
  texts,
  whole,
} from "../internal/options.ts";
import { anAccess, type RegistryAccess } from "./access.ts";
import type { RegistryEventType } from "./leases.ts";
import { LEASE_MS, REGISTRY_PATH } from "./protocol.ts";

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
  /**
   * The hosts under which browsers and others may reach the registry beside IP
   * addresses and `localhost`: names without a port, or `.example.com` for all
   * below it. A request that names another is refused with 403, so that no web page
   * can reach the registry by a name of its own (DNS rebinding). Default: any, but
   * a browser may not change the list by a name.
   */
  allowedHosts?: readonly string[];
  /**
   * Who may ask for the list, follow its changes and see the page: with a token, or a
   * client certificate. Others are refused with 401 or 403. Default: anyone.
   */
  read?: RegistryAccess;
  /**
   * Who may register servers, renew and end their leases, likewise. It does not
   * include `read`. Default: anyone.
   */
  write?: RegistryAccess;
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
  /**
   * Called with each event, frozen, a microtask after the fact. What it throws is an
   * uncaught error of the program.
   */
  onEvent?: (event: RegistryEvent) => void;
}

const REGISTRY_CHECKS: Checks<RegistryOptions> = {
  timeoutMs: positive,
  allowedHosts: texts, // `AllowedHosts` knows what a host looks like
  read: anAccess,
  write: anAccess,
  path(name, value) {
    text(name, value);
    if (/^\/[^?#]*$/.test(value as string)) return;
    throw new TypeError(`${name} must be like ${REGISTRY_PATH}, got ${JSON.stringify(value)}`);
  },
  maxServers: whole(0),
  maxAddressBytes: whole(1),
  maxListBytes: whole(1),
  maxStreams: whole(0),
  beatMs: positive,
  clock: aClock,
  onEvent: callback,
};

/** The options of a registry, each with its default. */
export type RegistrySettings = Required<
  Omit<RegistryOptions, "onEvent" | "allowedHosts" | "read" | "write">
>;

/**
 * Reads the options of a registry.
 *
 * @param options The options.
 * @returns What they come to.
 * @throws {RangeError} If a duration is not above 0, or a limit not a whole number.
 * @throws {TypeError} If an option does not exist or is of the wrong type, the path is none,
 * or a token can't be one.
 */
export function registrySettings(options: RegistryOptions): RegistrySettings {
  checkOptions("Registry", options, REGISTRY_CHECKS);
  return {
    timeoutMs: options.timeoutMs ?? LEASE_MS,
    path: options.path ?? REGISTRY_PATH,
    maxServers: options.maxServers ?? 4096,
    maxAddressBytes: options.maxAddressBytes ?? 1024,
    maxListBytes: options.maxListBytes ?? 256 * 1024,
    maxStreams: options.maxStreams ?? 1024,
    beatMs: options.beatMs ?? 15_000,
    clock: options.clock ?? systemClock,
  };
}
