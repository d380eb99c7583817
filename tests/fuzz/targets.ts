/** What is fuzzed: each protocol's two codecs, and the two ends of how a connection begins. */

import type { ClientCodec, Limits, Protocol, ServerCodec } from "../../protocol/codec.ts";
import { JsonClientCodec } from "../../protocol/geerpc_json/client.ts";
import { JsonServerCodec } from "../../protocol/geerpc_json/server.ts";
import { GobClientCodec } from "../../protocol/gob/client.ts";
import { GobServerCodec } from "../../protocol/gob/server.ts";
import { JsonRpcClientCodec } from "../../protocol/jsonrpc/client.ts";
import { JsonRpcServerCodec } from "../../protocol/jsonrpc/server.ts";
import { PROTOCOLS } from "../../protocol/protocols.ts";

/**
 * - `server`: what a server reads; `client`: what a client reads.
 * - `opening`: what a server reads before there are calls: HTTP CONNECT and GeeRPC's option.
 * - `connect`: what a client reads as the answer to HTTP CONNECT.
 */
export type Side = "server" | "client" | "opening" | "connect";

/** All sides. */
export const SIDES: readonly Side[] = ["server", "client", "opening", "connect"];

/** One protocol and side. */
export interface Target {
  readonly protocol: Protocol;
  readonly side: Side;
}

/** All that can be fuzzed. The answer to CONNECT does not depend on the protocol. */
export const TARGETS: readonly Target[] = SIDES.flatMap((side) =>
  PROTOCOLS.filter((protocol) => side !== "connect" || protocol === "netrpc/gob")
    .map((protocol) => ({ protocol, side }))
);

/** As it is printed. */
export function nameOf({ protocol, side }: Target): string {
  return `${protocol} ${side}`;
}

/**
 * A client's codec. What it writes first, GeeRPC's option, is taken out of its way.
 *
 * @param isExtended Whether the server has said that it knows our extensions.
 */
export function clientCodec(protocol: Protocol, limits: Limits, isExtended = false): ClientCodec {
  const codec = newClientCodec(protocol, limits);
  codec.take();
  if (isExtended && codec.asksForExtensions) {
    const server = new JsonServerCodec({ maxMessageBytes: 4096, maxDepth: 20 });
    server.extend("fuzz", 0);
    codec.receive(server.take(), { take: () => undefined, drain() {} });
  }
  return codec;
}

function newClientCodec(protocol: Protocol, limits: Limits): ClientCodec {
  switch (protocol) {
    case "geerpc/json":
      return new JsonClientCodec(limits, 0);
    case "geerpc/gob":
      return new GobClientCodec("geerpc", limits, 0);
    case "netrpc/gob":
      return new GobClientCodec("netrpc", limits, 0);
    case "netrpc/json":
      return new JsonRpcClientCodec(limits);
  }
}

/**
 * A server's codec.
 *
 * @param isExtended Whether the client knows our extensions.
 */
export function serverCodec(protocol: Protocol, limits: Limits, isExtended = false): ServerCodec {
  const codec = newServerCodec(protocol, limits);
  if (isExtended && codec.extend !== undefined) {
    codec.extend("fuzz", 0);
    codec.take();
  }
  return codec;
}

function newServerCodec(protocol: Protocol, limits: Limits): ServerCodec {
  switch (protocol) {
    case "geerpc/json":
      return new JsonServerCodec(limits);
    case "geerpc/gob":
      return new GobServerCodec("geerpc", limits);
    case "netrpc/gob":
      return new GobServerCodec("netrpc", limits);
    case "netrpc/json":
      return new JsonRpcServerCodec(limits);
  }
}
