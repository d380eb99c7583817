/**
 * What registry, discovery and heartbeat say to each other: GeeRPC's headers,
 * and the listings that our own ends use.
 *
 * @module
 */

import { parseAddress, type ParsedAddress } from "../address.ts";
import { RpcError } from "../errors.ts";

/** Where GeeRPC's registry is. */
export const REGISTRY_PATH = "/_geerpc_/registry";
/** GeeRPC: the servers, in the answer to a GET. */
export const SERVERS_HEADER = "X-Geerpc-Servers";
/** GeeRPC: the server that a POST registers, and, of ours, that a DELETE takes out. */
export const SERVER_HEADER = "X-Geerpc-Server";
/** Ours: the lease, asked for in a POST and told in the answer. */
export const LEASE_HEADER = "X-Geerpc-Timeout-Ms";
/** GeeRPC's lease. */
export const LEASE_MS = 300_000;
/** The first pause behind a request that failed, at the most. */
export const FIRST_RETRY_MS = 100;
/** Leases and their timers are no longer than a timer can be. */
export const LONGEST_LEASE_MS = 2 ** 31 - 1;

/** A server as a registry lists it. */
export interface ListedServer {
  /** Its address, with its metadata. */
  readonly server: string;
  /** How long it is listed without a heartbeat, in milliseconds. */
  readonly leaseMs: number;
}

/** What a registry knows at a time. */
export interface Listing {
  /** Which registry, and which run of it: another one does not know what this one knew. */
  readonly instance: string;
  /** Grows with each change. */
  readonly version: number;
  /** A stream is silent no longer than this, in milliseconds. */
  readonly beatMs: number;
  /** The servers, sorted. */
  readonly servers: readonly ListedServer[];
}

/**
 * Checks that an address can be listed.
 *
 * @param server What is to be registered.
 * @returns The address, taken apart.
 * @throws {RpcError} `invalid_argument`, with what is wrong about it.
 */
export function checkServer(server: string): ParsedAddress {
  const endpoint = parseAddress(server);
  if (!/^[!-~]*$/.test(server)) throw refused(server, "only visible ASCII can be listed");
  if (server.includes(",")) {
    throw refused(server, "a comma separates servers; in metadata it is written %2C");
  }
  if (endpoint.hostname !== "" && endpoint.port === 0) {
    throw refused(server, "port 0 can't be reached; register the port that was taken");
  }
  return endpoint;
}

/**
 * Checks that an address can be registered for other machines to use.
 *
 * @param server What is to be registered.
 * @returns The address, taken apart.
 * @throws {RpcError} `invalid_argument`, with what is wrong about it.
 */
export function checkReachable(server: string): ParsedAddress {
  const endpoint = checkServer(server);
  if (/^(?:0\.0\.0\.0|[0:]*::[0:]*)$/.test(endpoint.hostname)) {
    const what = "that is where a server listens; register the address that clients reach it by";
    throw refused(server, what);
  }
  return endpoint;
}

function refused(server: string, what: string): RpcError {
  return new RpcError("invalid_argument", `can't register ${JSON.stringify(server)}: ${what}`, {
    address: server,
    execution: "not_sent",
  });
}

/**
 * Finishes the address of a registry.
 *
 * @param registry Its URL, with or without a path.
 * @returns The URL, with GeeRPC's path if it had none.
 * @throws {TypeError} If it is no http or https URL.
 */
export function registryUrl(registry: string): string {
  let url: URL | undefined;
  try {
    url = new URL(registry);
  } catch {
    // As any other scheme.
  }
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(
      `invalid registry ${JSON.stringify(registry)}: expected http://host:port, with ` +
        `${REGISTRY_PATH} or another path behind it`,
    );
  }
  if (url.pathname === "/") url.pathname = REGISTRY_PATH;
  return url.href;
}

/**
 * The URLs of the registries that an option names.
 *
 * @param registry One, or several.
 * @returns Each once.
 * @throws {TypeError} If there is none, or one is no URL.
 */
export function registryUrls(registry: string | readonly string[]): string[] {
  const urls = new Set((typeof registry === "string" ? [registry] : registry).map(registryUrl));
  if (urls.size === 0) throw new TypeError("no registry: expected a URL, or several");
  return [...urls];
}

/**
 * Reads GeeRPC's header.
 *
 * @param header `a,b,c`, or nothing.
 * @returns The servers.
 */
export function splitServers(header: string): ListedServer[] {
  return header.split(",").map((server) => server.trim()).filter((server) => server !== "")
    .map((server) => ({ server, leaseMs: LEASE_MS }));
}

/**
 * Reads a listing.
 *
 * @param text JSON.
 * @returns What it says.
 * @throws {SyntaxError} If it is none.
 */
export function parseListing(text: string): Listing {
  const { instance, version, beatMs, servers } = Object(JSON.parse(text));
  const isListing = typeof instance === "string" && Number.isSafeInteger(version) &&
    beatMs > 0 && Array.isArray(servers) &&
    servers.every((one) => typeof one?.server === "string" && one.leaseMs > 0);
  if (!isListing) throw new SyntaxError("not a registry's listing");
  return { instance, version, beatMs, servers };
}
