/**
 * Discovery by DNS: SRV records, or A and AAAA records with a port.
 *
 * ```ts ignore
 * const discovery = new DnsDiscovery("dns@_grpc._tcp.arith.example"); // SRV
 * const pods = new DnsDiscovery("dns@arith.prod.svc.cluster.local:9001"); // A and AAAA
 * const consul = new DnsDiscovery("dns@arith.service.consul", { nameServer: "127.0.0.1:8600" });
 * ```
 *
 * @module
 */

import { formatHost, type Scheme } from "./address.ts";
import {
  type DnsAddress,
  parseDnsAddress,
  parseNameServer,
  serversOf,
} from "./discovery/dns/address.ts";
import type { AddressAnswer, DnsResolver, SrvAnswer } from "./discovery/dns/resolver.ts";
import type { SourceOptions } from "./discovery/options.ts";
import { SourceDiscovery } from "./discovery/source.ts";
import { within } from "./discovery/time.ts";
import { errorText, RpcError } from "./errors.ts";
import { aboveZero, atLeast } from "./internal/validate.ts";

export type { AddressAnswer, DnsResolver, SrvAnswer } from "./discovery/dns/resolver.ts";
export * from "./discovery/source.ts";

/** How a {@linkcode DnsDiscovery} asks, and what it makes of the answers. */
export interface DnsDiscoveryOptions extends SourceOptions {
  /** How the servers are reached. Default `tcp`. */
  scheme?: "tcp" | "tls" | "http";
  /** Who is asked, as `127.0.0.1:8600` or `[::1]:53`; port 53 unless given. Default: the system's. */
  nameServer?: string;
  /**
   * Asked again no sooner than this, whatever the TTL, in milliseconds; 100 at
   * the least. After failures, up to four times as long. Default 5,000.
   */
  minTtlMs?: number;
  /** And no later than this, give or take a tenth. Default 300,000. */
  maxTtlMs?: number;
  /** The TTL where the resolver tells none, as none does for SRV. Default 30,000. */
  defaultTtlMs?: number;
  /** How long an answer may take, all its questions together. Default 5,000. */
  requestTimeoutMs?: number;
  /**
   * Which addresses of a host are servers. 4: those of A records; 6: of AAAA;
   * `both`: a host with both is two servers. Default: A, and AAAA if there are none.
   */
  family?: 4 | 6 | "both";
  /**
   * Whether the targets of SRV records are looked up here. If not, they stay
   * names, which are looked up when they are dialled, by the system's name
   * servers. Default: only with a `nameServer`, since others may not know them.
   */
  resolveTargets?: boolean;
  /** What asks. Default: the runtime's resolver. */
  resolver?: DnsResolver;
}

/** At most so many targets are looked up at once. */
const LOOKUPS_AT_ONCE = 16;
/** The least floor: who sets none at all is not to ask without a pause. */
const LEAST_MS = 100;

/**
 * The servers that DNS tells of.
 *
 * The address is `dns@` and a name. Without a port, SRV records are asked for:
 * the servers are the targets of the lowest priority present, with their ports
 * and weights. With a port, A and AAAA records are: each address is a server.
 * Metadata behind a `?` goes to every server.
 *
 * DNS is asked when the TTL of the last answer has passed, not for each call.
 * An answer without servers, an error and a timeout leave the last list in place.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DnsDiscovery, type DnsResolver } from "@geerpc/xclient/dns";
 *
 * const resolver: DnsResolver = {
 *   srv: () =>
 *     Promise.resolve([
 *       { target: "a.example", port: 9001, priority: 0, weight: 30 },
 *       { target: "b.example", port: 9001, priority: 0, weight: 10 },
 *       { target: "spare.example", port: 9001, priority: 1, weight: 10 },
 *     ]),
 *   addresses: () => Promise.resolve([]),
 * };
 * const discovery = new DnsDiscovery("dns@_grpc._tcp.arith.example?zone=a", { resolver });
 * assertEquals(await discovery.getAll(), [
 *   "tcp@a.example:9001?zone=a&weight=30",
 *   "tcp@b.example:9001?zone=a&weight=10",
 * ]);
 * await discovery.close();
 * ```
 */
