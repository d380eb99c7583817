/**
 * The protocol between registry, discovery and heartbeat: GeeRPC's headers, and
 * the listings that only this library's registry and discovery exchange.
 *
 * @module
 */

import { parseAddress, type ParsedAddress } from "../address.ts";
import { type HttpEndpoint, httpUrl, quotedUrl } from "../discovery/http.ts";
import { RpcError } from "../errors.ts";
import { isToken } from "../internal/secrets.ts";
import { LONGEST_TIMER_MS } from "../internal/time.ts";

/** The path of GeeRPC's registry. */
export const REGISTRY_PATH = "/_geerpc_/registry";
/** GeeRPC: the servers, in the answer to a GET. */
export const SERVERS_HEADER = "X-Geerpc-Servers";
/** GeeRPC: the server that a POST registers. Not GeeRPC: that a DELETE deregisters. */
export const SERVER_HEADER = "X-Geerpc-Server";
/** Not GeeRPC: the lease in milliseconds, as a POST asks for it and the answer grants it. */
export const LEASE_HEADER = "X-Geerpc-Timeout-Ms";
/**
 * In characters: a longer answer, event of a stream, or list of addresses does
 * not come from a registry.
 */
export const LONGEST_ANSWER = 4 * 1024 * 1024;
/** A stream that promises a sign of life more often is still given so long, in milliseconds. */
const LEAST_BEAT_MS = 100;
/** GeeRPC's lease, in milliseconds. */
export const LEASE_MS = 300_000;
/** Not GeeRPC: whose lease it is. Only who sends the same renews or ends it. */
export const OWNER_HEADER = "X-Geerpc-Owner";
/** How long an owner's secret may be, in characters. */
export const LONGEST_OWNER = 256;
/** Not GeeRPC: a GET for a stream that says `changes` gets what has changed, not whole lists. */
export const STREAM_HEADER = "X-Geerpc-Stream";
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

/** A server that has registered or changed. */
export interface PutServer extends ListedServer {
  /** Its address without metadata. */
  readonly address: string;
}

/** How a registry's list has changed. */
export interface ListingChange {
  /** The version since which it has changed: a listing of that version or a later one can take it. */
  readonly since: number;
  /** The version that comes of it. */
  readonly version: number;
  /** The servers that have registered, or changed. */
  readonly put: readonly PutServer[];
  /** The servers that have left, by their addresses without metadata. */
  readonly gone: readonly string[];
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
 * Whether a text can be an owner's secret.
 *
 * @param owner The text.
 * @returns `true` for 1 to 256 characters of visible ASCII.
 */
export function isOwner(owner: unknown): owner is string {
  return isToken(owner) && owner.length <= LONGEST_OWNER;
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
 * Where registries are.
 *
 * @param registry The URL of one, or of several; one without a path gets GeeRPC's,
 * and one with a user and a password is sent them as basic authorization.
 * @returns Each registry once.
 * @throws {TypeError} If there is none, or one is no http or https URL.
 */
export function registryEndpoints(registry: string | readonly string[]): HttpEndpoint[] {
  const all = (typeof registry === "string" ? [registry] : registry).map(registryEndpoint);
  if (all.length === 0) throw new TypeError("no registry: expected a URL, or several");
  return [...new Map(all.map((endpoint) => [endpoint.url, endpoint])).values()];
}

function registryEndpoint(registry: string): HttpEndpoint {
  const parsed = httpUrl(registry);
  if (parsed === undefined) {
    throw new TypeError(
      `invalid registry ${quotedUrl(registry)}: expected http://host:port, with ` +
        `${REGISTRY_PATH} or another path behind it`,
    );
  }
  const { url, authorization } = parsed;
  if (url.pathname === "/") url.pathname = REGISTRY_PATH;
  return { url: url.href, authorization };
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
  return readListing(Object(JSON.parse(text)));
}

/**
 * Parses what comes on a stream behind the first listing.
 *
 * @param text The event's data.
 * @returns A listing, or how the last one has changed.
 * @throws {SyntaxError} If it is no JSON, or neither.
 */
export function parseEvent(text: string): Listing | ListingChange {
  const event = Object(JSON.parse(text));
  if (event.since === undefined) return readListing(event);
  const { since, version, put, gone } = event;
  const isChange = Number.isSafeInteger(since) && Number.isSafeInteger(version) &&
    Array.isArray(put) && put.every((one) => typeof one?.address === "string" && isListed(one)) &&
    Array.isArray(gone) && gone.every((address) => typeof address === "string");
  if (!isChange) throw new SyntaxError("not a change of a registry's listing");
  return {
    since,
    version,
    put: put.map((one) => ({ ...bounded(one), address: one.address })),
    gone,
  };
}

function readListing({ instance, version, beatMs, servers }: Partial<Listing>): Listing {
  const isListing = typeof instance === "string" && Number.isSafeInteger(version) &&
    beatMs! > 0 && Array.isArray(servers) && servers.every(isListed);
  if (!isListing) throw new SyntaxError("not a registry's listing");
  return {
    instance,
    version: version!,
    beatMs: Math.max(beatMs!, LEAST_BEAT_MS),
    servers: servers.map(bounded),
  };
}

function isListed(one: Partial<ListedServer> | null): boolean {
  return typeof one?.server === "string" && one.leaseMs! > 0;
}

function bounded({ server, leaseMs }: ListedServer): ListedServer {
  return { server, leaseMs: Math.min(leaseMs, LONGEST_TIMER_MS) };
}
