/** Values as they are on the wire: what hostile ends send, and what ends that know JSON alone see. */

import { assert, assertEquals } from "@std/assert";
import { dialConnection } from "../../connection/dial.ts";
import type { Settler } from "../../connection/pending_calls.ts";
import type { RpcError } from "../../errors.ts";
import { deferred } from "../../internal/deferred.ts";
import {
  assertFails,
  assertFailure,
  failure,
  inWorld,
  option,
  rawClient,
  RawServer,
  request,
} from "../support/helpers.ts";
import { HANDSHAKE } from "../support/wire.ts";

const EXTENDED = '{"ServiceMethod":"","Seq":0,"Ext":{"Instance":"i-1","Load":0}}\nnull\n';
const encoder = new TextEncoder();

/** A request by hand, with bytes behind it. */
function withParts(seq: number, body: string, parts: string, raw: Uint8Array): Uint8Array {
  const head = encoder.encode(
    `{"ServiceMethod":"Gate.Echo","Seq":${seq},"Parts":${parts}}\n${body}\n`,
  );
  const all = new Uint8Array(head.length + raw.length);
  all.set(head);
  all.set(raw, head.length);
  return all;
}

Deno.test("what the server answers: values, with what is beside the line", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(HANDSHAKE);
    await peer.write(
      withParts(1, '[{"$":["text",0]},{"$":["bytes",1]}]', "[3, 2]", encoder.encode("a\nbcd")),
    );
    await peer.until((peer) => peer.text.endsWith("cd"));
    assertEquals(peer.lines.slice(2), [
      '{"ServiceMethod":"Gate.Echo","Seq":1,"Parts":[               2],"Error":""}',
      '["a\\nb",{"$":["bytes",0]}]',
    ]);
    assert(peer.text.endsWith("}]\ncd"), peer.text);
    peer.close();
  }));

const HOSTILE: [string, string, string, Uint8Array, string][] = [
  ["a kind that there is not", '{"$":["odd"]}', "[]", new Uint8Array(0), "data_loss"],
  ["a part that is not used", "1", "[3]", new Uint8Array([10, 123, 10]), "data_loss"],
  [
    "a part that is used twice",
    '[{"$":["text",0]},{"$":["text",0]}]',
    "[3]",
    encoder.encode("a\nb"),
    "data_loss",
  ],
  [
    "a part that is not there",
    '[{"$":["text",0]},{"$":["text",1]}]',
    "[3]",
    encoder.encode("a\nb"),
    "data_loss",
  ],
  ["a text that is no UTF-8", '{"$":["text",0]}', "[2]", new Uint8Array([0xff, 10]), "data_loss"],
  ["a map with a key twice", '{"$":["map",[[1,1],[1,2]]]}', "[]", new Uint8Array(0), "data_loss"],
  [
    "__proto__",
    '{"$":["map",[[1,{"__proto__":{}}]]]}',
    "[]",
    new Uint8Array(0),
    "invalid_argument",
  ],
  [
    "nesting",
    `${'{"$":["set",['.repeat(200)}${"]]}".repeat(200)}`,
    "[]",
    new Uint8Array(0),
    "invalid_argument",
  ],
  ["many parts without a place", "[1]", `[${Array(5000).fill(0)}]`, new Uint8Array(0), "data_loss"],
  ["malformed JSON", '{"$":["text",0]', "[1]", new Uint8Array([10]), "data_loss"],
  [
    "parts over the limit",
    '{"$":["bytes",0]}',
    "[100000]",
    new Uint8Array(100_000).fill(10),
    "resource_exhausted",
  ],
  [
    "a line over the limit with parts",
    `"${"x".repeat(60_000)}"`,
    "[7]",
    new Uint8Array(7).fill(10),
    "resource_exhausted",
  ],
];

for (const [name, body, parts, raw, code] of HOSTILE) {
  Deno.test(`a hostile client: ${name}: its call fails alone`, async () => {
    for (const chunkBytes of [Infinity, 1009, 17]) {
      await inWorld(async (world) => {
        const { address } = await world.serve("a", { maxMessageBytes: 50_000 });
        const peer = await rawClient(world.network, address);
        await peer.write(HANDSHAKE + request(1, "Gate.Echo", "before"));
        await peer.write(withParts(2, body, parts, raw));
        await peer.write(request(3, "Gate.Echo", "behind"));
        const lines = await peer.untilLines(8);
        const { Seq, Code, Rejected } = JSON.parse(lines[4]);
        assertEquals([Seq, Code, Rejected], [2, code, true], lines[4]);
        assertEquals([lines[3], lines[7]], ['"before"', '"behind"']);
        peer.close();
      }, chunkBytes === Infinity ? {} : { chunkBytes });
    }
  });
}

