/**
 * What is written of DNS: `dns@name`, `dns@name:port`, and where a name server
 * listens; and the servers' addresses that come out of it.
 *
 * @module
 */

import type { Scheme } from "../../address.ts";
import type { NameServer } from "./resolver.ts";
import { RpcError } from "../../errors.ts";

/** What is asked for. */
export interface DnsAddress {
  /** The name. */
  readonly name: string;
  /** The servers' port; `undefined` if SRV records tell it. */
  readonly port: number | undefined;
  /** What goes to every server, as a query. */
  readonly metadata: string;
}

/** What a weight of 0 comes to: a server that gets few calls beside the others. */
const LEAST_WEIGHT = 0.1;

/**
 * Takes an address apart.
 *
 * @param address `dns@name` or `dns@name:port`, with metadata if wanted.
 * @returns What it says.
 * @throws {RpcError} `invalid_argument` if it is no such address.
 */
export function parseDnsAddress(address: string): DnsAddress {
  const match = /^dns@([^\s@:/?#[\]]+)(?::(\d{1,5}))?(?:\?(.*))?$/.exec(String(address));
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (!match || port === 0 || port !== undefined && port > 65535) {
    const text = JSON.stringify(address);
    throw new RpcError(
      "invalid_argument",
      `invalid address ${text}: expected dns@_service._tcp.example for SRV records, or dns@host.example:9001 for A and AAAA`,
      { address: String(address), execution: "not_sent" },
    );
  }
  return { name: match[1], port, metadata: match[3] ?? "" };
}

/**
 * Takes a name server's address apart.
 *
 * @param text `127.0.0.1`, `127.0.0.1:8600`, `::1` or `[::1]:8600`.
 * @returns What it says; port 53 unless given.
 * @throws {RpcError} `invalid_argument` if it is no such address.
 */
export function parseNameServer(text: string): NameServer {
  const match = /^(?:\[([\da-f:.]+)\]|([\d.]+))(?::(\d{1,5}))?$/i.exec(text) ??
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
 * The servers' addresses, in order: a name server may answer in any.
 *
 * @param scheme How they are reached.
 * @param hosts `host:port`, with weights; equal weights are left out.
 * @param metadata What goes to each, as a query.
 * @returns Their addresses.
 */
export function serversOf(
  scheme: Scheme,
  hosts: readonly { readonly host: string; readonly weight: number }[],
  metadata: string,
): string[] {
  const isWeighted = hosts.some(({ weight }) => weight !== hosts[0].weight);
  return hosts.map(({ host, weight }) => {
    const query = new URLSearchParams(metadata);
    if (isWeighted) query.set("weight", String(Number((weight || LEAST_WEIGHT).toFixed(3))));
    const text = query.toString();
    return `${scheme}@${host}${text && `?${text}`}`;
  }).sort();
}
