// deno-lint-ignore-file no-explicit-any -- it spies on methods of any type
/**
 * No input makes a codec read the same bytes again and again: whoever sends a chunk of many small
 * lines, or a long line in many small chunks, would stall everybody else. Counted is what is read and
 * copied, not the time it takes.
 */

import { assert } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { limitsOf, type ReplySink, type RequestSink } from "../../protocol/codec.ts";
import { JsonClientCodec } from "../../protocol/geerpc_json/client.ts";
import { JsonServerCodec } from "../../protocol/geerpc_json/server.ts";
import { JsonRpcClientCodec } from "../../protocol/jsonrpc/client.ts";
import { JsonRpcServerCodec } from "../../protocol/jsonrpc/server.ts";
import { GobClientCodec } from "../../protocol/gob/client.ts";
import { GobServerCodec } from "../../protocol/gob/server.ts";
import { OptionReader } from "../../protocol/handshake.ts";
import { Handshake } from "../../connection/server_handshake.ts";
import { Services } from "../../connection/services.ts";
import { HeadReader } from "../../net/http_connect.ts";

const CHUNK_BYTES = 50_000;
/** How many bytes arrive one by one. */
const SINGLE_BYTES = 8_000;
/** How often each byte may be read. */
const MOST_READS = 30;

/** Runs a function and returns how many characters and bytes it has made the engine look at. */
function readsOf(run: () => void): number {
  let reads = 0;
  const undo: (() => void)[] = [];
  const spy = (
    holder: any,
    name: string,
    cost: (self: any, args: any[], result: any) => number,
  ) => {
    const real = holder[name];
    holder[name] = function (this: any, ...args: any[]) {
      const result = real.apply(this, args);
      reads += cost(this, args, result);
      return result;
    };
    undo.push(() => holder[name] = real);
  };
  const searched = (
    self: { length: number },
    [, from = 0]: [unknown, number?],
    found: number,
  ) => (found < 0 ? self.length : found + 1) - from;
  spy(String.prototype, "indexOf", (self, args, found) => searched(self, args as [unknown], found));
  spy(String.prototype, "includes", (self) => self.length);
  spy(String.prototype, "charCodeAt", () => 1);
  spy(
    Uint8Array.prototype,
    "indexOf",
    (self, args, found) => searched(self, args as [unknown], found),
  );
  spy(Uint8Array.prototype, "includes", (self) => self.length);
  spy(Uint8Array.prototype, "set", (_self, [bytes]) => bytes.length);
  spy(Uint8Array.prototype, "copyWithin", (self, [, from, to = self.length]) => to - from);
  spy(Uint8Array.prototype, "slice", (_self, _args, result) => result.length);
  spy(TextDecoder.prototype, "decode", (_self, [bytes]) => bytes.length);
  spy(JSON, "parse", (_self, [text]) => text.length);
  try {
    run();
  } finally {
    for (const one of undo.reverse()) one();
  }
  return reads;
}

const REQUESTS: RequestSink = { call() {}, refuse() {}, cancel() {}, answered() {} };
const REPLIES: ReplySink = { take: () => undefined, drain() {} };

const RECEIVERS: Record<string, () => (chunk: Uint8Array) => unknown> = {
  "the server of netrpc/json": () => {
    const codec = new JsonRpcServerCodec(limitsOf());
    return (chunk) => codec.receive(chunk, REQUESTS);
  },
  "the client of netrpc/json": () => {
    const codec = new JsonRpcClientCodec(limitsOf());
    return (chunk) => codec.receive(chunk, REPLIES);
  },
  "the server of geerpc/json": () => {
    const codec = new JsonServerCodec(limitsOf());
    return (chunk) => codec.receive(chunk, REQUESTS);
  },
  "the client of geerpc/json": () => {
    const codec = new JsonClientCodec(limitsOf(), 0);
    return (chunk) => codec.receive(chunk, REPLIES);
  },
  "the server of geerpc/gob": () => {
    const codec = new GobServerCodec("geerpc", limitsOf());
    return (chunk) => codec.receive(chunk, REQUESTS);
  },
  "the client of netrpc/gob": () => {
    const codec = new GobClientCodec("netrpc", limitsOf(), 0);
    return (chunk) => codec.receive(chunk, REPLIES);
  },
  "the beginning of a connection of geerpc/json": () => handshake("geerpc/json"),
  "the beginning of a connection of netrpc/json": () => handshake("netrpc/json"),
  "the reader of the handshake": () => {
    const reader = new OptionReader();
    return untilRead((chunk) => reader.push(chunk));
  },
  "the reader of HTTP CONNECT": () => {
    const reader = new HeadReader();
    return untilRead((chunk) => reader.push(chunk));
  },
};