for (
  const parts of [
    "{}",
    "[-1]",
    "[1.5]",
    '["3"]',
    "[null]",
    "[9007199254740992]",
    "[9e15,9e15]",
    "3",
  ]
) {
  Deno.test(`a hostile client: Parts of ${parts}: the connection ends`, () =>
    inWorld(async (world) => {
      const { address } = await world.serve("a");
      const peer = await rawClient(world.network, address);
      await peer.write(HANDSHAKE);
      await peer.write(withParts(1, "1", parts, new Uint8Array(0)));
      await peer.untilLines(4);
      const { Seq, Code } = JSON.parse(peer.lines[2]);
      assertEquals([Seq, Code], [0, "data_loss"]);
      peer.close();
    }));
}

Deno.test("of parts that are claimed, and do not come, nothing is held", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(HANDSHAKE);
    await peer.write(withParts(1, '{"$":["bytes",0]}', "[4000000]", new Uint8Array(1000)));
    const other = await world.dial(address);
    assertEquals(await other.call("Gate.Echo", 7), 7);
    peer.close();
    await other.close();
    assertEquals(gate.begun.length, 0);
  }));

/** A client whose server is played by the test. */
async function begin(network: Parameters<typeof RawServer.listen>[0], maxMessageBytes = 50_000) {
  const raw = await RawServer.listen(network, "memory@raw");
  const connection = await dialConnection("memory@raw", { network, maxMessageBytes });
  const peer = await raw.accept();
  const call = (args: unknown) => {
    const reply = deferred<unknown>();
    const settler: Settler = { resolve: reply.resolve, reject: reply.reject };
    connection.send("S.M", args, {}, settler);
    return reply.promise;
  };
  return { raw, connection, peer, call };
}

function scene(body: (scene: Awaited<ReturnType<typeof begin>>) => Promise<void>): Promise<void> {
  return inWorld(async (world) => {
    const scene = await begin(world.network);
    await body(scene);
    await scene.connection.close();
    await scene.raw.close();
  });
}

Deno.test("a hostile server: the reply fails alone", () =>
  scene(async ({ peer, call }) => {
    await peer.write(EXTENDED);
    for (const [index, [name, body, parts, raw, code]] of HOSTILE.entries()) {
      const replies = [call(1), call(2)];
      await peer.untilLines(4 * (index + 1));
      await peer.write(withParts(2 * index + 1, body, parts, raw));
      await peer.reply(2 * index + 2, "behind");
      await assertFails(replies[0], {
        code: code === "resource_exhausted" ? code : "data_loss",
        execution: "answered",
      });
      assertEquals(await replies[1], "behind", name);
    }
  }));

Deno.test("a call that is given up: its reply's parts are passed over", () =>
  scene(async ({ peer, call, connection }) => {
    await peer.write(EXTENDED);
    const reply = deferred<unknown>();
    const given = connection.send("S.M", 1, {}, { resolve: reply.resolve, reject: reply.reject })!;
    await peer.untilLines(2);
    given.abort("enough");
    const other = call(2);
    await peer.write(withParts(1, '{"$":["bytes",0]}', "[5]", encoder.encode("\n{}\n1")));
    await peer.reply(2, "fine");
    assertEquals(await other, "fine");
    await reply.promise.catch((reason) => assertEquals(reason, "enough"));
  }));

Deno.test("details that can't be decoded: the error is the server's, its cause says why", () =>
  scene(async ({ peer, call }) => {
    await peer.write(EXTENDED);
    const reply = call(1);
    await peer.untilLines(2);
    const header = { Error: "none", Code: "not_found", Details: true };
    await peer.reply(1, { $: ["odd", 1] }, header);
    const error = await assertFails(reply, {
      code: "not_found",
      execution: "answered",
      message: "none",
    });
    assertEquals([error.details, (error.cause as RpcError).code], [undefined, "data_loss"]);
    const next = call(2);
    await peer.untilLines(4);
    await peer.reply(2, { a: 1 }, { Error: "none", Code: "not_found" });
    assertEquals((await assertFails(next, { message: "none" })).details, undefined);
  }));

