/**
 * Lookups of hosts: which of their addresses count, many hosts at once, and
 * what is known of a host that can't be looked up.
 *
 * @module
 */

import type { AddressAnswer, DnsResolver } from "./resolver.ts";

/** At most so many hosts are looked up at once. */
const LOOKUPS_AT_ONCE = 16;
/** The most addresses that are taken from all answers together: DNS may list 64 KiB for each host. */
const MOST_ADDRESSES = 10_000;

/** Looks up hosts, and remembers the addresses of those it looked up last together. */
export class HostLookup {
  readonly #family: 4 | 6 | "both" | undefined;
  #known: ReadonlyMap<string, readonly AddressAnswer[]> = new Map();

  /** @param family Which addresses count. Default: A records, and AAAA if there are none. */
  constructor(family: 4 | 6 | "both" | undefined) {
    this.#family = family;
  }

  /**
   * Looks up one host.
   *
   * @param resolver Asks the questions.
   * @param name The host's full name.
   * @param signal Ends the lookup.
   * @returns Its addresses; none if there is no such host.
   */
  async addresses(
    resolver: DnsResolver,
    name: string,
    signal: AbortSignal,
  ): Promise<readonly AddressAnswer[]> {
    const family = this.#family;
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

  /**
   * Looks up the targets of SRV records. A target that can't be looked up, or
   * has no addresses, keeps those of the last time.
   *
   * @param resolver Asks the questions.
   * @param targets The hosts' full names; each is looked up once.
   * @param signal Ends the lookups.
   * @returns The addresses of each target.
   * @throws The last failure, if every lookup has failed. An error if the targets have
   * more than 10,000 addresses in all.
   */
  async targets(
    resolver: DnsResolver,
    targets: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly AddressAnswer[]>> {
    const found = new Map<string, readonly AddressAnswer[]>();
    const names = [...new Set(targets)];
    let failures = 0;
    let failure: unknown;
    let total = 0;
    const work = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        if (total > MOST_ADDRESSES) return;
        try {
          const addresses = await this.addresses(resolver, name, signal);
          // Some resolvers, Deno's among them, report a failure as a name without
          // records. Whoever lists a target means it to have an address, so it is a failure.
          if (addresses.length === 0) throw new Error(`${name} has no addresses`);
          found.set(name, addresses);
          total += addresses.length;
        } catch (error) {
          signal.throwIfAborted();
          failures++;
          failure = error;
          found.set(name, this.#known.get(name) ?? []);
        }
      }
    };
    await Promise.all(Array.from({ length: LOOKUPS_AT_ONCE }, work));
    if (total > MOST_ADDRESSES) {
      throw new Error(`the targets have more than ${MOST_ADDRESSES} addresses`);
    }
    if (failures > 0 && failures === found.size) throw failure;
    this.#known = found;
    return found;
  }
}
