/**
 * Deno's resolver. Loaded only on Deno; the npm package has `node.ts` in its place.
 *
 * `Deno.resolveDns` reports no TTLs. Deno's `node:dns` does, for A and AAAA
 * records, but needs one more permission if a name server is given. So it is
 * used where no name server is given or that permission is granted.
 *
 * @module
 */

import { createResolver as createNodeResolver } from "./node.ts";
import type { AddressAnswer, DnsResolver, NameServer, SrvAnswer } from "./resolver.ts";

/** How many names may stand for another one on the way to SRV records. */
const MOST_ALIASES = 8;

/**
 * Makes a resolver.
 *
 * @param nameServer The name server. Default: the system's name servers.
 * @returns The resolver.
 */
export function createResolver(nameServer?: NameServer): DnsResolver {
  const withTtl = createNodeResolver(nameServer);
  const server = nameServer && { ipAddr: nameServer.hostname, port: nameServer.port };
  const ask = async <T>(
    signal: AbortSignal,
    resolve: (options: Deno.ResolveDnsOptions) => Promise<T[]>,
  ): Promise<T[]> => {
    try {
      return await resolve({ nameServer: server, signal });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  };
  const srv = async (
    name: string,
    signal: AbortSignal,
    aliases = MOST_ALIASES,
  ): Promise<readonly SrvAnswer[]> => {
    const records = await ask(signal, (options) => Deno.resolveDns(name, "SRV", options));
    if (records.length > 0 || aliases === 0) return records;
    // Deno drops SRV records that a CNAME has led to.
    const [alias] = await ask(signal, (options) => Deno.resolveDns(name, "CNAME", options));
    return alias === undefined ? [] : srv(alias, signal, aliases - 1);
  };
  return {
    // SERVFAIL and REFUSED are `NotFound`, with the same message, and ENOTFOUND in `node:dns`.
    hidesFailures: true,
    srv: (name, signal) => srv(name, signal),
    async addresses(name, family, signal): Promise<readonly AddressAnswer[]> {
      if (await mayAskNode(nameServer)) {
        try {
          return await withTtl.addresses(name, family, signal);
        } catch (error) {
          signal.throwIfAborted();
          // Such as a permission that is missing, which Deno's own resolver names.
          if ((error as { code?: unknown }).code !== "UNKNOWN") throw error;
        }
      }
      const type = family === 4 ? "A" : "AAAA";
      const addresses = await ask(signal, (options) => Deno.resolveDns(name, type, options));
      return addresses.map((address) => ({ address }));
    },
  };
}

async function mayAskNode(nameServer: NameServer | undefined): Promise<boolean> {
  // Without it Node's says no more than "UNKNOWN", and Deno's own which permission is missing.
  if ((await Deno.permissions.query({ name: "net" })).state !== "granted") return false;
  if (nameServer === undefined) return true;
  const kind = "networkInterfaces";
  return (await Deno.permissions.query({ name: "sys", kind })).state === "granted";
}
