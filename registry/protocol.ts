/**
 * The protocol between registry, discovery and heartbeat: GeeRPC's headers, and
 * the listings that only this library's registry and discovery exchange.
 *
 * @module
 */

import { parseAddress, type ParsedAddress } from "../address.ts";
import { httpUrl } from "../discovery/http.ts";
import { RpcError } from "../errors.ts";

/** The path of GeeRPC's registry. */
export const REGISTRY_PATH = "/_geerpc_/registry";
/** GeeRPC: the servers, in the answer to a GET. */
export const SERVERS_HEADER = "X-Geerpc-Servers";
/** GeeRPC: the server that a POST registers. Not GeeRPC: that a DELETE deregisters. */
export const SERVER_HEADER = "X-Geerpc-Server";
/** Not GeeRPC: the lease in milliseconds, as a POST asks for it and the answer grants it. */
export const LEASE_HEADER = "X-Geerpc-Timeout-Ms";
/** GeeRPC's lease, in milliseconds. */
export const LEASE_MS = 300_000;
/** The longest first pause after a request that has failed, in milliseconds. */
export const FIRST_RETRY_MS = 100;

/** A server as a registry lists it. */
export interface ListedServer {
  /** Its address, with its metadata. */
  readonly server: string;
  /** How long it is listed without a heartbeat, in milliseconds. */
  readonly leaseMs: number;
}

/** What a registry lists at one time. */
export interface Listing {
  /** Identifies one run of one registry: what another one lists is not newer or older. */
  readonly instance: string;
  /** Grows with each change of the list. */
  readonly version: number;
  /** The longest silence on a stream, in milliseconds. */
  readonly beatMs: number;
  /** The servers, sorted. */
  readonly servers: readonly ListedServer[];
}

/**
 * Checks that an address can be listed.
 *
 * @param server The address that is to be registered.
 * @returns The address, parsed.
 * @throws {RpcError} `invalid_argument`, saying what is wrong.
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
 * @param server The address that is to be registered.
 * @returns The address, parsed.
 * @throws {RpcError} `invalid_argument`, saying what is wrong.
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
 * The URLs of registries.
 *
 * @param registry One, or several; a URL without a path gets GeeRPC's.
 * @returns Each URL once.
 * @throws {TypeError} If there is none, or one is no http or https URL.
 */
export function registryUrls(registry: string | readonly string[]): string[] {
  const urls = new Set((typeof registry === "string" ? [registry] : registry).map(registryUrl));
  if (urls.size === 0) throw new TypeError("no registry: expected a URL, or several");
  return [...urls];
}

function registryUrl(registry: string): string {
  const url = httpUrl(registry);
  if (url === undefined) {
    throw new TypeError(
      `invalid registry ${JSON.stringify(registry)}: expected http://host:port, with ` +
        `${REGISTRY_PATH} or another path behind it`,
    );
  }
  if (url.pathname === "/") url.pathname = REGISTRY_PATH;
  return url.href;
}

/**
 * Parses GeeRPC's header.
 *
 * @param header `a,b,c`, or an empty text.
 * @returns The servers.
 */
export function splitServers(header: string): ListedServer[] {
  return header.split(",").map((server) => server.trim()).filter((server) => server !== "")
    .map((server) => ({ server, leaseMs: LEASE_MS }));
}

/**
 * Parses a listing.
 *
 * @param text The listing as JSON.
 * @returns The listing.
 * @throws {SyntaxError} If it is no JSON, or no listing.
 */
export function parseListing(text: string): Listing {
  const { instance, version, beatMs, servers } = Object(JSON.parse(text));
  const isListing = typeof instance === "string" && Number.isSafeInteger(version) &&
    beatMs > 0 && Array.isArray(servers) &&
    servers.every((one) => typeof one?.server === "string" && one.leaseMs > 0);
  if (!isListing) throw new SyntaxError("not a registry's listing");
  return { instance, version, beatMs, servers };
}
