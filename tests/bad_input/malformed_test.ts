/** Messages that are broken, incomplete, or for which no call waits. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  assertFails,
  assertFailure,
  failure,
  inWorld,
  option,
  rawClient,
  request,
  settled,
} from "../support/helpers.ts";
import {
  assertBothLost,
  BROKEN_STREAM,
  facing,
  type Scene,
  twoCalls,
} from "../support/raw_scene.ts";

/** A call on the same connection still works. */
async function assertWorks({ client, peer }: Scene, seq: number) {
  const before = peer.lines.length;
  const call = client.call("S.More", null);
  await peer.untilLines(before + 2);
  await peer.reply(seq, "more");
  assertEquals(await call, "more");
}

Deno.test("malformed JSON: a reply's body fails its own call only", () =>
  facing(async (all) => {
    const { first, second } = await twoCalls(all);
    await all.peer.write('{"ServiceMethod":"S.First","Seq":1,"Error":""}\n{"A":\n');
    await assertFails(first, {
      code: "data_loss",
      execution: "answered",
      address: "memory@raw",
      serviceMethod: "S.First",
      message: 'S.First at memory@raw: the reply can\'t be decoded: malformed JSON: "{\\"A\\":"',
    });
    await all.peer.reply(2, "fine");
    assertEquals(await second, "fine");
    await assertWorks(all, 3);
  }));

Deno.test("malformed JSON: a reply's header ends the connection", () =>
  facing(async (all) => {
    const calls = await twoCalls(all);
    await all.peer.write('{"ServiceMethod":\n');
    await assertBothLost(calls, all.client, { ...BROKEN_STREAM, message: "expected a header" });
    await all.peer.ended;
  }));

for (
  const header of [
    "[]]",
    "7",
    "null",
    '"text"',
    '{"ServiceMethod":7,"Seq":1,"Error":""}',
    '{"ServiceMethod":"S.M","Seq":-1,"Error":""}',
    '{"ServiceMethod":"S.M","Seq":1.5,"Error":""}',
    '{"ServiceMethod":"S.M","Seq":9007199254740993,"Error":""}',
    '{"ServiceMethod":"S.M","Seq":"1","Error":""}',
    '{"ServiceMethod":"S"M","Seq":1,"Error":""}',
    '{"ServiceMethod":"S.M","Seq":1,"Error":{"text":1}}',
  ]
) {
  Deno.test(`malformed JSON: a header ${header} ends the connection, as data_loss`, () =>
    facing(async (all) => {
      const calls = await twoCalls(all);
      await all.peer.write(`${header}\nnull\n`);
      await assertBothLost(calls, all.client, BROKEN_STREAM);
    }));
}

Deno.test("malformed JSON: a request's body fails its own call only, and does not run", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(
      option() + '{"ServiceMethod":"Gate.Wait","Seq":1}\n{]\n' + request(2, "Gate.Echo", "fine"),
    );
    const [head, body, ...others] = await peer.untilLines(4);
    const { Error: text, ...rest } = JSON.parse(head);
    assertEquals(rest, {
      ServiceMethod: "Gate.Wait",
      Seq: 1,
      Code: "data_loss",
      Rejected: true,
    });
    assert(text.startsWith("rpc server: the arguments can't be decoded: malformed JSON"), text);
    assertEquals(body, "{}");
    assertEquals(others, ['{"ServiceMethod":"Gate.Echo","Seq":2,"Error":""}', '"fine"']);
    assertEquals(gate.begun.length, 0);
    peer.close();
  }));

for (const header of ['{"ServiceMethod":"Gate.\\q","Seq":1}', '{"ServiceMethod":"a\\","Seq":1}']) {
  Deno.test(`malformed JSON: a request's header ${header} is data_loss`, () =>
    inWorld(async (world) => {
      const { address } = await world.serve("a");
      const peer = await rawClient(world.network, address);
      await peer.write(`${option()}${header}\nnull\n`);
      await peer.ended;
      const { Seq, Code } = JSON.parse(peer.lines[0]);
      assertEquals([Seq, Code], [0, "data_loss"]);
    }));
}

