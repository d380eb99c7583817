/**
 * The protocols by name. The codecs of gob and JSON-RPC are loaded when a connection first needs
 * them.
 *
 * @module
 */

import type { ClientCodec, Limits, Protocol, ServerCodec } from "./codec.ts";
import { JsonClientCodec } from "./geerpc_json/client.ts";
import { JsonServerCodec } from "./geerpc_json/server.ts";
import { RpcError } from "../errors.ts";
import { didYouMean } from "../internal/nearest.ts";

/** All protocols. */
export const PROTOCOLS: readonly Protocol[] = [
  "geerpc/json",
  "geerpc/gob",
  "netrpc/gob",
  "netrpc/json",
];

/**
 * Checks the name of a protocol.
 *
 * @param name The name, from an option or an address.
 * @returns The same name.
 * @throws {RpcError} `invalid_argument`, `not_sent` for any other name; the message lists all
 * protocols.
 */
export function checkProtocol(name: string): Protocol {
  if ((PROTOCOLS as readonly string[]).includes(name)) return name as Protocol;
  const hint = didYouMean(String(name), PROTOCOLS);
  const message = `unknown protocol ${JSON.stringify(name)}; expected ${
    PROTOCOLS.join(", ")
  }${hint}`;
  throw new RpcError("invalid_argument", message, { execution: "not_sent" });
}

/**
 * Makes the client's half of a protocol for a new connection.
 *
 * @param protocol The protocol.
 * @param limits The largest message and the deepest nesting.
 * @param handleTimeoutMs How long a GeeRPC server lets each call run, in milliseconds; 0: no limit.
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
      const { GobClientCodec } = await import("./gob/client.ts");
      return new GobClientCodec(familyOf(protocol), limits, handleTimeoutMs);
    }
    case "netrpc/json": {
      const { JsonRpcClientCodec } = await import("./jsonrpc/client.ts");
      return new JsonRpcClientCodec(limits);
    }
  }
}

/**
 * Makes the server's half of a protocol for a new connection.
 *
 * @param protocol The protocol.
 * @param limits The largest message and the deepest nesting.
 * @returns The codec; a promise of it where its module has to be loaded.
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
      return import("./gob/server.ts")
        .then((module) => new module.GobServerCodec(familyOf(protocol), limits));
    }
    case "netrpc/json":
      return import("./jsonrpc/server.ts").then((module) => new module.JsonRpcServerCodec(limits));
  }
}

function familyOf(protocol: "geerpc/gob" | "netrpc/gob"): "geerpc" | "netrpc" {
  return protocol === "geerpc/gob" ? "geerpc" : "netrpc";
}
