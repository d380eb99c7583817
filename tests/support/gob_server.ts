/** A server for the tests of gob's codecs, and the stream of a peer that is played by hand. */

import { assertEquals } from "@std/assert";
import type { Protocol } from "../../protocol/codec.ts";
import { type AnyGobSchema, gob, GobEncoder, type GobSchema, GobWriter } from "../../gob.ts";
import { Server } from "../../server.ts";
import { MemoryNetwork } from "../../testing.ts";

/** The protocols that speak gob. */
export const GOB_PROTOCOLS: readonly Protocol[] = ["geerpc/gob", "netrpc/gob"];

const fields = { ServiceMethod: gob.string, Seq: gob.uint };
const request = gob.struct(fields, { name: "Request" });
const response = gob.struct({ ...fields, Error: gob.string }, { name: "Response" });
const args = gob.struct({ A: gob.safeInt, B: gob.safeInt });

/** The schema of `Arith`. */
export const arith = gob.service({
  Divide: { args, reply: gob.float },
  Sum: { args, reply: gob.safeInt },
});

/** The stream of headers and bodies that a peer sends. */
export class GobStream {
  readonly #encoder = new GobEncoder();

  bytes(header: Record<string, unknown>, body: unknown, schema?: AnyGobSchema): Uint8Array {
    const writer = new GobWriter();
    const head = { ServiceMethod: "S.M", Seq: 1, Error: "", ...header };
    const headSchema = "Error" in header || !("ServiceMethod" in header) ? response : request;
    this.#encoder.encodePairTo(writer, head, headSchema as GobSchema, body, schema as GobSchema);
    return writer.copy();
  }
}

/** Runs a test with a server of ours at `memory@a`. */
export async function withServer(
  protocol: Protocol,
  body: (network: MemoryNetwork, server: Server) => Promise<void>,
  chunkBytes = 100_000,
  maxMessageBytes?: number,
): Promise<void> {
  const network = new MemoryNetwork({ chunkBytes });
  const server = new Server({ maxMessageBytes });
  server.register("Arith", {
    Divide: ({ A, B }) => A / B,
    Sum: ({ A, B }) => A + B,
  }, { schema: arith });
  server.register("Plain", {
    Echo: (value: unknown) => value,
    Void() {},
    Spell: () => "x".repeat(3000),
    Fail: () => Promise.reject(new Error("no ☃")),
  });
  const wrong = { Echo: { args: { "~types": undefined } } };
  server.register("Wrong", { Echo: (value: unknown) => value }, { schema: wrong });
  await server.listen("memory@a", { network, protocol });
  await body(network, server);
  await server.close();
  assertEquals(network.connections("memory@a"), 0);
}