Deno.test("malformed JSON: a request's header ends that connection, with a reason, and no other", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const client = await world.dial(address);
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", null));
    await gate.untilBegun(1);
    await peer.write("nonsense\nnull\n" + request(2, "Gate.Wait", null));
    await peer.ended;
    peer.close();
    const { Seq, Code, Error: text } = JSON.parse(peer.lines[0]);
    assertEquals([Seq, Code], [0, "data_loss"]);
    assert(text.includes('got "nonsense"'), text);
    await gate.untilAborted(1); // the call that ran there
    assertEquals(gate.begun.length, 1);
    assertEquals(await client.call("Gate.Echo", "fine"), "fine");
    await client.close();
    await settled();
    assertEquals(server.connections, 0);
  }));

Deno.test("a body that never comes: the call has its deadline, the server's end runs nothing", () =>
  facing(async (all) => {
    const { world, peer, client } = all;
    const late = client.call("S.First", 1, { timeoutMs: 500 });
    await peer.untilLines(2);
    await peer.write('{"ServiceMethod":"S.First","Seq":1,"Error":""}\n');
    const outcome = failure(late);
    await world.clock.advance(499);
    assertEquals(client.inFlight, 1);
    await world.clock.advance(1);
    assertFailure(await outcome, {
      code: "TimeoutError",
      execution: "unknown",
      address: "memory@raw",
      serviceMethod: "S.First",
    });
    await peer.write('"late"\n'); // its call has ended
    await assertWorks(all, 2);

    const { address, gate } = await world.serve("a");
    const half = await rawClient(world.network, address);
    await half.write(option() + '{"ServiceMethod":"Gate.Wait","Seq":1}\n');
    const good = await world.dial(address);
    assertEquals(await good.call("Gate.Echo", 1), 1);
    assertEquals(gate.begun.length, 0);
    half.close();
    await good.close();
  }));

Deno.test("a body that never comes: an abort and a close still end the call", () =>
  facing(async ({ peer, client }) => {
    const controller = new AbortController();
    const aborted = client.call("S.First", 1, { signal: controller.signal });
    await peer.untilLines(2);
    await peer.write('{"ServiceMethod":"S.First","Seq":1,"Error":""}\n');
    await settled();
    const reason = new Error("enough");
    controller.abort(reason);
    assertStrictEquals(await failure(aborted), reason);
    await peer.write("1\n");

    const closed = client.call("S.Second", 2);
    await peer.untilLines(4);
    await peer.write('{"ServiceMethod":"S.Second","Seq":2,"Error":""}\n');
    await settled();
    const outcome = failure(closed);
    await client.close();
    assertFailure(await outcome, {
      code: "canceled",
      execution: "unknown",
      address: "memory@raw",
      serviceMethod: "S.Second",
    });
  }));

Deno.test("an unknown Seq: its reply is dropped", () =>
  facing(async (all) => {
    const { first, second } = await twoCalls(all);
    await all.peer.reply(99, "whose?");
    await all.peer.reply(98, {}, { Error: "whose?" });
    await all.peer.reply(0, "nobody's");
    await all.peer.reply(2, "second");
    await all.peer.reply(1, "first");
    assertEquals([await first, await second], ["first", "second"]);
    await assertWorks(all, 3);
  }));

Deno.test("a duplicate reply: the first counts", () =>
  facing(async (all) => {
    const { first, second } = await twoCalls(all);
    await all.peer.reply(1, "one");
    await all.peer.reply(1, "two");
    await all.peer.reply(1, {}, { Error: "three" });
    await all.peer.reply(2, "second");
    assertEquals([await first, await second], ["one", "second"]);
    await assertWorks(all, 3);
  }));
