/** Integers that numbers would round, to and from peers that know JSON alone. */

import { assertEquals, assertThrows } from "@std/assert";
import { dial } from "../../client.ts";
import { RpcError } from "../../errors.ts";
import { parse, stringify } from "../../protocol/json.ts";
import { Server } from "../../server.ts";
import { MemoryNetwork } from "../../testing.ts";
import { assertFails, inWorld, option, rawClient, RawServer } from "../support/helpers.ts";

const LIMITS = { maxMessageBytes: 200_000, maxDepth: 10, bigints: true };
/** Node 20 has not what it takes. */
const ignore = !("rawJSON" in JSON);

Deno.test({
  name: "large integers are bigints, all other numbers stay numbers",
  ignore,
  fn() {
    const table: [string, unknown][] = [
      ["9007199254740991", 2 ** 53 - 1],
      ["9007199254740993", 2n ** 53n + 1n],
      ['{"a":[-18446744073709551615,1.5,1e300,"12345678901234567890"]}', {
        a: [-18446744073709551615n, 1.5, 1e300, "12345678901234567890"],
      }],
      ["12345678901234567890.5", 12345678901234567890.5],
      ["1e400", Infinity],
    ];
    for (const [text, value] of table) assertEquals(parse(text, LIMITS), value);
    assertThrows(() => parse("9".repeat(70_000), LIMITS), RpcError, "malformed JSON");
    assertThrows(() => parse('{"__proto__":12345678901234567890}', LIMITS), RpcError, "__proto__");
    const value = { id: 2n ** 64n - 1n, small: 5n, none: null, list: [1n] };
    assertEquals(
      stringify(value, LIMITS),
      '{"id":18446744073709551615,"small":5,"none":null,"list":[1]}',
    );
    assertThrows(
      () => stringify([1n, new Map()], LIMITS),
      RpcError,
      "args[1]: a Map can't be sent",
    );
    assertThrows(() => stringify([1n], { ...LIMITS, bigints: false }), RpcError, "a bigint");
  },
});

Deno.test({
  name: "netrpc/json: bigints both ways, where both ends ask for them",
  ignore,
  async fn() {
    const network = new MemoryNetwork();
    const server = new Server({ bigints: true });
    const seen: unknown[] = [];
    server.register("Ids", { Next: ({ id }: { id: bigint }) => (seen.push(id), { id: id + 1n }) });
    await server.listen("memory@a", { network, protocol: "netrpc/json" });
    const options = { network, protocol: "netrpc/json" } as const;
    const client = await dial("memory@a", { ...options, bigints: true });
    assertEquals(await client.call("Ids.Next", { id: 2n ** 63n }), { id: 2n ** 63n + 1n });
    assertEquals(seen, [2n ** 63n]);
    const plain = await dial("memory@a", options);
    await assertFails(plain.call("Ids.Next", { id: 1n }), { code: "invalid_argument" });
    await plain.close();
    await client.close();
    await server.close();
  },
});

Deno.test({
  name: "geerpc/json: with a peer that knows JSON alone, and not between our own ends",
  ignore,
  fn: () =>
    inWorld(async (world) => {
      const { address } = await world.serve("a", { bigints: true });
      const peer = await rawClient(world.network, address);
      await peer.write(
        `${option()}{"ServiceMethod":"Gate.Echo","Seq":1}\n{"Id":12345678901234567890}\n`,
      );
      assertEquals((await peer.untilLines(2))[1], '{"Id":12345678901234567890}');
      peer.close();
      const ours = await world.dial(address, { bigints: true });
      for (const value of [1e20, 2n ** 70n, 5n]) {
        assertEquals(await ours.call("Gate.Echo", { value }), { value });
      }
      await ours.close();
      const raw = await RawServer.listen(world.network, "memory@raw");
      const client = await world.dial("memory@raw", { bigints: true });
      const played = await raw.accept();
      const reply = client.call("S.M", 2n ** 60n);
      await played.untilLines(2); // it asks who the server is
      await played.write('{"ServiceMethod":"","Seq":2,"Error":"no such method"}\n{}\n');
      await played.untilLines(4);
      assertEquals(played.lines[3], "1152921504606846976");
      await played.write('{"ServiceMethod":"S.M","Seq":1,"Error":""}\n1152921504606846977\n');
      assertEquals(await reply, 2n ** 60n + 1n);
      await client.close();
      await raw.close();
    }),
});
