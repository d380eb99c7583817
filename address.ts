/**
 * Addresses: `tcp@10.0.0.1:9001?weight=3` and what it says, as an
 * {@linkcode ParsedAddress}.
 *
 * @module
 */

import { RpcError } from "./errors.ts";

/** How a server is reached. */
export type Scheme = "tcp" | "tls" | "http" | "unix" | "memory";

/** A server's address, taken apart. */
export interface ParsedAddress {
  /** The address without its metadata, in one spelling: what tells two servers apart. */
  readonly address: string;
  /** How it is reached. */
  readonly scheme: Scheme;
  /** Host name or IP address, without brackets; empty for `unix` and `memory`. */
  readonly hostname: string;
  /** Port; 0 for `unix` and `memory`, and to listen on any free one. */
  readonly port: number;
  /** The path of a `unix` socket, or the name of a `memory` one; empty otherwise. */
  readonly path: string;
  /** Its share of the calls, relative to the others', from 1e-6 to 1e6; 1 unless given. */
  readonly weight: number;
  /** The rest of the metadata, `zone` and `protocol` among it. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Beyond these a policy's arithmetic would lose what a call adds. */
const LEAST_WEIGHT = 1e-6;
const MOST_WEIGHT = 1e6;

const FORMS =
  "an address looks like tcp@10.0.0.1:9001, tcp@[::1]:9001, tls@host:9001, http@host:9001 or unix@/run/a.sock, with metadata as ?weight=3&zone=a";

function invalid(address: unknown, what: string): RpcError {
  const text = typeof address === "string" ? JSON.stringify(address) : String(address);
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
 * Takes an address apart.
 *
 * @param address `scheme@rest`, with metadata as a query.
 * @returns What it says.
 * @throws {RpcError} `invalid_argument` if it is no address, naming it and the
 * expected form.
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
  if (at < 1) throw invalid(address, "no scheme before an @");
  const scheme = address.slice(0, at);
  const query = address.indexOf("?", at);
  const rest = address.slice(at + 1, query < 0 ? undefined : query);
  const { weight, metadata } = parseMetadata(
    address,
    query < 0 ? "" : address.slice(query + 1),
  );
  switch (scheme) {
    case "unix":
    case "memory":
      if (rest === "") {
        throw invalid(address, scheme === "unix" ? "no path" : "no name");
      }
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
      throw invalid(address, `unknown scheme ${JSON.stringify(scheme)}`);
  }
}

/**
 * Puts a host and a port together, with brackets around an IPv6 address.
 *
 * @param hostname Host name or IP address.
 * @param port Port.
 * @returns `host:port` or `[host]:port`.
 */
export function formatHost(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
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
  // A zone is the name of an interface, which has its case.
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
    if (!(weight >= LEAST_WEIGHT && weight <= MOST_WEIGHT)) {
      const what = `is not a number from ${LEAST_WEIGHT} to ${MOST_WEIGHT}`;
      throw invalid(address, `weight ${JSON.stringify(value)} ${what}`);
    }
  }
  return { weight, metadata };
}