export class DnsDiscovery extends SourceDiscovery {
  readonly #address: DnsAddress;
  readonly #options: DnsDiscoveryOptions;
  readonly #scheme: Scheme;
  readonly #resolveTargets: boolean;
  readonly #load: () => Promise<DnsResolver>;
  readonly #minTtlMs: number;
  readonly #maxTtlMs: number;
  readonly #defaultTtlMs: number;
  readonly #requestTimeoutMs: number;
  #waitMs = 0;
  /** What targets were last known as, for when one of them can't be looked up. */
  #targets = new Map<string, readonly AddressAnswer[]>();

  /**
   * Makes a discovery; it asks when it is first used.
   *
   * @param address `dns@name` for SRV records, `dns@name:port` for A and AAAA.
   * Give the full name: search domains are not tried everywhere.
   * @param options Name server, times, what becomes of the answers.
   * @throws {RpcError} `invalid_argument` if it is no such address.
   * @throws {RangeError} If a duration is not above 0.
   */
  constructor(address: string, options: DnsDiscoveryOptions = {}) {
    const parsed = parseDnsAddress(address);
    const nameServer = options.nameServer === undefined
      ? undefined
      : parseNameServer(options.nameServer);
    const minTtlMs = Math.max(LEAST_MS, atLeast(0, "minTtlMs", options.minTtlMs ?? 5000));
    const maxTtlMs = aboveZero("maxTtlMs", options.maxTtlMs ?? 300_000);
    const defaultTtlMs = aboveZero("defaultTtlMs", options.defaultTtlMs ?? 30_000);
    const requestTimeoutMs = aboveZero("requestTimeoutMs", options.requestTimeoutMs ?? 5000);
    const backoff = { firstMs: Math.min(1000, minTtlMs), mostMs: 4 * minTtlMs };
    super({ name: address, backoff, isLive: false }, options);
    this.#minTtlMs = minTtlMs;
    this.#maxTtlMs = maxTtlMs;
    this.#defaultTtlMs = defaultTtlMs;
    this.#requestTimeoutMs = requestTimeoutMs;
    this.#address = parsed;
    this.#options = options;
    this.#scheme = options.scheme ?? "tcp";
    this.#resolveTargets = options.resolveTargets ?? nameServer !== undefined;
    const { resolver } = options;
    this.#load = resolver
      ? () => Promise.resolve(resolver)
      : () => runtime().then(({ createResolver }) => createResolver(nameServer));
  }

  /**
   * Asks DNS.
   *
   * @param signal Ends it.
   * @returns The servers, in the order of their addresses.
   * @throws {RpcError} `unavailable` without an answer, or with an empty one.
   */
  protected override async read(signal: AbortSignal): Promise<readonly string[]> {
    const { nameServer } = this.#options;
    const asked = nameServer === undefined ? "the system's name servers" : nameServer;
    const fail = (what: string, cause?: unknown) =>
      new RpcError("unavailable", `${this.source}: ${what} (asked ${asked})`, {
        address: this.source,
        execution: "not_sent",
        cause,
      });
    let servers: string[];
    try {
      const resolver = await this.#load();
      servers = await within(
        this.clock,
        this.#requestTimeoutMs,
        signal,
        () => new Error(`no answer within ${this.#requestTimeoutMs} ms`),
        (limit) =>
          this.#address.port === undefined
            ? this.#askSrv(resolver, limit)
            : this.#askAddresses(resolver, this.#address.port, limit),
      );
    } catch (error) {
      signal.throwIfAborted();
      throw fail(`can't be resolved: ${errorText(error)}`, error);
    }
    if (servers.length === 0) {
      const what = this.#address.port === undefined ? "SRV" : "A or AAAA";
      throw fail(`there are no ${what} records, or no such name`);
    }
    return servers;
  }