const JSON_ALONE: [unknown, string][] = [
  [
    { at: new Date(0), none: undefined, list: [undefined], zero: -0 },
    '{"at":"1970-01-01T00:00:00.000Z","list":[null],"zero":0}',
  ],
  [{ $: ["date", 0] }, '{"$":["date",0]}'],
  ["x".repeat(5000), `"${"x".repeat(5000)}"`],
];
const REFUSED: [unknown, string][] = [
  [{ items: [1, new Map()] }, "args.items[1]: a Map can't be sent to this peer"],
  [[new Uint8Array(1)], "args[0]: a Uint8Array can't be sent to this peer"],
  [{ id: 1n }, "args.id: a bigint can't be sent to this peer"],
  [[NaN], "args[0]: NaN can't be sent to this peer"],
  [new Error("e"), "args: an Error can't be sent to this peer"],
];

Deno.test("to a server that knows JSON alone: as JSON has it, or refused before it is sent", () =>
  scene(async ({ peer, call }) => {
    const [first, ...others] = JSON_ALONE.map(([value]) => call(value));
    const refused = REFUSED.map(([value]) => failure(call(value)));
    // The long text has no need to wait; what depends on the server waits for its first word.
    await peer.untilLines(4);
    const [ping, nothing, , text] = peer.lines;
    assertEquals([JSON.parse(ping).Ping, nothing, text.length], [true, "null", 5002]);
    await peer.reply(4, "of the text");
    await peer.untilLines(8);
    const sent = new Map<number, string>();
    for (let at = 0; at < 8; at += 2) {
      const { Seq, Ping } = JSON.parse(peer.lines[at]);
      if (!Ping) sent.set(Seq, peer.lines[at + 1]);
    }
    assertEquals([1, 3, 4].map((seq) => sent.get(seq)), JSON_ALONE.map(([, text]) => text));
    for (const [index, [, message]] of REFUSED.entries()) {
      const wanted = { code: "invalid_argument", execution: "not_sent", message } as const;
      assertFailure(await refused[index], wanted);
      await assertFails(call(REFUSED[index][0]), wanted); // known by now
    }
    await peer.reply(1, { $: ["date", 0] }, { Parts: [5] });
    assertEquals(await first, { $: ["date", 0] });
    await peer.reply(3, "fine");
    assertEquals(await others[0], "fine");
    assertEquals(await others[1], "of the text");
  }));

Deno.test("to a server that is ours the call waits for its word, and is sent as it is", () =>
  scene(async ({ peer, call }) => {
    const reply = call([new Date(5), { $: 1 }]);
    await peer.untilLines(2);
    await peer.write(EXTENDED);
    await peer.untilLines(4);
    assertEquals(peer.lines[3], '[{"$":["date",5]},{"$":["object",{"$":1}]}]');
    await peer.reply(1, { $: ["bigint", "12"] });
    assertEquals(await reply, 12n);
  }));

Deno.test("a client that knows JSON alone is answered as JSON has it, or with an error", () =>
  inWorld(async (world) => {
    const replies: unknown[] = [
      { at: new Date(0), none: undefined, zero: -0, $: ["date", 0] },
      undefined,
      "x".repeat(5000),
      { list: [new Set()] },
    ];
    const Odd = { Reply: (n: number) => replies[n] };
    const { address } = await world.serve("a", {}, { Odd });
    const peer = await rawClient(world.network, address);
    await peer.write(option());
    await peer.write(replies.map((_, n) => request(n + 1, "Odd.Reply", n)).join(""));
    await peer.write('{"ServiceMethod":"Gate.Echo","Seq":9,"Parts":[2]}\n{"$":["date",0]}\n');
    const lines = await peer.untilLines(10);
    assertEquals(lines[1], '{"at":"1970-01-01T00:00:00.000Z","zero":0,"$":["date",0]}');
    assertEquals([lines[3], lines[5].length], ["null", 5002]);
    const { Error: message, Code, Parts } = JSON.parse(lines[6]);
    assertEquals([Code, Parts], ["internal", undefined]);
    assert(message.includes("reply.list[0]: a Set can't be sent to this peer"), message);
    assertEquals(lines[9], '{"$":["date",0]}');
    peer.close();
  }));
