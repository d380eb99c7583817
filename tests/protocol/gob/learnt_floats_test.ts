/** Where a method once had a fraction, a whole number is a float64 too, until the server objects. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { dial } from "../../../client.ts";
import { gob, GobEncoder } from "../../../gob.ts";
import { LearntFloats } from "../../../protocol/gob/learnt_floats.ts";
import { GOB_PROTOCOLS, withServer } from "../../support/gob_server.ts";
import { assertFails } from "../../support/helpers.ts";

const point = gob.struct({
  X: gob.float,
  N: gob.int,
  List: gob.slice(gob.struct({ W: gob.float })),
  ByName: gob.map(gob.string, gob.float),
});

const WHOLE = { X: 2, N: 1, List: [{ W: 3 }, { W: -1 }], ByName: new Map([["a", 4]]) };
const FRACTIONS = { X: 0.5, N: 1, List: [{ W: 1.5 }], ByName: new Map([["b", 2.5]]) };

Deno.test("a whole number goes as a float in each field that once had a fraction", async () => {
  for (const protocol of GOB_PROTOCOLS) {
    await withServer(protocol, async (network, server) => {
      const schema = gob.service({ Move: { args: point, reply: gob.bool } });
      server.register("Floats", { Move: () => true }, { schema });
      server.register("Points", { Get: (n: number) => (n === 1 ? FRACTIONS : WHOLE) });
      const client = await dial("memory@a", { network, protocol });
      const refused = { message: "int received where the schema says float" };
      await assertFails(client.call("Floats.Move", WHOLE), refused);
      assertEquals(await client.call("Floats.Move", FRACTIONS), true);
      assertEquals(await client.call("Floats.Move", WHOLE), true);
      assertEquals(await client.call("Floats.Move", { X: 7 }), true);
      assertEquals(await client.call("Floats.Move", { ByName: new Map([["c", 1]]), X: 1 }), true);
      // A reply as well: a Go client's connection would end over the int.
      const reply = { schema: { reply: point } };
      await assertFails(client.call("Points.Get", 2, reply), refused);
      assertEquals(await client.call("Points.Get", 1, reply), FRACTIONS);
      assertEquals(await client.call("Points.Get", 2, reply), WHOLE);
      await client.close();
    });
  }
});

Deno.test("a fraction where the server has an int spoils no later call", async () => {
  for (const protocol of GOB_PROTOCOLS) {
    await withServer(protocol, async (network, server) => {
      const schema = gob.service({
        Top: { args: gob.int, reply: gob.bool },
        Field: { args: gob.struct({ N: gob.int }), reply: gob.bool },
      });
      server.register("Ints", { Top: () => true, Field: () => true }, { schema });
      const client = await dial("memory@a", { network, protocol });
      const refused = { message: "float received where the schema says int" };
      await assertFails(client.call("Ints.Top", 1.5), refused);
      assertEquals(await client.call("Ints.Top", 1), true);
      await assertFails(client.call("Ints.Field", { N: 1.5 }), refused);
      assertEquals(await client.call("Ints.Field", { N: 1 }), true);
      await client.close();
    });
  }
});

Deno.test("Go's words for a float where it has none are known, and those for an int are not", () => {
  const encoder = new GobEncoder();
  const [fraction, whole] = [encoder.inferred({ A: 0.5 }), encoder.inferred({ A: 2 })];
  for (
    const [text, isForgotten] of [
      ["gob: wrong type (int) for received field Args.A", true],
      ["gob: wrong type ([]int) for received field Args.A", true],
      ["gob: decoding into local type *int, received remote type float", true],
      [
        "rpc server: the arguments can't be decoded: $: float received where the schema says int",
        true,
      ],
      ["gob: wrong type (float64) for received field Args.A", false],
      ["gob: wrong type ([]float64) for received field Args.A", false],
      ["gob: decoding into local type *float64, received remote type int", false],
      ["divide by zero", false],
    ] as const
  ) {
    const learnt = new LearntFloats(encoder);
    learnt.typeOf("S.M", fraction);
    const asFloat = learnt.typeOf("S.M", whole);
    assertStrictEquals(asFloat, fraction);
    learnt.refused("S.Other", text);
    assertStrictEquals(learnt.typeOf("S.M", whole), fraction);
    learnt.refused("S.M", text);
    assertStrictEquals(learnt.typeOf("S.M", whole), isForgotten ? whole : fraction, text);
  }
});

Deno.test("a bigint where there was a fraction is sent as it is", async () => {
  await withServer("netrpc/gob", async (network) => {
    const client = await dial("memory@a", { network, protocol: "netrpc/gob" });
    for (const value of [{ A: 0.5 }, { A: 10n ** 18n }, { A: 2 }, 0.5, 2n ** 60n]) {
      assertEquals(await client.call("Plain.Echo", value), value);
    }
    await client.close();
  });
});

Deno.test("what is learnt is another method's for no one, and has limits", () => {
  const encoder = new GobEncoder();
  const learnt = new LearntFloats(encoder);
  const wide = (value: number, from = 0) =>
    encoder.inferred(
      Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`F${from + n}`, value])),
    );
  learnt.typeOf("S.Wide", wide(0.5));
  assertStrictEquals(learnt.typeOf("S.Wide", wide(1)), wide(0.5));
  assertStrictEquals(learnt.typeOf("S.Other", wide(1)), wide(1));
  learnt.typeOf("S.Wide", wide(0.5, 900)); // of these it keeps the first hundred
  const mixed = learnt.typeOf("S.Wide", wide(1, 900));
  assert(mixed !== wide(1, 900) && mixed !== wide(0.5, 900));
  for (let n = 0; n < 1000; n++) learnt.typeOf(`S.M${n}`, gob.float);
  assertStrictEquals(learnt.typeOf("S.M0", gob.int), gob.float);
  assertStrictEquals(learnt.typeOf("S.M999", gob.int), gob.int);
});
