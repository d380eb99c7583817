/**
 * Node's resolver, for Node and Bun. It reports the TTLs of A and AAAA records, not of SRV.
 *
 * @module
 */

import { Resolver } from "node:dns/promises";
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
    addresses: (name, family, signal): Promise<readonly AddressAnswer[]> =>
      ask(
        signal,
        (resolver) =>
          family === 4
            ? resolver.resolve4(name, { ttl: true })
            : resolver.resolve6(name, { ttl: true }),
      ),
  };
}
