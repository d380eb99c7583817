import { assert, assertEquals } from "@std/assert";
import {
  type Limits,
  limitsOf,
  type PendingReply,
  type RequestSink,
} from "../../../protocol/codec.ts";
import { JsonRpcClientCodec } from "../../../protocol/jsonrpc/client.ts";
import { JsonRpcServerCodec } from "../../../protocol/jsonrpc/server.ts";
import { RpcError } from "../../../errors.ts";
import { Server } from "../../../server.ts";
import { MemoryNetwork } from "../../../testing.ts";
import { assertFails, rawClient, RawServer } from "../../support/helpers.ts";
import { dial } from "../../../client.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const PROTOCOL = "netrpc/json";
const SMALL: Limits = { maxMessageBytes: 200, maxDepth: 5 };

type Event = [kind: string, ...rest: unknown[]];

/** Feeds a client's codec and records what it delivers. */
function replies(
  text: string,
  limits = limitsOf(),
  waiting = [1, 2, 3],
  serviceMethod = "S.M",
): Event[] {
  const events: Event[] = [];
  const codec = new JsonRpcClientCodec(limits);
  const pending = new Set(waiting);
  const take = (seq: number): PendingReply | undefined =>
    pending.delete(seq)
      ? {
        serviceMethod,
        resolve: (value) => events.push(["resolve", seq, value]),
        fail: (code, message, execution) => events.push(["fail", seq, code, execution, message]),
        failDecode: (code) => events.push(["failDecode", seq, code]),
      }
      : undefined;
  try {
    codec.receive(encoder.encode(text), {
      take,
      drain: () => events.push(["drain"]),
      ended: () => events.push(["ended"]),
    });
    codec.end();
  } catch (error) {
    assert(error instanceof RpcError, String(error));
    events.push(["broken", error.code, error.message]);
  }
  return events;
}

Deno.test("the client reads replies in every form", () => {
  const line = '{"id":1,"result":{"A":3},"error":null}';
  for (
    const text of [
      line + "\n",
      line,
      line + "\r\n",
      ` ${line}`,
      '{"error":null,"result":{"A":3},"id":1}',
      '{\n "id": 1,\n "result": {\n "A": 3\n },\n "error": null\n}\n',
      '{"id":1,"result":{"A":3}}\n',
    ]
  ) assertEquals(replies(text), [["resolve", 1, { A: 3 }]], text);

  // Two replies on a line look like one from both ends.
  assertEquals(replies(line + '{"id":2,"result":7,"error":null}\n'), [
    ["resolve", 1, { A: 3 }],
    ["resolve", 2, 7],
  ]);
  // A line that ends like a reply but is not one.
  assertEquals(replies('{"id":1,"result":{"A":3,"error":null}\n,"error":null}\n'), [
    ["resolve", 1, { A: 3, error: null }],
  ]);
  assertEquals(replies('{"id":9,"result":1,"error":null}\n' + line), [["resolve", 1, { A: 3 }]]);
  assertEquals(replies('{"id":1,"result":null,"error":null}\n'), [["resolve", 1, null]]);
});

Deno.test("the client knows errors by Go's texts", () => {
  const error = (words: string) => `{"id":1,"result":null,"error":${words}}\n`;
  const rejected = ["unimplemented", "rejected"];
  for (
    const [called, words, ...verdict] of [
      ["Arith.Sum", "divide by zero", "unknown", "answered"],
      ["None.Sum", "rpc: can't find service None.Sum", ...rejected],
      ["Arith.None", "rpc: can't find method Arith.None", ...rejected],
      ["Sum", "rpc: service/method request ill-formed: Sum", ...rejected],
      // The error of another server, which the handler passes on.
      ["Arith.Sum", "rpc: can't find service None.Sum", "unknown", "answered"],
      ["Arith.Sum", "rpc: can't find method Arith.Sum: really", "unknown", "answered"],
    ]
  ) {
    const seen = replies(error(JSON.stringify(words)), limitsOf(), [1], called);
    assertEquals(seen, [["fail", 1, ...verdict, words]]);
  }
  const draining = "rpc server: the server is draining and takes no new calls";
  assertEquals(replies(error(JSON.stringify(draining))), [
    ["drain"],
    ["fail", 1, "unavailable", "rejected", draining],
  ]);
  assertEquals(replies(error('{"code":-3}')), [["fail", 1, "unknown", "answered", '{"code":-3}']]);
  assertEquals(replies(error('""'))[0].at(-1), "unspecified error");
});

