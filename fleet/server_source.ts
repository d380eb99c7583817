/**
 * Where an `XClient` has its list of servers from.
 *
 * @module
 */

import { type Discovery, MultiServerDiscovery } from "../discovery.ts";

/**
 * A source of servers, as much of a {@linkcode Discovery} as an `XClient`
 * needs: any object that has `getAll`.
 */
export interface ServerSource extends Pick<Discovery, "name" | "current" | "watch"> {
  /** All servers' addresses, with metadata if wanted. Asked for every call if there is no `current`. */
  getAll(): Promise<readonly string[]> | readonly string[];
}

/**
 * Makes a source of what an `XClient` is given.
 *
 * @param servers A list of addresses, or a source.
 * @returns A source.
 * @throws {RpcError} `invalid_argument` for a wrong address in a list, naming it.
 * @throws {TypeError} If it is neither.
 */
export function toServerSource(servers: readonly string[] | ServerSource): ServerSource {
  if (Array.isArray(servers)) return new MultiServerDiscovery(servers);
  const source = servers as Partial<ServerSource> | null | undefined;
  if (typeof source === "object" && typeof source?.getAll === "function") {
    return servers as ServerSource;
  }
  const given = typeof servers === "string"
    ? JSON.stringify(servers)
    : servers === null
    ? "null"
    : typeof servers;
  throw new TypeError(
    `an XClient takes a list of addresses, or an object with a method getAll, not ${given}`,
  );
}