function handshake(protocol: "geerpc/json" | "netrpc/json"): (chunk: Uint8Array) => void {
  const context = { limits: limitsOf(), services: new Services(), connectPaths: {} };
  const reader = new Handshake(protocol, context, () => {});
  return untilRead((chunk) => reader.push(chunk));
}

/** Others read on behind it. */
function untilRead(push: (chunk: Uint8Array) => unknown): (chunk: Uint8Array) => void {
  let isRead = false;
  return (chunk) => void (isRead ||= push(chunk) !== undefined);
}

/** What is repeated until it fills the chunk. */
const PIECES = [
  '{"method":"a"}\n',
  '{"method":"a"}',
  '{"method":"a","params":[1],"id":1}\n',
  '{"method":"a","params":[1],"id":1}',
  '{"method":"☃","params":[1],"id":1}',
  '{"method":"a\n',
  '{"id":1,"result":1,"error":null}\n',
  '{"id":1,"result":1,"error":null}',
  '{"id":1,"result":1}\n',
  '{"ServiceMethod":"a.b","Seq":1}\n[1]\n',
  '{"ServiceMethod":"a.☃","Seq":1}\n"☃"\n',
  '{"ServiceMethod":"a","Seq":1,"Error":"no"}\n{}\n',
  '{"ServiceMethod":"a',
  "{}\n",
  "{}",
  "\n",
  " ",
  "[",
  "7",
  "\r\n\r",
  "CONNECT ",
  "CONNECT /\r\n",
  '{"Error":"}',
];

/** What follows them: the end of the last line. */
const ENDS = ["\n", `{"method":"a","params":[1],"id":${"1".repeat(CHUNK_BYTES)}}\n`];

const encoder = new TextEncoder();

/** Fails if what a receiver is sent is read many times. An error of ours ends it. */
function assertReadOnce(
  receive: (chunk: Uint8Array) => unknown,
  bytes: Uint8Array,
  chunks: Iterable<Uint8Array>,
  what: string,
): void {
  const reads = readsOf(() => {
    try {
      for (const chunk of chunks) receive(chunk);
    } catch (error) {
      assert(error instanceof RpcError, String(error));
    }
  });
  const each = reads / bytes.length;
  assert(each < MOST_READS, `${what} is read ${each.toFixed()} times`);
}

function oneByOne(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

for (const [name, receiver] of Object.entries(RECEIVERS)) {
  Deno.test(`${name} reads no byte many times, whatever it is sent`, () => {
    for (const piece of PIECES) {
      for (const end of ENDS) {
        const bytes = encoder.encode(piece.repeat(CHUNK_BYTES / piece.length) + end);
        const what = `${JSON.stringify(piece)}, behind it ${end[0]},`;
        assertReadOnce(receiver(), bytes, [bytes], what);
      }
    }
  });

  Deno.test(`${name} reads no byte many times if they come one by one`, () => {
    for (const piece of PIECES) {
      for (const front of ["", "{", '{"a":"']) {
        const bytes = encoder.encode(front + piece.repeat(SINGLE_BYTES / piece.length));
        const what = `${JSON.stringify(piece)} behind ${front}`;
        assertReadOnce(receiver(), bytes, oneByOne(bytes), what);
      }
    }
  });
}

Deno.test("gob that comes byte by byte is copied a few times, its header too", () => {
  const long = "x".repeat(SINGLE_BYTES);
  const server = new GobServerCodec("geerpc", limitsOf());
  server.fail(1, "S.M", { code: "unknown", message: long, rejected: false });
  server.reply(2, "S.M", long);
  const replies = server.take();
  assertReadOnce(RECEIVERS["the client of netrpc/gob"](), replies, oneByOne(replies), "a reply");
  const client = new GobClientCodec("geerpc", limitsOf(), 0);
  client.take();
  client.request(1, long, long, {});
  const request = client.take();
  assertReadOnce(RECEIVERS["the server of geerpc/gob"](), request, oneByOne(request), "a request");
});
