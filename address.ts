/**
 * Addresses of servers, such as `tcp@10.0.0.1:9001?weight=3`, and their parts,
 * a {@linkcode ParsedAddress}.
 *
 * @module
 */

import { RpcError } from "./errors.ts";
import { didYouMean } from "./internal/nearest.ts";

/**
 * How a server is reached: `tcp`; `tls`; `http`, which is TCP with an HTTP
 * CONNECT at its start; a `unix` socket; or `memory`, for tests.
 */
export type Scheme = "tcp" | "tls" | "http" | "unix" | "memory";

/** The parts of a server's address. */
export interface ParsedAddress {
  /** The address without its metadata, normalised: two endpoints never have the same. */
  readonly address: string;
  /** How the server is reached. */
  readonly scheme: Scheme;
  /** Host name or IP address, in lower case and without brackets; empty for `unix` and `memory`. */
  readonly hostname: string;
  /** Port, from 0 to 65,535; 0 listens on any free one. 0 for `unix` and `memory`, too. */
  readonly port: number;
  /**
   * The path of a `unix` socket, or the name of a `memory` one; empty otherwise. In an
   * address a `?` begins the metadata, so one in a path is written `%3F`, and `%25` is a `%`.
   */
  readonly path: string;
  /** The share of calls that it gets, relative to other endpoints: 1e-6 to 1e6. Default 1. */
  readonly weight: number;
  /**
   * All other metadata, such as `zone`, `protocol` and `path`, the path of HTTP
   * CONNECT: an address that has it begins with CONNECT, whatever its scheme.
   */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Outside of these bounds a policy's sums would round away what one call adds. */
const MIN_WEIGHT = 1e-6;
const MAX_WEIGHT = 1e6;

const FORMS =
  "an address looks like tcp@10.0.0.1:9001, tcp@[::1]:9001, tls@host:9001, http@host:9001 or unix@/run/a.sock, with metadata as ?weight=3&zone=a";

/** The system cuts a longer path off, or refuses it: Linux' limit, and a NUL behind it. */
export const MAX_PATH_BYTES = 107;

/** How much of a wrong address its error quotes, in characters: it may come from anywhere. */
const LONGEST_QUOTE = 200;

function invalid(address: unknown, what: string): RpcError {
  const shown = String(address).slice(0, LONGEST_QUOTE);
  const text = typeof address === "string" ? JSON.stringify(shown) : shown;
  return new RpcError(
    "invalid_argument",
    `invalid address ${text}: ${what}; ${FORMS}`,
    {
      address: String(address),
      execution: "not_sent",
    },
  );
}

/**
 * Parses an address.
 *
 * @param address `scheme@rest`, with metadata as a query.
 * @returns Its parts.
 * @throws {RpcError} `invalid_argument` if it is malformed; the message shows it
 * and what an address looks like.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { parseAddress } from "@geerpc/xclient";
 *
 * const endpoint = parseAddress("tcp@[::1]:9001?weight=3&zone=a");
 * assert(endpoint.hostname === "::1" && endpoint.port === 9001);
 * assert(endpoint.weight === 3 && endpoint.metadata.zone === "a");
 * assert(endpoint.address === "tcp@[::1]:9001");
 * ```
 */
export function parseAddress(address: string): ParsedAddress {
  if (typeof address !== "string") throw invalid(address, "not a string");
  const at = address.indexOf("@");
  if (at < 1) throw invalid(address, `no scheme before an @${hintFor(address)}`);
  const scheme = address.slice(0, at);
  const query = address.indexOf("?", at);
  const rest = address.slice(at + 1, query < 0 ? undefined : query);
  const { weight, metadata } = parseMetadata(
    address,
    query < 0 ? "" : address.slice(query + 1),
  );
  switch (scheme) {
    case "unix": {
      const path = parsePath(address, rest, query < 0 ? "" : address.slice(query + 1));
      return {
        address: `unix@${path.replace(/%(?=3f|25)/gi, "%25").replaceAll("?", "%3F")}`,
        scheme,
        hostname: "",
        port: 0,
        path,
        weight,
        metadata,
      };
    }
    case "memory":
      if (rest === "") throw invalid(address, "no name");
      return {
        address: `${scheme}@${rest}`,
        scheme,
        hostname: "",
        port: 0,
        path: rest,
        weight,
        metadata,
      };
    case "tcp":
    case "tls":
    case "http": {
      const { hostname, port } = parseHost(address, rest);
      return {
        address: `${scheme}@${formatHost(hostname, port)}`,
        scheme,
        hostname,
        port,
        path: "",
        weight,
        metadata,
      };
    }
    default:
      throw invalid(address, `unknown scheme ${JSON.stringify(scheme)}${schemeHint(scheme)}`);
  }
}

const SCHEMES: readonly Scheme[] = ["tcp", "tls", "http", "unix", "memory"];

/** What was probably meant by a text without an `@`. */
function hintFor(address: string): string {
  const url = /^(\w+):\/\/([^/?#]+)/.exec(address);
  if (url !== null) {
    const [, scheme, host] = url;
    if (scheme === "http" || scheme === "https") {
      return " (the URL of a registry is given to a RegistryDiscovery)";
    }
    return ` (did you mean ${JSON.stringify(`${scheme}@${host}`)}?)`;
  }
  const isHost = /^(?:[\w.-]+|\[[\da-f:.]+\]):\d+(?:\?.*)?$/i.test(address);
  return isHost ? ` (did you mean ${JSON.stringify(`tcp@${address}`)}?)` : "";
}

function schemeHint(scheme: string): string {
  if (scheme === "dns") return " (names are looked up by a DnsDiscovery)";
  return didYouMean(scheme, SCHEMES).replace(/^; (.*)$/, " ($1)");
}

/**
 * Formats host and port, with brackets around an IPv6 address.
 *
 * @param hostname Host name or IP address.
 * @param port Port.
 * @returns `host:port` or `[host]:port`.
 */
export function formatHost(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** The path of a socket; a wrong one could be listened at, elsewhere than is meant. */
function parsePath(address: string, rest: string, query: string): string {
  const path = rest.replace(/%3f/gi, "?").replaceAll("%25", "%");
  if (path === "") throw invalid(address, "no path");
  if (path.includes("\0")) throw invalid(address, "a path has no NUL");
  if (path.startsWith("@")) {
    throw invalid(address, `abstract sockets are not supported; a file of that name is ./${path}`);
  }
  if (new TextEncoder().encode(path).length > MAX_PATH_BYTES) {
    throw invalid(address, `the path of a socket has at most ${MAX_PATH_BYTES} bytes`);
  }
  const part = query === "" ? undefined : query.split("&").find((one) => !one.includes("="));
  if (part !== undefined) {
    const what = `${JSON.stringify(part)} is no metadata, which is key=value`;
    throw invalid(address, `${what}; a ? in a path is written %3F`);
  }
  return path;
}

function parseHost(
  address: string,
  rest: string,
): { hostname: string; port: number } {
  const match = /^(?:\[([\w:.]+)(%[\w.-]+)?\]|([^\s:/@[\]]+)):(\d{1,5})$/.exec(rest);
  if (!match) throw invalid(address, "expected host:port after the @");
  const [, ip, zone = "", name, digits] = match;
  const port = Number(digits);
  if (port > 65535) throw invalid(address, `port ${port} is over 65535`);
  // An IPv6 zone is the name of a network interface, whose case matters.
  return { hostname: (ip ?? name).toLowerCase() + zone, port };
}

function parseMetadata(
  address: string,
  query: string,
): { weight: number; metadata: Record<string, string> } {
  let weight = 1;
  const metadata: Record<string, string> = Object.create(null);
  if (query === "") return { weight, metadata };
  for (const [key, value] of new URLSearchParams(query)) {
    if (key !== "weight") {
      metadata[key] = value;
      continue;
    }
    weight = Number(value);
    if (!(weight >= MIN_WEIGHT && weight <= MAX_WEIGHT)) {
      const what = `is not a number from ${MIN_WEIGHT} to ${MAX_WEIGHT}`;
      throw invalid(address, `weight ${JSON.stringify(value)} ${what}`);
    }
  }
  return { weight, metadata };
}
