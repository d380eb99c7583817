/** Damaged streams are read or refused, and nothing worse happens. */

import { assert } from "@std/assert";
import type {
  ClientCodec,
  Limits,
  ReplySink,
  RequestSink,
  ServerCodec,
} from "../../protocol/codec.ts";
import { GobClientCodec } from "../../protocol/gob/client.ts";
import { GobServerCodec } from "../../protocol/gob/server.ts";
import { JsonRpcClientCodec } from "../../protocol/jsonrpc/client.ts";
import { JsonRpcServerCodec } from "../../protocol/jsonrpc/server.ts";
import { RpcError } from "../../errors.ts";
import { gob } from "../../gob.ts";
import { between } from "../support/helpers.ts";
import { seededRandom } from "../../testing.ts";

const LIMITS: Limits = { maxMessageBytes: 4096, maxDepth: 20 };
const STREAMS = 4000;
const SEED = Date.now() % 1e9;

const schema = {
  args: gob.struct({ A: gob.safeInt, Names: gob.slice(gob.string) }),
  reply: gob.map(gob.string, gob.float),
};

/** Checks the types of what arrives only: the damage decides the rest. */
const requestSink: RequestSink = {
  schemaOf: (serviceMethod) => serviceMethod === "S.Typed" ? schema : undefined,
  call: (seq, serviceMethod) =>
    assert(Number.isSafeInteger(seq) && typeof serviceMethod === "string"),
  refuse: (seq, serviceMethod) =>
    assert(Number.isSafeInteger(seq) && typeof serviceMethod === "string"),
  cancel: () => {},
  answered: () => {},
};

function replySink(): ReplySink {
  const waiting = new Set([1, 2, 3, 4, 5]);
  return {
    take(seq) {
      if (!waiting.delete(seq)) return undefined;
      let settled = 0;
      const once = () => assert(++settled === 1);
      return {
        serviceMethod: "S.Plain",
        schema: seq % 2 ? schema : undefined,
        resolve: once,
        fail: once,
        failDecode: once,
      };
    },
    drain: () => {},
    ended: () => {},
  };
}

function requestsOf(codec: ClientCodec): Uint8Array {
  const typed = { A: 1, Names: ["x", "☃"] };
  codec.request(1, "S.Typed", typed, { schema });
  codec.request(2, "S.Plain", { B: [1.5, 2], C: { D: true } }, {});
  codec.request(3, "S.Typed", { A: -(2 ** 40), Names: [] }, { schema });
  codec.request(4, "S.Plain", "text", {});
  return codec.take().slice();
}

function repliesOf(codec: ServerCodec): Uint8Array {
  codec.reply(1, "S.Typed", { a: 1, b: 0.5 }, schema.reply);
  codec.reply(2, "S.Plain", { B: [1, 2], C: { D: "x" } });
  codec.fail(3, "S.Typed", { code: "unknown", message: "an error", rejected: false });
  codec.fail(4, "S.None", {
    code: "unimplemented",
    message: "rpc server: can't find method None",
    rejected: true,
  });
  codec.reply(5, "S.Typed", { c: -1e300 }, schema.reply);
  return codec.take().slice();
}

function damaged(bytes: Uint8Array, random: () => number): Uint8Array {
  let result = [...bytes];
  for (let count = between(random, 1, 4); count > 0; count--) {
    const at = between(random, 0, result.length - 1);
    const kind = between(random, 0, 4);
    if (kind === 0) result[at] = between(random, 0, 255);
    else if (kind === 1) result[at] ^= 1 << between(random, 0, 7);
    else if (kind === 2) result.splice(at, between(random, 1, 9));
    else if (kind === 3) result.splice(at, 0, ...result.slice(at, at + between(random, 1, 30)));
    else result = result.slice(0, at + 1);
    if (result.length === 0) return new Uint8Array(1);
  }
  return new Uint8Array(result);
}

function feed(
  bytes: Uint8Array,
  random: () => number,
  receive: (chunk: Uint8Array) => void,
): "read" | "refused" {
  try {
    for (let at = 0; at < bytes.length;) {
      const to = Math.min(bytes.length, at + between(random, 1, 200));
      receive(bytes.slice(at, to));
      at = to;
    }
    return "read";
  } catch (error) {
    if (error instanceof RpcError) return "refused";
    throw error;
  }
}

const HANDSHAKE = 512;

for (
  const [name, client, server, handshake] of [
    [
      "geerpc/gob",
      () => new GobClientCodec("geerpc", LIMITS, 0),
      () => new GobServerCodec("geerpc", LIMITS),
      HANDSHAKE,
    ],
    [
      "netrpc/gob",
      () => new GobClientCodec("netrpc", LIMITS, 0),
      () => new GobServerCodec("netrpc", LIMITS),
      0,
    ],
    ["netrpc/json", () => new JsonRpcClientCodec(LIMITS), () => new JsonRpcServerCodec(LIMITS), 0],
  ] as [string, () => ClientCodec, () => ServerCodec, number][]
) {
  Deno.test(`${name}: damaged streams are read or refused (seed ${SEED})`, () => {
    const random = seededRandom(SEED);
    const requests = requestsOf(client()).subarray(handshake);
    const replies = repliesOf(server());
    const seen = { read: 0, refused: 0 };
    for (let count = 0; count < STREAMS; count++) {
      const toServer = server();
      seen[
        feed(damaged(requests, random), random, (chunk) => {
          toServer.receive(chunk, requestSink);
        })
      ]++;
      const toClient = client();
      const sink = replySink();
      seen[feed(damaged(replies, random), random, (chunk) => toClient.receive(chunk, sink))]++;
    }
    assert(seen.read > 0 && seen.refused > 0, JSON.stringify(seen));
  });
}