Deno.test("the client fails what is lost, and no more", () => {
  const good = '{"id":2,"result":7,"error":null}\n';
  const resolved: Event = ["resolve", 2, 7];
  // One reply is lost.
  for (
    const text of [
      '{"id":1,"result":[[[[[[]]]]]],"error":null}\n',
      '{"id":1, "result":[[[[[[]]]]]],"error":null}\n',
      '{"id":1,"result":{"__proto__":1},"error":null}\n',
      '{"id":1,"result":{"\\u005f_proto__":1},"error":null}',
    ]
  ) assertEquals(replies(text + good, SMALL), [["failDecode", 1, "data_loss"], resolved]);
  const long = "x".repeat(300);
  for (
    const text of [
      `{"id":1,"result":"${long}","error":null}\n`,
      `{"result":"${long}","error":null, "id" : 1 }\n`,
    ]
  ) assertEquals(replies(text + good, SMALL), [["failDecode", 1, "resource_exhausted"], resolved]);

  // The connection is lost.
  for (
    const [text, code] of [
      ["HTTP/1.1 400 Bad Request\r\n\r\n", "data_loss"],
      ["[1]", "data_loss"],
      ['{"id":1,"result":nonsense,"error":null}\n', "data_loss"],
      ['{"id":1]', "data_loss"],
      ['{"result":1,"error":null}\n', "data_loss"],
      ['{"id":"1","result":1,"error":null}\n', "data_loss"],
      ['{"id":1,"result":7', "data_loss"],
      ['{"id":null,"result":null,"error":"go away"}', "unavailable"],
      [`{"result":"${"x".repeat(300)}","ID":1}\n`, "resource_exhausted"],
    ]
  ) {
    const events = replies(good + text, SMALL);
    assertEquals(events.slice(0, -1), [resolved], text);
    assertEquals(events.at(-1)!.slice(0, 2), ["broken", code], text);
  }
});

/** Feeds a server's codec. Returns what it delivers, and its answers. */
function requests(text: string, limits = limitsOf()): [Event[], string] {
  const events: Event[] = [];
  const codec = new JsonRpcServerCodec(limits);
  const sink: RequestSink = {
    call(seq, serviceMethod, args) {
      events.push(["call", serviceMethod, args]);
      codec.reply(seq, serviceMethod, args);
    },
    refuse(seq, serviceMethod, code, message) {
      events.push(["refuse", serviceMethod, code]);
      codec.fail(seq, serviceMethod, { code, message, rejected: true });
    },
    cancel() {},
    answered() {},
  };
  try {
    codec.receive(encoder.encode(text), sink);
  } catch (error) {
    assert(error instanceof RpcError, String(error));
    events.push(["broken", error.code]);
  }
  return [events, decoder.decode(codec.take())];
}

Deno.test("the server reads requests in every form, and answers with their ids", () => {
  const call: Event = ["call", "S.M", { A: 1 }];
  for (
    const [id, text] of [
      ["0", '{"method":"S.M","params":[{"A":1}],"id":0}\n'],
      ["7", '{"method":"S.M","params":[{"A":1}],"id":7}'],
      ["7", '{"id":7,"params":[{"A":1}],"method":"S.M"}\n'],
      ["7", '{ "method" : "S.M",\n"params" : [{"A":1}], "id" : 7 }'],
      ["7", '{"method":"S.M","params":[{"A":1}],"jsonrpc":"2.0","id":7}\n'],
      ['"seven"', '{"method":"S.M","params":[{"A":1}],"id":"seven"}\n'],
      ["-7", '{"method":"S.M","params":[{"A":1}],"id":-7}\n'],
      ["null", '{"method":"S.M","params":[{"A":1}],"id":null}\n'],
      ["null", '{"method":"S.M","params":[{"A":1}]}\n'],
      ["7", '{"method":"S\\u002eM","params":[{"A":1}],"id":7}\n'],
    ]
  ) {
    const reply = `{"id":${id},"result":{"A":1},"error":null}\n`;
    assertEquals(requests(text), [[call], reply], text);
  }
  const two =
    '{"method":"S.M","params":[{"A":1}],"id":7}{"method":"S.M","params":[{"A":1}],"id":8}\n';
  assertEquals(requests(two)[0], [call, call]);
  for (const params of ["", ',"params":[]', ',"params":null']) {
    assertEquals(requests(`{"method":"S.M"${params},"id":7}\n`)[0], [["call", "S.M", undefined]]);
  }
});