  /**
   * Waits until the TTL has passed.
   *
   * @param signal Ends the wait.
   */
  protected override hold(signal: AbortSignal): Promise<void> {
    return this.sleep(this.#waitMs, signal);
  }

  async #askAddresses(
    resolver: DnsResolver,
    port: number,
    signal: AbortSignal,
  ): Promise<string[]> {
    const answers = await this.#lookUp(resolver, this.#address.name, signal);
    this.#setWait(answers);
    const hosts = answers.map(({ address }) => ({ host: formatHost(address, port), weight: 1 }));
    return serversOf(this.#scheme, hosts, this.#address.metadata);
  }

  async #askSrv(resolver: DnsResolver, signal: AbortSignal): Promise<string[]> {
    const all = (await resolver.srv(this.#address.name, signal))
      .map((record) => ({ ...record, target: record.target.replace(/\.$/, "") }))
      .filter(({ target }) => target !== ""); // a target of "." says that there is no server
    const first = Math.min(...all.map(({ priority }) => priority));
    const records = all.filter(({ priority }) => priority === first);
    if (!this.#resolveTargets) {
      this.#setWait(records);
      const hosts = records.map(({ target, port, weight }) => ({
        host: formatHost(target, port),
        weight,
      }));
      return serversOf(this.#scheme, hosts, this.#address.metadata);
    }
    const targets = await this.#lookUpTargets(resolver, records, signal);
    this.#setWait([...records, ...[...targets.values()].flat()]);
    const hosts = records.flatMap(({ target, port, weight }) => {
      const addresses = targets.get(target)!;
      return addresses.map(({ address }) => ({
        host: formatHost(address, port),
        weight: weight / addresses.length,
      }));
    });
    return serversOf(this.#scheme, hosts, this.#address.metadata);
  }

  /** Each target's addresses. One that can't be looked up has those that it had. */
  async #lookUpTargets(
    resolver: DnsResolver,
    records: readonly SrvAnswer[],
    signal: AbortSignal,
  ): Promise<Map<string, readonly AddressAnswer[]>> {
    const targets = new Map<string, readonly AddressAnswer[]>();
    const names = [...new Set(records.map(({ target }) => target))];
    let failures = 0;
    let failure: unknown;
    const work = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        try {
          const addresses = await this.#lookUp(resolver, name, signal);
          // Some resolvers, Deno's among them, don't tell a failure from a name without
          // records. It is one here: whoever lists a target means it to have an address.
          if (addresses.length === 0) throw new Error(`${name} has no addresses`);
          targets.set(name, addresses);
        } catch (error) {
          signal.throwIfAborted();
          failures++;
          failure = error;
          targets.set(name, this.#targets.get(name) ?? []);
        }
      }
    };
    await Promise.all(Array.from({ length: LOOKUPS_AT_ONCE }, work));
    if (failures > 0 && failures === targets.size) throw failure;
    this.#targets = targets;
    return targets;
  }

  async #lookUp(
    resolver: DnsResolver,
    name: string,
    signal: AbortSignal,
  ): Promise<readonly AddressAnswer[]> {
    const { family } = this.#options;
    if (family === "both") {
      const [four, six] = await Promise.all([
        resolver.addresses(name, 4, signal),
        resolver.addresses(name, 6, signal),
      ]);
      return [...four, ...six];
    }
    const answers = await resolver.addresses(name, family ?? 4, signal);
    return family === undefined && answers.length === 0
      ? await resolver.addresses(name, 6, signal)
      : answers;
  }

  /** Until the shortest TTL has passed, within bounds, and up to a tenth longer. */
  #setWait(records: readonly { readonly ttl?: number }[]): void {
    const told = records.flatMap(({ ttl }) => ttl === undefined ? [] : ttl * 1000);
    const ttlMs = told.length === 0 ? this.#defaultTtlMs : Math.min(...told);
    const waitMs = Math.max(this.#minTtlMs, Math.min(ttlMs, this.#maxTtlMs));
    this.#waitMs = waitMs * (1 + this.random() / 10);
  }
}

function runtime() {
  return "Deno" in globalThis
    ? import("./discovery/dns/deno.ts")
    : import("./discovery/dns/node.ts");
}
