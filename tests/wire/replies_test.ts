/** The bytes that a server answers with, as the client sees them. */

import { assert, assertEquals } from "@std/assert";
import { RpcError } from "../../errors.ts";
import {
  assertFailure,
  failure,
  inWorld,
  option,
  rawClient,
  request,
  settled,
} from "../support/helpers.ts";
import { facing } from "../support/raw_scene.ts";
import { assertAnswers } from "../support/wire.ts";

Deno.test("a reply", () =>
  assertAnswers(
    option() + request(7, "Gate.Echo", { A: "é" }),
    2,
    ['{"ServiceMethod":"Gate.Echo","Seq":7,"Error":""}', '{"A":"é"}'],
  ));

Deno.test("a reply of nothing is null", () =>
  assertAnswers(option() + request(1, "Void.Do", 1), 2, [
    '{"ServiceMethod":"Void.Do","Seq":1,"Error":""}',
    "null",
  ], { Void: { Do: () => {} } }));

Deno.test("a handler's error: its text, an empty struct, and a code only if it has one", () =>
  assertAnswers(
    option() + request(1, "Bad.Plain", null) + request(2, "Bad.Coded", null),
    4,
    [
      '{"ServiceMethod":"Bad.Plain","Seq":1,"Error":"plain \\"words\\""}',
      "{}",
      '{"ServiceMethod":"Bad.Coded","Seq":2,"Error":"no such user","Code":"not_found"}',
      "{}",
    ],
    {
      Bad: {
        Plain: () => {
          throw new Error('plain "words"');
        },
        Coded: () => {
          throw new RpcError("not_found", "no such user");
        },
      },
    },
  ));

for (
  const [method, text] of [
    ["Nobody.Do", "can't find service Nobody"],
    ["Gate.Nothing", "can't find method Nothing"],
    ["Gate.toString", "can't find method toString"],
    ["Gate.__proto__", "can't find method __proto__"],
    ["Gate.constructor", "can't find method constructor"],
    ["Gate", "service/method request ill-formed: Gate"],
    ["", "service/method request ill-formed: "],
  ]
) {
  Deno.test(`an unknown method ${JSON.stringify(method)} is rejected, and its body consumed`, () =>
    assertAnswers(option() + request(1, method, { a: 1 }) + request(2, "Gate.Echo", 2), 4, [
      `{"ServiceMethod":"${method}","Seq":1,"Error":"rpc server: ${text}",` +
      '"Code":"unimplemented","Rejected":true}',
      "{}",
      '{"ServiceMethod":"Gate.Echo","Seq":2,"Error":""}',
      "2",
    ]));
}

Deno.test("fields in any order, and unknown fields", async () => {
  await assertAnswers(
    option() + '{"Seq":1,"ServiceMethod":"Gate.Echo"}\n1\n' +
      '{"ServiceMethod":"Gate.Echo","Error":"","Seq":2}\n2\n' +
      '{"ServiceMethod":"Gate.Echo","Later":"x","Seq":3}\n3\n' +
      '{ "ServiceMethod" : "Gate.Echo" , "Seq" : 4 }\n4\n' +
      '{"ServiceMethod":"Gate.\\u0045cho","Seq":5}\r\n 5 \r\n',
    10,
    [1, 2, 3, 4, 5].flatMap((n) => [
      `{"ServiceMethod":"Gate.Echo","Seq":${n},"Error":""}`,
      `${n}`,
    ]),
  );
  await facing(async ({ client, peer }) => {
    const calls = [1, 2, 3].map((n) => client.call("S.M", n));
    const failed = failure(calls[1]);
    await peer.untilLines(6);
    await peer.write('{"Error":"","Seq":1,"ServiceMethod":"S.M","Later":[{}]}\n"one"\n');
    await peer.write('{"ServiceMethod":"S.M","Error":"boom","Seq":2}\n{}\n');
    await peer.write('\n \r\n{"ServiceMethod":"S.M","Seq":3}\n"three"\n');
    assertEquals(await calls[0], "one");
    assertFailure(await failed, { execution: "answered", message: "boom" });
    assertEquals(await calls[2], "three");
  });
});

Deno.test("a cancel: the handler's signal aborts, no reply is sent, others go on", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", 1) + request(2, "Gate.Wait", 2));
    await gate.untilBegun(2);
    await peer.write('{"ServiceMethod":"","Seq":1,"Cancel":true}\nnull\n');
    await peer.write('{"ServiceMethod":"","Seq":99,"Cancel":true}\nnull\n');
    await gate.untilAborted(1);
    assert(gate.begun[0].ctx.signal.aborted && !gate.begun[1].ctx.signal.aborted);
    assertFailure(gate.aborted[0], { code: "canceled" });
    gate.begun[0].end.resolve("nobody waits");
    gate.begun[1].end.resolve("two");
    assertEquals(await peer.untilLines(2), [
      '{"ServiceMethod":"Gate.Wait","Seq":2,"Error":""}',
      '"two"',
    ]);
    await settled();
    assertEquals(peer.lines.length, 2);
    peer.close();
  }));

Deno.test("a cancel of a call that has been answered changes nothing", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Echo", 1));
    await peer.untilLines(2);
    await peer.write(
      '{"ServiceMethod":"","Seq":1,"Cancel":true}\nnull\n' + request(1, "Gate.Echo", "again"),
    );
    assertEquals((await peer.untilLines(4))[3], '"again"');
    peer.close();
  }));

Deno.test("a ping is answered by itself", () =>
  assertAnswers(option() + '{"ServiceMethod":"","Seq":5,"Ping":true}\nnull\n', 2, [
    '{"ServiceMethod":"","Seq":5,"Ping":true}',
    "null",
  ]));

Deno.test("a ping is answered among calls", () =>
  assertAnswers(
    option() + request(1, "Gate.Echo", 1) + '{"ServiceMethod":"","Seq":2,"Ping":true}\nnull\n' +
      request(3, "Gate.Echo", 3),
    6,
    [
      '{"ServiceMethod":"Gate.Echo","Seq":1,"Error":""}',
      "1",
      '{"ServiceMethod":"","Seq":2,"Ping":true}',
      "null",
      '{"ServiceMethod":"Gate.Echo","Seq":3,"Error":""}',
      "3",
    ],
  ));