Deno.test("the server never answers null, which Go's client can't read", () => {
  const [, answer] = requests('{"method":"S.M","params":[null],"id":7}\n');
  assertEquals(answer, '{"id":7,"result":{},"error":null,"void":true}\n');
});

Deno.test("the server refuses what is lost, and no more", () => {
  const good = '{"method":"S.M","params":[1],"id":8}\n';
  const called: Event = ["call", "S.M", 1];
  for (
    const [text, code] of [
      ['{"method":"S.M","params":[[[[[[[]]]]]]],"id":7}\n', "invalid_argument"],
      ['{"method":"S.M","params":[[[[[[[]]]]]]], "id":7}\n', "invalid_argument"],
      ['{"method":"S.M","params":[{"__proto__":1}],"id":7}\n', "invalid_argument"],
      ['{"method":"S.M","params":[1,2],"id":7}\n', "invalid_argument"],
      ['{"method":"S.M","params":{"A":1},"id":7}\n', "invalid_argument"],
      [`{"method":"S.M","params":["${"x".repeat(300)}"],"id":7}\n`, "resource_exhausted"],
      [`{"id":7,"method":"S.M","params":["${"x".repeat(300)}"]}\n`, "resource_exhausted"],
    ]
  ) {
    const [events, answers] = requests(text + good, SMALL);
    assertEquals(events, [["refuse", "S.M", code], called], text);
    const [first, second] = answers.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals([first.id, first.result, typeof first.error], [7, null, "string"]);
    assertEquals(second, { id: 8, result: 1, error: null });
  }
  assertEquals(requests('{"params":[1],"id":7}\n')[0], [["refuse", "", "invalid_argument"]]);
  for (const text of ["hello\n", '{"method":nonsense}\n', '{"method":"S.M"]\n', "[]\n"]) {
    assertEquals(requests(good + text), [[called, ["broken", "data_loss"]], requests(good)[1]]);
  }
  const long = `{"method":"S.M","params":["${"x".repeat(300)}"]}\n`;
  assertEquals(requests(long, SMALL)[0], [["broken", "resource_exhausted"]]);
});

Deno.test("netrpc/json between our client and our server, in chunks of every size", async () => {
  for (const chunkBytes of [1, 3, 64, 100_000]) {
    const network = new MemoryNetwork({ chunkBytes });
    const server = new Server();
    server.register("Echo", { It: (args: unknown) => args, Fail: () => Promise.reject("no ☃") });
    await server.listen("memory@a", { network, protocol: PROTOCOL });
    const client = await dial("memory@a", { network, protocol: PROTOCOL });
    const values = [1, '☃ }{]["\\', [1, [2, {}]], { A: { B: "\n" } }, true, -1.5];
    assertEquals(await Promise.all(values.map((value) => client.call("Echo.It", value))), values);
    await assertFails(client.call("Echo.Fail"), { code: "unknown", message: /^no ☃$/ });
    await assertFails(client.call("Echo.None"), {
      code: "unimplemented",
      execution: "rejected",
      message: /^rpc: can't find method Echo\.None$/,
    });
    await client.close();
    await server.close();
  }
});

Deno.test("a reply whose end never comes fails its call", async () => {
  const network = new MemoryNetwork();
  const server = await RawServer.listen(network, "memory@a");
  const client = await dial("memory@a", { network, protocol: PROTOCOL });
  const call = client.call("S.M", { A: 1 });
  const peer = await server.accept();
  await peer.until(({ text }) => text === '  {"method":"S.M","params":[{"A":1}],"id":1}\n');
  await peer.write('{"id":1,"result":[1,');
  peer.close();
  await assertFails(call, { code: "data_loss", execution: "unknown", message: "in the middle" });
  await client.close();
  await server.close();
});

Deno.test("a pipelined CONNECT, and requests behind it, are not lost", async () => {
  const network = new MemoryNetwork({ chunkBytes: 5 });
  const server = new Server();
  server.register("Echo", { It: (args: unknown) => args });
  await server.listen("memory@a", { network });
  const peer = await rawClient(network, "memory@a");
  const requests = [1, 2].map((id) => `{"method":"Echo.It","params":["x"],"id":${id}}`).join("");
  await peer.write(`CONNECT /_goRPC_json_ HTTP/1.0\n\n${requests}`);
  await peer.until(({ text }) => text.endsWith('"id":2,"result":"x","error":null}\n'));
  assertEquals(
    peer.text,
    'HTTP/1.0 200 Connected to Go RPC\n\n{"id":1,"result":"x","error":null}\n' +
      '{"id":2,"result":"x","error":null}\n',
  );
  peer.close();
  await server.close();
});
