/**
 * The options of a discovery by DNS.
 *
 * @module
 */

import {
  type Checks,
  flag,
  having,
  number,
  oneOf,
  positive,
  text,
} from "../../internal/options.ts";
import { SOURCE_CHECKS, type SourceOptions } from "../source.ts";
import type { DnsResolver } from "./resolver.ts";

/** How a `DnsDiscovery` asks, and which servers it makes of the answers. */
export interface DnsDiscoveryOptions extends SourceOptions {
  /** The scheme of the servers' addresses. Default `tcp`. */
  scheme?: "tcp" | "tls" | "http";
  /**
   * The name server, as `127.0.0.1:8600` or `[::1]:53`; port 53 unless given.
   * Default: the system's name servers.
   */
  nameServer?: string;
  /**
   * The shortest wait between two questions, whatever the TTL, in milliseconds;
   * never less than 100. After failures, waits grow up to four times this.
   * Default 5,000.
   */
  minTtlMs?: number;
  /** The longest wait between two questions, in milliseconds. Default 300,000. */
  maxTtlMs?: number;
  /**
   * The TTL where the resolver reports none, in milliseconds; no resolver reports
   * one for SRV records. Default 30,000.
   */
  defaultTtlMs?: number;
  /** How long one answer may take, with all its questions, in milliseconds. Default 5,000. */
  requestTimeoutMs?: number;
  /**
   * Which addresses of a host are servers: 4 for those of A records, 6 for AAAA,
   * `both` for two servers where a host has both. Default: those of A records,
   * and of AAAA records if there are none.
   */
  family?: 4 | 6 | "both";
  /**
   * Whether the targets of SRV records are looked up with the SRV records. If
   * not, they stay names, which the system's name servers look up for each dial.
   * Default: only with a `nameServer`, since the system's may not know the names.
   */
  resolveTargets?: boolean;
  /** Asks the questions. Default: the runtime's resolver. */
  resolver?: DnsResolver;
}

/** What the options may be. */
export const DNS_CHECKS: Checks<DnsDiscoveryOptions> = {
  ...SOURCE_CHECKS,
  scheme: oneOf("tcp", "tls", "http"),
  nameServer: text,
  minTtlMs: number(0),
  maxTtlMs: positive,
  defaultTtlMs: positive,
  requestTimeoutMs: positive,
  family: oneOf(4, 6, "both"),
  resolveTargets: flag,
  resolver: having("a DnsResolver, with srv and addresses", "srv", "addresses"),
};
