import { assert, assertEquals } from "@std/assert";
import { Handshake, type Opened } from "../../connection/server_handshake.ts";
import { Services } from "../../connection/services.ts";
import { limitsOf, type Protocol } from "../../protocol/codec.ts";

const encoder = new TextEncoder();

Deno.test("an empty chunk at the beginning does not say what the first byte will be", async () => {
  for (const protocol of ["geerpc/json", "netrpc/gob", "netrpc/json"] satisfies Protocol[]) {
    const written: string[] = [];
    const context = { limits: limitsOf(), services: new Services(), connectPaths: {} };
    const handshake = new Handshake(protocol, context, (bytes) => {
      written.push(new TextDecoder().decode(bytes));
    });
    assertEquals(handshake.push(new Uint8Array(0)), undefined);
    const opening = handshake.push(encoder.encode("CONNECT /_goRPC_json_ HTTP/1.0\n\n{}"));
    assert(opening !== undefined, protocol);
    const { codec, rest }: Opened = await opening;
    assertEquals([codec.constructor.name, rest.length], ["JsonRpcServerCodec", 2]);
    assertEquals(written, ["HTTP/1.0 200 Connected to Go RPC\n\n"]);
  }
});
