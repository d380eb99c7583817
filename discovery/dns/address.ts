/**
 * Addresses of DNS: `dns@name` and `dns@name:port`, name servers, and the
 * addresses of the servers that DNS lists.
 *
 * @module
 */

import type { Scheme } from "../../address.ts";
import type { NameServer } from "./resolver.ts";
import { RpcError } from "../../errors.ts";

/** A `dns@` address, parsed. */
export interface DnsAddress {
  /** The name that is looked up, or an IP address, which needs no lookup. */
  readonly name: string;
  /** Whether the name is an IP address. */
  readonly isIp: boolean;
  /** The servers' port; `undefined` if SRV records have it. */
  readonly port: number | undefined;
  /** The metadata of every server, as a query. */
  readonly metadata: string;
}

/** A host that is a server. */
export interface Host {
  /** `host:port`. */
  readonly host: string;
  /** Its weight. */
  readonly weight: number;
}

/** Stands for a weight of 0, which means: few calls, beside servers of greater weight. */
const LEAST_WEIGHT = 0.1;

/**
 * Parses a `dns@` address.
 *
 * @param address `dns@name` or `dns@name:port`, with or without metadata.
 * @returns Its parts.
 * @throws {RpcError} `invalid_argument` if it has another form, or is an IP address
 * without a port.
 */
export function parseDnsAddress(address: string): DnsAddress {
  const match = /^dns@(?:\[([\da-f:.]+)\]|([^\s@:/?#[\]]+))(?::(\d{1,5}))?(?:\?(.*))?$/i
    .exec(String(address));
  const [, six, name, digits, metadata = ""] = match ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (!match || port === 0 || port !== undefined && port > 65535) {
    throw invalid(
      address,
      "expected dns@_service._tcp.example for SRV records, or dns@host.example:9001 for A and AAAA",
    );
  }
  const isIp = six !== undefined || isIpv4(name);
  if (isIp && port === undefined) {
    throw invalid(address, "an IP address has no SRV records; it needs a port, as 10.0.0.1:9001");
  }
  return { name: six ?? name, isIp, port, metadata };
}

function isIpv4(name: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name) && name.split(".").every((part) => +part <= 255);
}

function invalid(address: unknown, what: string): RpcError {
  const message = `invalid address ${JSON.stringify(address)}: ${what}`;
  return new RpcError("invalid_argument", message, {
    address: String(address),
    execution: "not_sent",
  });
}

/**
 * Parses the address of a name server.
 *
 * @param text `127.0.0.1`, `127.0.0.1:8600`, `::1` or `[::1]:8600`.
 * @returns IP address and port; port 53 unless given.
 * @throws {RpcError} `invalid_argument` if it has another form.
 */
export function parseNameServer(text: string): NameServer {
  const match = /^(?:\[([\da-f:.]+)\]|((?:\d{1,3}\.){3}\d{1,3}))(?::(\d{1,5}))?$/i.exec(text) ??
    /^([\da-f]*:[\da-f:.]+)$/i.exec(text);
  const port = Number(match?.[3] ?? 53);
  if (!match || port === 0 || port > 65535) {
    throw new RpcError(
      "invalid_argument",
      `invalid name server ${
        JSON.stringify(text)
      }: expected an IP address and a port, as 127.0.0.1:53 or [::1]:53`,
      { execution: "not_sent" },
    );
  }
  return { hostname: match[1] ?? match[2], port };
}

/**
 * The servers' addresses, sorted: a name server may answer in any order.
 *
 * @param scheme Their scheme.
 * @param hosts The hosts; if all weights are equal, they are left out.
 * @param metadata The metadata of each, as a query.
 * @returns Their addresses.
 */
export function serversOf(scheme: Scheme, hosts: readonly Host[], metadata: string): string[] {
  const isWeighted = hosts.some(({ weight }) => weight !== hosts[0].weight);
  return hosts.map(({ host, weight }) => {
    const query = new URLSearchParams(metadata);
    if (isWeighted) query.set("weight", String(Number((weight || LEAST_WEIGHT).toFixed(3))));
    const text = query.toString();
    return `${scheme}@${host}${text && `?${text}`}`;
  }).sort();
}
