/**
 * The protocols by name. What a program does not use is not loaded.
 *
 * @module
 */

import type { ClientCodec, Limits, Protocol, ServerCodec } from "./codec.ts";
import { JsonClientCodec, JsonServerCodec } from "./geerpc_json.ts";
import { RpcError } from "../errors.ts";

/** The protocols that there are. */
export const PROTOCOLS: readonly Protocol[] = [
  "geerpc/json",
  "geerpc/gob",
  "netrpc/gob",
  "netrpc/json",
];

/**
 * Finds a protocol by its name.
 *
 * @param name What the caller or the address says.
 * @returns The same, checked.
 * @throws {RpcError} `invalid_argument` for an unknown one, naming those there are.
 */
export function checkProtocol(name: string): Protocol {
  if ((PROTOCOLS as readonly string[]).includes(name)) return name as Protocol;
  const message = `unknown protocol ${JSON.stringify(name)}; expected ${PROTOCOLS.join(", ")}`;
  throw new RpcError("invalid_argument", message, { execution: "not_sent" });
}

/**
 * Makes the client's half of a protocol for a new connection.
 *
 * @param protocol Which.
 * @param limits What the server may make us hold.
 * @param handleTimeoutMs What a GeeRPC server gives each call; 0: no limit.
 * @returns The codec.
 */
export async function openClientCodec(
  protocol: Protocol,
  limits: Limits,
  handleTimeoutMs: number,
): Promise<ClientCodec> {
  switch (protocol) {
    case "geerpc/json":
      return new JsonClientCodec(limits, handleTimeoutMs);
    case "geerpc/gob":
    case "netrpc/gob": {
      const { GobClientCodec } = await import("./gob_codec.ts");
      const family = protocol === "geerpc/gob" ? "geerpc" : "netrpc";
      return new GobClientCodec(family, limits, handleTimeoutMs);
    }
    case "netrpc/json": {
      const { JsonRpcClientCodec } = await import("./jsonrpc.ts");
      return new JsonRpcClientCodec(limits);
    }
  }
}

/**
 * Makes the server's half of a protocol for a new connection.
 *
 * @param protocol Which.
 * @param limits What the client may make us hold.
 * @returns The codec, or the promise of one whose module is not loaded yet.
 */
export function openServerCodec(
  protocol: Protocol,
  limits: Limits,
): ServerCodec | Promise<ServerCodec> {
  switch (protocol) {
    case "geerpc/json":
      return new JsonServerCodec(limits);
    case "geerpc/gob":
    case "netrpc/gob": {
      const family = protocol === "geerpc/gob" ? "geerpc" : "netrpc";
      return import("./gob_codec.ts").then((module) => new module.GobServerCodec(family, limits));
    }
    case "netrpc/json":
      return import("./jsonrpc.ts").then((module) => new module.JsonRpcServerCodec(limits));
  }
}

/** What is asked for by HTTP CONNECT, and how it is granted. */
interface ConnectPath {
  readonly path: string;
  /** The protocol; on GeeRPC's path either encoding, as the handshake says. */
  readonly protocol: Protocol;
  /** The status line's end. */
  readonly granted: string;
}

const CONNECT_PATHS: readonly ConnectPath[] = [
  { path: "/_geeprc_", protocol: "geerpc/json", granted: "200 Connected to Gee RPC" },
  { path: "/_goRPC_", protocol: "netrpc/gob", granted: "200 Connected to Go RPC" },
  // Go has no path of its own for it.
  { path: "/_goRPC_json_", protocol: "netrpc/json", granted: "200 Connected to Go RPC" },
];

/**
 * The path of HTTP CONNECT for a protocol.
 *
 * @param protocol Which.
 * @returns GeeRPC's path, Go's, or ours for `netrpc/json`.
 */
export function connectPath(protocol: Protocol): string {
  if (protocol.startsWith("geerpc/")) return CONNECT_PATHS[0].path;
  return CONNECT_PATHS.find((one) => one.protocol === protocol)!.path;
}

/**
 * What a path of HTTP CONNECT asks for.
 *
 * @param path The path.
 * @returns Protocol and answer; nothing for an unknown path.
 */
export function protocolOf(path: string): ConnectPath | undefined {
  return CONNECT_PATHS.find((one) => one.path === path);
}
