/**
 * DNS as a source of servers: the questions behind a `dns@` address, within a
 * time limit, and a wait until the TTL has passed.
 *
 * @module
 */

import { formatHost, type Scheme } from "../../address.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { errorText, RpcError } from "../../errors.ts";
import { checkOptions } from "../../internal/options.ts";
import { sleep, TimeLimit } from "../../internal/time.ts";
import type { Random } from "../../selector.ts";
import type { Source, SourceAnswer, SourceList } from "../source.ts";
import {
  type DnsAddress,
  type Host,
  parseDnsAddress,
  parseNameServer,
  serversOf,
} from "./address.ts";
import { HostLookup } from "./lookup.ts";
import { DNS_CHECKS, type DnsDiscoveryOptions } from "./options.ts";
import type { DnsResolver } from "./resolver.ts";
import { TtlBounds } from "./ttl.ts";

/** What DNS has answered. */
interface DnsAnswer {
  readonly hosts: readonly Host[];
  /** All records that the answer depends on: the shortest TTL counts. */
  readonly records: readonly { readonly ttl?: number }[];
}

/** The servers that DNS lists under one name. */
export class DnsSource implements Source {
  readonly name: string;
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
  readonly #address: DnsAddress;
  readonly #scheme: Scheme;
  readonly #resolveTargets: boolean;
  readonly #loadResolver: () => Promise<DnsResolver>;
  /** The name servers that are asked, for messages. */
  readonly #asked: string;
  readonly #lookup: HostLookup;
  readonly #ttl: TtlBounds;
  readonly #requestTimeoutMs: number;
  readonly #clock: Clock;
  readonly #random: Random;

  /**
   * @param address `dns@name` or `dns@name:port`.
   * @param options Name server, times, and which servers the answers become.
   * @throws {RpcError} `invalid_argument` if the address or the name server is invalid.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(address: string, options: DnsDiscoveryOptions) {
    checkOptions("DnsDiscovery", options, DNS_CHECKS);
    this.name = address;
    this.#address = parseDnsAddress(address);
    const nameServer = options.nameServer === undefined
      ? undefined
      : parseNameServer(options.nameServer);
    this.#ttl = new TtlBounds(options);
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 5000;
    this.firstRetryMs = Math.min(1000, this.#ttl.minMs);
    this.longestRetryMs = 4 * this.#ttl.minMs;
    this.#scheme = options.scheme ?? "tcp";
    this.#resolveTargets = options.resolveTargets ?? nameServer !== undefined;
    this.#asked = options.nameServer ?? "the system's name servers";
    this.#lookup = new HostLookup(options.family);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    const { resolver } = options;
    this.#loadResolver = resolver
      ? () => Promise.resolve(resolver)
      : () => runtime().then(({ createResolver }) => createResolver(nameServer));
  }

  /**
   * Asks DNS.
   *
   * @param _list Not used: DNS reports no changes.
   * @param signal Ends it.
   * @returns The servers, sorted by address.
   * @throws {RpcError} `unavailable` without an answer, or with one that lists no servers.
   */
  async read(_list: SourceList, signal: AbortSignal): Promise<SourceAnswer> {
    let answer: DnsAnswer;
    try {
      answer = this.#ownAnswer() ?? await this.#ask(await this.#loadResolver(), signal);
    } catch (error) {
      signal.throwIfAborted();
      throw this.#failure(`can't be resolved: ${errorText(error)}`, error);
    }
    const waitMs = this.#ttl.waitMs(answer.records, this.#random());
    const entries = serversOf(this.#scheme, answer.hosts, this.#address.metadata);
    if (entries.length === 0) {
      const type = this.#address.port === undefined ? "SRV" : "A or AAAA";
      const { hidesFailures } = await this.#loadResolver();
      const may = hidesFailures ? "the name server can't answer (Deno does not tell), " : "";
      throw this.#failure(`${may}there are no ${type} records, or no such name`);
    }
    return { entries, follow: (signal) => sleep(this.#clock, waitMs, signal) };
  }

  /** An IP address is its own answer, which does not change. */
  #ownAnswer(): DnsAnswer | undefined {
    const { isIp, name, port } = this.#address;
    if (!isIp) return undefined;
    return { hosts: [{ host: formatHost(name, port!), weight: 1 }], records: [{ ttl: Infinity }] };
  }

  async #ask(resolver: DnsResolver, signal: AbortSignal): Promise<DnsAnswer> {
    signal.throwIfAborted();
    const { port } = this.#address;
    const ms = this.#requestTimeoutMs;
    const limit = new TimeLimit({ clock: this.#clock, signal });
    limit.set(ms, () => new Error(`no answer within ${ms} ms`));
    try {
      return await limit.race(
        port === undefined
          ? this.#askServices(resolver, limit.signal)
          : this.#askAddresses(resolver, port, limit.signal),
      );
    } finally {
      limit.end();
    }
  }

  async #askAddresses(
    resolver: DnsResolver,
    port: number,
    signal: AbortSignal,
  ): Promise<DnsAnswer> {
    const records = await this.#lookup.addresses(resolver, this.#address.name, signal);
    const hosts = records.map(({ address }) => ({ host: formatHost(address, port), weight: 1 }));
    return { hosts, records };
  }

  async #askServices(resolver: DnsResolver, signal: AbortSignal): Promise<DnsAnswer> {
    const all = (await resolver.srv(this.#address.name, signal))
      .map((record) => ({ ...record, target: record.target.replace(/\.$/, "") }))
      .filter(({ target }) => target !== ""); // the target "." says that there is no server
    const lowest = Math.min(...all.map(({ priority }) => priority));
    const services = all.filter(({ priority }) => priority === lowest);
    if (!this.#resolveTargets) {
      const hosts = services.map(({ target, port, weight }) => ({
        host: formatHost(target, port),
        weight,
      }));
      return { hosts, records: services };
    }
    const names = services.map(({ target }) => target);
    const targets = await this.#lookup.targets(resolver, names, signal);
    const hosts = services.flatMap(({ target, port, weight }) => {
      const addresses = targets.get(target)!;
      return addresses.map(({ address }) => ({
        host: formatHost(address, port),
        weight: weight / addresses.length,
      }));
    });
    return { hosts, records: [...services, ...[...targets.values()].flat()] };
  }

  #failure(what: string, cause?: unknown): RpcError {
    return new RpcError("unavailable", `${this.name}: ${what} (asked ${this.#asked})`, {
      address: this.name,
      execution: "not_sent",
      cause,
    });
  }
}

function runtime() {
  return "Deno" in globalThis ? import("./deno.ts") : import("./node.ts");
}
