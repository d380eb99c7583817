// deno-lint-ignore-file no-explicit-any -- it spies on methods of any type
/**
 * No input makes a codec read the same bytes again and again: whoever sends a chunk of many small
 * lines would stall everybody else. Counted is what is read, not the time it takes.
 */

import { assert } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { limitsOf, type ReplySink, type RequestSink } from "../../protocol/codec.ts";
import { JsonClientCodec } from "../../protocol/geerpc_json/client.ts";
import { JsonServerCodec } from "../../protocol/geerpc_json/server.ts";
import { JsonRpcClientCodec } from "../../protocol/jsonrpc/client.ts";
import { JsonRpcServerCodec } from "../../protocol/jsonrpc/server.ts";
import { OptionReader } from "../../protocol/handshake.ts";
import { HeadReader } from "../../net/http_connect.ts";

const CHUNK_BYTES = 50_000;
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
  "the reader of the handshake": () => {
    const reader = new OptionReader();
    return (chunk) => reader.push(chunk);
  },
  "the reader of HTTP CONNECT": () => {
    const reader = new HeadReader();
    return (chunk) => reader.push(chunk);
  },
};

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
];

/** What follows them: the end of the last line. */
const ENDS = ["\n", `{"method":"a","params":[1],"id":${"1".repeat(CHUNK_BYTES)}}\n`];

for (const [name, receiver] of Object.entries(RECEIVERS)) {
  Deno.test(`${name} reads no byte many times, whatever it is sent`, () => {
    const encoder = new TextEncoder();
    for (const piece of PIECES) {
      for (const end of ENDS) {
        const bytes = encoder.encode(piece.repeat(CHUNK_BYTES / piece.length) + end);
        const receive = receiver();
        const reads = readsOf(() => {
          try {
            receive(bytes);
          } catch (error) {
            assert(error instanceof RpcError, String(error));
          }
        });
        const each = reads / bytes.length;
        const text = JSON.stringify(piece);
        assert(each < MOST_READS, `${text} is read ${each.toFixed()} times, behind it ${end[0]}`);
      }
    }
  });
}
