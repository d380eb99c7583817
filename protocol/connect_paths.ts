/**
 * The paths of HTTP CONNECT, and the protocols that they lead to.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import type { Protocol } from "./codec.ts";

/** A path of HTTP CONNECT. */
export interface ConnectPath {
  /** The path. */
  readonly path: string;
  /** The protocol that follows. On GeeRPC's path the handshake may say the other encoding. */
  readonly protocol: Protocol;
}

/** The paths that every server has. The first of a protocol is the one that clients ask for. */
export const CONNECT_PATHS: readonly ConnectPath[] = [
  { path: "/_geeprc_", protocol: "geerpc/json" }, // sic: GeeRPC's own
  { path: "/_geerpc_", protocol: "geerpc/json" }, // its forks have spelt it so
  { path: "/_goRPC_", protocol: "netrpc/gob" },
  { path: "/_goRPC_json_", protocol: "netrpc/json" }, // Go has no path for it: this one is ours
];

/** Printable ASCII: a space would end the path, a line break the request. */
const PATH = /^\/[!-~]*$/;

/**
 * Checks a path of HTTP CONNECT.
 *
 * @param path The path, from an option or an address.
 * @param address The endpoint, for the error.
 * @returns The same path.
 * @throws {RpcError} `invalid_argument`, `not_sent` if it does not begin with a slash, or has a
 * space or a character that is not ASCII in it.
 */
export function checkConnectPath(path: string, address = ""): string {
  if (typeof path === "string" && PATH.test(path)) return path;
  const message = `${address && `${address}: `}a path of HTTP CONNECT looks like /_goRPC_, got ` +
    JSON.stringify(path);
  throw new RpcError("invalid_argument", message, { address, execution: "not_sent" });
}

/**
 * The path of HTTP CONNECT for a protocol.
 *
 * @param protocol The protocol.
 * @returns GeeRPC's path, Go's, or ours for `netrpc/json`.
 */
export function connectPath(protocol: Protocol): string {
  if (protocol.startsWith("geerpc/")) return CONNECT_PATHS[0].path;
  return CONNECT_PATHS.find((one) => one.protocol === protocol)!.path;
}
