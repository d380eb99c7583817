/** A server of `netrpc/json` repeats the id of a request as it was written. */

import { assertEquals } from "@std/assert";
import { limitsOf } from "../../../protocol/codec.ts";
import { memberText } from "../../../protocol/jsonrpc/member_text.ts";
import { JsonRpcServerCodec } from "../../../protocol/jsonrpc/server.ts";
import { Server } from "../../../server.ts";
import { MemoryNetwork } from "../../../testing.ts";
import { rawClient } from "../../support/helpers.ts";

const IDS = [
  "0",
  "7",
  "999999999999999",
  "1700000000123456789",
  "18446744073709551615",
  "-1700000000123456789",
  "1e400",
  "1.50",
  "1.0",
  "-0",
  "1E+2",
  '"seven"',
  '"\\u0041\\n\\"}"',
  "null",
  "true",
  "[1700000000123456789, 1e400]",
  '{"id":1,"method":"x","n":1700000000123456789,"s":"}"}',
];

Deno.test("an id comes back as it was written, in any form of the request", async () => {
  const network = new MemoryNetwork();
  const server = new Server();
  server.register("S", {
    Echo: (args: unknown) => args,
    Later: (args: unknown) => Promise.resolve(args),
    Fail: () => {
      throw new Error("no");
    },
  });
  await server.listen("memory@a", { network, protocol: "netrpc/json" });
  for (const id of IDS) {
    for (
      const [request, answer] of [
        [`{"method":"S.Echo","params":[1],"id":${id}}\n`, ',"result":1,"error":null}\n'],
        [
          `{"id" : ${id} , "params":[{"id":5}],"method":"S.Later"}`,
          ',"result":{"id":5},"error":null}\n',
        ],
        [`{"id":1,"method":"S.Fail","\\u0069d":${id}}\n`, ',"result":null,"error":"no"}\n'],
        [
          `{"method":"S.None","params":[],"id":${id}}\n`,
          `,"result":null,"error":"rpc: can't find method S.None"}\n`,
        ],
        [
          `{"method":"S.Echo","params":[1,2],"id":${id}}\n`,
          ',"result":null,"error":"rpc server: the params are not an array of one argument"}\n',
        ],
      ]
    ) {
      const peer = await rawClient(network, "memory@a");
      await peer.write(request);
      await peer.until(({ text }) => text.endsWith("\n"));
      assertEquals(peer.text, `{"id":${id}${answer}`, request);
      peer.close();
    }
  }
  await server.close();
});

Deno.test("an id over many lines comes back on one", () => {
  const codec = new JsonRpcServerCodec(limitsOf());
  const answer = (request: string) => {
    codec.receive(new TextEncoder().encode(request), {
      call: (seq, name) => codec.reply(seq, name, 1),
      refuse() {},
      cancel() {},
      answered() {},
    });
    return new TextDecoder().decode(codec.take());
  };
  assertEquals(
    answer('{"id":[1700000000123456789,\r\n "a"],"method":"S.M"}'),
    '{"id":[1700000000123456789,  "a"],"result":1,"error":null}\n',
  );
  assertEquals(answer('{"method":"S.M"}'), '{"id":null,"result":1,"error":null}\n');
});

Deno.test("the id of a request over the limit comes back as well", () => {
  for (const id of ["1700000000123456789", '"seven"', "1e400", "-5", "null"]) {
    const long = "x".repeat(300);
    for (
      const request of [
        `{"method":"S.M","params":["${long}"],"id":${id}}\n`,
        `{"id": ${id} ,"method":"S.M","params":["${long}"]}`,
      ]
    ) {
      const codec = new JsonRpcServerCodec({ maxMessageBytes: 200, maxDepth: 5 });
      codec.receive(new TextEncoder().encode(request), {
        call() {},
        refuse: (seq, name, code, message) =>
          codec.fail(seq, name, { code, message, rejected: true }),
        cancel() {},
        answered() {},
      });
      const answer = new TextDecoder().decode(codec.take());
      assertEquals(answer.slice(0, answer.indexOf(',"result"')), `{"id":${id}`, request);
    }
  }
});

Deno.test("memberText finds a member of the object itself", () => {
  for (
    const [text, found] of [
      ['{"id":1}', "1"],
      ['{ "a" : {"id":2} , "id" :\n3 }', "3"],
      ['{"a":"\\"id\\":4","id":[1,{"id":5}]}', '[1,{"id":5}]'],
      ['{"id":1,"id":2}', "2"],
      ['{"a":["}",{"b":"]"}],"i\\u0064":"x,}"}', '"x,}"'],
      ['{"ID":1}', undefined],
      ["{}", undefined],
      ['{"a":{"id":1}}', undefined],
    ] as const
  ) assertEquals(memberText(text, "id"), found, text);
});
