/** Both codecs, one against the other: calls and replies arrive as they were sent, in any chunks. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { limitsOf, type RequestExtras } from "../../../protocol/codec.ts";
import { JsonClientCodec } from "../../../protocol/geerpc_json/client.ts";
import { JsonServerCodec } from "../../../protocol/geerpc_json/server.ts";
import { RpcError } from "../../../errors.ts";
import { OptionReader } from "../../../protocol/handshake.ts";
import { between } from "../../support/helpers.ts";
import { seededRandom } from "../../../testing.ts";

class Requests {
  readonly seen: unknown[] = [];
  call(seq: number, serviceMethod: string, args: unknown, { timeoutMs, meta }: RequestExtras) {
    this.seen.push(["call", seq, serviceMethod, args, timeoutMs, meta && { ...meta }]);
  }
  refuse(seq: number, serviceMethod: string, code: string) {
    this.seen.push(["refuse", seq, serviceMethod, code]);
  }
  cancel(seq: number) {
    this.seen.push(["cancel", seq]);
  }
  answered() {
    this.seen.push(["answered"]);
  }
}

class Replies {
  readonly seen: unknown[] = [];
  take(seq: number) {
    const { seen } = this;
    if (seq === 13 || seq === 0) return undefined; // no longer in flight
    return {
      serviceMethod: "A.B",
      resolve: (value: unknown) => void seen.push(["resolve", seq, value]),
      fail: (...args: unknown[]) => void seen.push(["fail", seq, ...args]),
      failDecode: (code: string) => void seen.push(["failDecode", seq, code]),
    };
  }
  drain() {
    this.seen.push(["drain"]);
  }
  ended() {
    this.seen.push(["ended"]);
  }
}

/** A random value that JSON can express. */
function anyValue(random: () => number, depth = 0): unknown {
  const kind = between(random, 0, depth > 3 ? 4 : 6);
  const text = () => ["", "é", '"', "\\", "\n", "😀", "\u2028", "a b"][between(random, 0, 7)];
  if (kind === 0) return null;
  if (kind === 1) return random() < 0.5;
  if (kind === 2) return between(random, -1e6, 1e6) / 8;
  if (kind <= 4) return text() + text();
  const count = between(random, 0, 3);
  if (kind === 5) return Array.from({ length: count }, () => anyValue(random, depth + 1));
  return Object.fromEntries(
    Array.from({ length: count }, (_, n) => [text() + n, anyValue(random, depth + 1)]),
  );
}

function pushCut(
  random: () => number,
  bytes: Uint8Array,
  push: (chunk: Uint8Array) => void,
): void {
  for (let from = 0; from < bytes.length;) {
    const to = Math.min(bytes.length, from + between(random, 1, 40));
    push(bytes.slice(from, to));
    from = to;
  }
}

Deno.test("random requests arrive as they were sent, in random chunks", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed);
    const client = new JsonClientCodec(limitsOf(), 0);
    const server = new JsonServerCodec(limitsOf());
    const expected: unknown[] = [];
    const names = ["A.B", 'A."B', "A.\\B", "Ä.B\n", "A.B\u2028", 'A","Seq":7,"x":"B'];
    for (let seq = 1; seq <= 20; seq++) {
      const name = names[between(random, 0, names.length - 1)];
      const args = anyValue(random);
      const timeoutMs = random() < 0.3 ? between(random, 1, 1e6) : undefined;
      const meta = random() < 0.3 ? { a: "é", '"': "\n" } : undefined;
      client.request(seq, name, args, { timeoutMs, meta });
      // A header that is not read on the fast path has metadata, if only an empty object.
      const isFast = timeoutMs === undefined && meta === undefined && !/[\\"\n]/.test(name);
      expected.push(["call", seq, name, args, timeoutMs, isFast ? undefined : meta ?? {}]);
      if (random() < 0.2) {
        client.cancel(seq);
        expected.push(["cancel", seq]);
      }
      if (random() < 0.1) {
        client.ping(seq);
        expected.push(["answered"]);
      }
    }
    const { rest } = new OptionReader().push(client.take().slice())!;
    const sink = new Requests();
    pushCut(random, rest, (chunk) => server.receive(chunk, sink));
    const normal = (entries: unknown[]) =>
      entries.map((entry) => {
        const copy = [...entry as unknown[]];
        if (copy[0] === "call") copy[5] ??= {};
        return copy;
      });
    assertEquals(normal(sink.seen), normal(expected), `seed ${seed}`);
    assertEquals(client.take().length, 0);
  }
});

