/** Dialling and calling: replies, errors, and their types. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import { type Client, dial } from "../../client.ts";
import { RpcError } from "../../errors.ts";
import { gob } from "../../gob.ts";
import type { CallContext } from "../../server.ts";
import type { CallOptions } from "../../internal/service.ts";
import { seededRandom } from "../../testing.ts";
import {
  assertFails,
  assertFailure,
  between,
  failure,
  inWorld,
  settled,
} from "../support/helpers.ts";

Deno.test("dial refuses a wrong address and an unknown protocol, naming what there is", async () => {
  await assertFails(dial("10.0.0.1:9001"), {
    code: "invalid_argument",
    execution: "not_sent",
    address: "10.0.0.1:9001",
    message: "tcp@10.0.0.1:9001",
  });
  await assertFails(dial("tcp@127.0.0.1:1?protocol=soap"), {
    code: "invalid_argument",
    execution: "not_sent",
    message: 'unknown protocol "soap"; expected geerpc/json',
  });
  await assertFails(dial("memory@a"), { code: "invalid_argument", address: "memory@a" });
});

Deno.test("many calls in flight are answered in any order", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const random = seededRandom(1);
    const calls = Array.from({ length: 200 }, (_, n) => client.call("Gate.Wait", n));
    await gate.untilBegun(200);
    assertEquals(client.inFlight, 200);
    const waiting = [...gate.begun];
    while (waiting.length > 0) {
      const [one] = waiting.splice(between(random, 0, waiting.length - 1), 1);
      one.end.resolve(`reply ${one.args}`);
      if (random() < 0.3) await settled();
    }
    assertEquals(await Promise.all(calls), calls.map((_, n) => `reply ${n}`));
    assertEquals(client.inFlight, 0);
    await client.close();
  }));

Deno.test("connectTimeoutMs: nothing stays behind a dial that is given up", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    world.network.setFaults(address, { delayMs: 100 });
    const outcome = failure(world.dial(address, { connectTimeoutMs: 50 }));
    await world.clock.advance(50);
    const error = await outcome;
    assertFailure(error, { code: "unavailable", execution: "not_sent", address });
    assertEquals((error.cause as Error).name, "TimeoutError");
    await world.clock.advance(1000);
    assertEquals(server.connections, 0);
  }));

interface Arith {
  Sum(args: { A: number; B: number }, ctx?: CallContext): number;
  Later(args: number): Promise<string>;
  readonly name: string;
}

Deno.test("a typed view of a service", () =>
  inWorld(async (world) => {
    const Arith: Arith = {
      Sum: ({ A, B }) => A + B,
      Later: (n) => Promise.resolve(`later ${n}`),
      name: "arith",
    };
    const { address } = await world.serve("a", {}, { Arith });
    const client: Client = await world.dial(address);
    const arith = client.service<Arith>("Arith");
    const sum: number = await arith.Sum({ A: 1, B: 2 });
    const later: string = await arith.Later(3, { timeoutMs: 1000, meta: { a: "b" } });
    assertEquals([sum, later], [3, "later 3"]);
    assertStrictEquals(await Promise.resolve(arith), arith); // a view is no promise
    assertStrictEquals(arith.Sum, arith.Sum);
    await client.close();
  }));

Deno.test("a reply has the type that was asked for, or the schema's, else none", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const named = await client.call<number>("Gate.Echo", 1);
    named satisfies number;
    const schema = { args: gob.int, reply: gob.string };
    const typed = await client.call("Gate.Echo", "text", { schema, timeoutMs: 100 });
    typed satisfies string;
    const options: CallOptions = {};
    const none = await client.call("Gate.Echo", "text", options);
    // @ts-expect-error: nobody gave the reply a type
    none satisfies string;
    // @ts-expect-error: nor does the variable that it is assigned to
    const wanted: string = await client.call("Gate.Echo", "text");
    assertEquals([named, typed, none, wanted], [1, "text", "text", "text"]);
    await client.close();
  }));

Deno.test("the caller's objects are never changed", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const options = Object.freeze({ network: world.network, clock: world.clock });
    const client = await dial(address, options);
    const args = Object.freeze({ a: Object.freeze([1]) });
    const callOptions = Object.freeze({ timeoutMs: 1000, meta: Object.freeze({ a: "b" }) });
    assertEquals(await client.call("Gate.Echo", args, callOptions), { a: [1] });
    await client.close(Object.freeze({ graceMs: 10 }));
  }));

Deno.test("a server's error: its text is the message, unchanged", () =>
  inWorld(async (world) => {
    const Bad = {
      Coded: () => {
        throw new RpcError("not_found", "no such user", { address: "tcp@elsewhere:1" });
      },
    };
    const { address } = await world.serve("a", {}, { Bad });
    const client = await world.dial(address);
    const plain = await assertFails(client.call("Gate.Fail", "x"), {
      code: "unknown",
      execution: "answered",
      address,
      serviceMethod: "Gate.Fail",
    });
    assertEquals(plain.message, "failed: x");
    const coded = await assertFails(client.call("Bad.Coded"), {
      code: "not_found",
      execution: "answered",
      address,
      serviceMethod: "Bad.Coded",
    });
    assertEquals(coded.message, "no such user");
    await client.close();
  }));

Deno.test("any delay and any chunks give the same replies", async () => {
  for (const chunkBytes of [1, 7, 1000]) {
    await inWorld(async (world) => {
      const { address } = await world.serve("a");
      const dialling = world.dial(address);
      await world.clock.advance(5);
      const client = await dialling;
      const calls = [1, 2, 3].map((n) => client.call("Gate.Echo", { n, text: "é".repeat(n) }));
      const failed = failure(client.call("Gate.Fail", 4));
      await world.clock.advance(10);
      assertEquals(await Promise.all(calls), [1, 2, 3].map((n) => ({ n, text: "é".repeat(n) })));
      assertFailure(await failed, { message: "failed: 4" });
      const closing = client.close();
      await world.clock.advance(10);
      await closing;
    }, { delayMs: 5, chunkBytes });
  }
});
