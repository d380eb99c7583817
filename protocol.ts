/**
 * The protocols by name. What a program does not use is not loaded.
 *
 * @module
 */

import type { ClientCodec, Limits, Protocol } from "./codec.ts";
import { JsonClientCodec } from "./codec_json.ts";
import { RpcError } from "./errors.ts";

/** The protocols that there are. */
export const PROTOCOLS: readonly Protocol[] = ["geerpc/json"];

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
 * @param handleTimeoutMs What the server gives each call; 0: no limit.
 * @returns The codec.
 */
export function openClientCodec(
  _protocol: Protocol,
  limits: Limits,
  handleTimeoutMs: number,
): ClientCodec {
  return new JsonClientCodec(limits, handleTimeoutMs);
}

/**
 * The path of HTTP CONNECT for a protocol.
 *
 * @param protocol Which.
 * @returns GeeRPC's path or Go's.
 */
export function connectPath(protocol: Protocol): string {
  return protocol.startsWith("geerpc/") ? "/_geeprc_" : "/_goRPC_";
}