Deno.test("unusual headers are read in full, and long names are not kept", () => {
  const { seen, call, refuse, cancel, answered } = new Requests();
  const sink = { call, refuse, cancel, answered, seen } as Requests;
  const receive = (line: string) => {
    const server = new JsonServerCodec(limitsOf());
    server.receive(new TextEncoder().encode(`${line}\n1\n`), sink);
  };
  receive('{"ServiceMethod":"\uFEFFA.B","Seq":7}');
  receive('{"ServiceMethod":"\uFEFFA.B","Seq":8,"Meta":{}}');
  const long = "x".repeat(300);
  receive(`{"ServiceMethod":"${long}","Seq":9}`);
  const called = seen.map((entry) => (entry as unknown[]).slice(0, 3));
  assertEquals(called, [["call", 7, "\uFEFFA.B"], ["call", 8, "\uFEFFA.B"], ["call", 9, long]]);
  for (const line of ['{"ServiceMethod":"A.B","Seq":007}', "[1,2]", "[]"]) {
    const error = assertThrows(() => receive(line), RpcError, "expected a header");
    assertEquals(error.code, "data_loss");
  }
});

Deno.test("random replies arrive as they were sent, in random chunks", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed);
    const server = new JsonServerCodec(limitsOf());
    const client = new JsonClientCodec(limitsOf(), 0);
    const expected: unknown[] = [];
    for (let seq = 1; seq <= 20; seq++) {
      const choice = random();
      if (choice < 0.6) {
        const value = anyValue(random);
        server.reply(seq, 'A."B', value);
        if (seq !== 13) expected.push(["resolve", seq, value]);
      } else if (choice < 0.9) {
        const isRejected = random() < 0.5;
        const code = random() < 0.5 ? "unknown" : "not_found";
        const retryAfterMs = isRejected && random() < 0.5 ? Math.ceil(random() * 1000) : undefined;
        const failure = { code, message: 'no "é"\n', rejected: isRejected, retryAfterMs } as const;
        server.fail(seq, "A.B", failure);
        const expectedCode = code === "unknown" && isRejected ? "unimplemented" : code;
        const execution = isRejected ? "rejected" : "answered";
        if (seq !== 13) {
          expected.push(["fail", seq, expectedCode, 'no "é"\n', execution, { retryAfterMs }]);
        }
      } else {
        server.drain();
        expected.push(["drain"]);
      }
    }
    const sink = new Replies();
    pushCut(random, server.take().slice(), (chunk) => client.receive(chunk, sink));
    const drainless = (list: unknown[]) =>
      list.filter((entry) => (entry as string[])[0] !== "drain");
    assertEquals(drainless(sink.seen), drainless(expected), `seed ${seed}`);
    assertEquals(sink.seen.length, expected.length);
    client.end();
  }
});

Deno.test("what can't be encoded adds nothing", () => {
  const client = new JsonClientCodec({ maxMessageBytes: 100, maxDepth: 10 }, 0);
  client.take();
  assertThrows(() => client.request(1, "A.B", 1n, {}), RpcError);
  assertThrows(() => client.request(1, "A.B", "x".repeat(200), {}), RpcError);
  assertThrows(() => client.request(1, "A.B", 1, { meta: { a: "x".repeat(200) } }), RpcError);
  assertThrows(() => client.request(1, "A".repeat(200), 1, {}), RpcError);
  assertEquals(client.take().length, 0);
  const server = new JsonServerCodec({ maxMessageBytes: 100, maxDepth: 10 });
  assertThrows(() => server.reply(1, "A.B", 1n), RpcError);
  assertThrows(() => server.reply(1, "A.B", "x".repeat(200)), RpcError);
  assertEquals(server.take().length, 0);
});

Deno.test("any other stream throws no error but RpcError, and is the same in any chunks", () => {
  const parts = [
    '{"ServiceMethod":"A.B","Seq":',
    '{"ServiceMethod":"',
    '"',
    "1",
    ',"Error":"',
    '"}',
    "}",
    "\n",
    "null",
    "[",
    "\\",
    '"Seq":',
    "é",
    "\xff",
    ",",
    ":",
    '{"Seq":2,"Cancel":true}',
    "\n{}\n",
  ]; // deno-fmt-ignore
  const encoder = new TextEncoder();
  let threw = 0;
  for (let seed = 1; seed <= 3000; seed++) {
    const random = seededRandom(seed);
    let text = "";
    for (let n = between(random, 1, 12); n > 0; n--) {
      text += parts[between(random, 0, parts.length - 1)];
    }
    const bytes = encoder.encode(text + "\n");
    const outcomes = [1, bytes.length].map((size) => {
      const server = new JsonServerCodec({ maxMessageBytes: 60, maxDepth: 5 });
      const client = new JsonClientCodec({ maxMessageBytes: 60, maxDepth: 5 }, 0);
      const requests = new Requests();
      const replies = new Replies();
      let failed = "";
      for (const [codec, sink] of [[server, requests], [client, replies]] as const) {
        try {
          for (let from = 0; from < bytes.length; from += size) {
            // deno-lint-ignore no-explicit-any
            codec.receive(bytes.slice(from, from + size), sink as any);
          }
        } catch (error) {
          assert(error instanceof RpcError, `${JSON.stringify(text)} gives ${error}`);
          failed += error.code + " ";
          threw++;
        }
      }
      return { requests: requests.seen, replies: replies.seen, failed };
    });
    assertEquals(outcomes[0], outcomes[1], JSON.stringify(text));
  }
  assert(threw > 500, `${threw} threw`);
});
