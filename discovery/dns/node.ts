/**
 * Node's resolver, for Node and Bun. It reports the TTLs of A and AAAA records, not of SRV.
 *
 * It asks name servers only. A name that these do not know may be in the system's
 * own file of hosts, as most containers have one, so the system is asked then.
 *
 * @module
 */

import { lookup, Resolver } from "node:dns/promises";
import { abortWith, releaseFrom } from "../../internal/abort.ts";
import { formatHost } from "../../address.ts";
import type { AddressAnswer, DnsResolver, NameServer } from "./resolver.ts";

/**
 * Makes a resolver.
 *
 * @param nameServer The name server. Default: the system's name servers.
 * @returns The resolver.
 */
export function createResolver(nameServer?: NameServer): DnsResolver {
  // One resolver for each question: each can be cancelled alone, and uses the
  // name servers that the system has by then.
  const ask = async <T>(
    signal: AbortSignal,
    send: (resolver: Resolver) => Promise<T[]>,
  ): Promise<T[]> => {
    signal.throwIfAborted();
    const resolver = new Resolver();
    if (nameServer) resolver.setServers([formatHost(nameServer.hostname, nameServer.port)]);
    const question = { abort: () => resolver.cancel() };
    abortWith(signal, question);
    try {
      return await send(resolver);
    } catch (error) {
      signal.throwIfAborted();
      const { code } = error as { code?: unknown };
      if (code === "ENOTFOUND" || code === "ENODATA") return [];
      throw error;
    } finally {
      releaseFrom(signal, question);
    }
  };
  return {
    async srv(name, signal) {
      const records = await ask(signal, (resolver) => resolver.resolveSrv(name));
      return records.map(({ name: target, port, priority, weight }) => ({
        target,
        port,
        priority,
        weight,
      }));
    },
    async addresses(name, family, signal): Promise<readonly AddressAnswer[]> {
      const send = (resolver: Resolver): Promise<AddressAnswer[]> =>
        family === 4
          ? resolver.resolve4(name, { ttl: true })
          : resolver.resolve6(name, { ttl: true });
      if (nameServer !== undefined) return await ask(signal, send);
      if (LOCALHOST.test(name)) {
        const hosts = await hostsOfSystem(name, family);
        if (hosts.length > 0) return hosts;
      }
      let failure: unknown;
      try {
        const answers = await ask(signal, send);
        if (answers.length > 0) return answers;
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
      const hosts = await hostsOfSystem(name, family);
      if (hosts.length === 0 && failure !== undefined) throw failure;
      return hosts;
    },
  };
}

/** Names of this machine, which no name server need know (RFC 6761). */
const LOCALHOST = /^(?:.*\.)?localhost\.?$/i;

/** What the system itself knows of a name; nothing if it has an error. */
function hostsOfSystem(name: string, family: 4 | 6): Promise<readonly AddressAnswer[]> {
  return lookup(name, { all: true, family })
    .then((hosts) => hosts.map(({ address }) => ({ address })), () => []);
}
