/// <reference types="./packages.d.ts" />
/**
 * Connect, to compare with: `connect.ts serve`, `connect.ts call PORT`. It speaks
 * its own protocol over HTTP/2, in binary, which is faster than gRPC's, which it
 * has as well. Compression of long replies is off, since it is slower.
 */

import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createConnectTransport } from "@connectrpc/connect-node";
import {
  answerLines,
  answerWith,
  CHUNK_SIZE,
  chunksOf,
  inTurns,
  numbers,
  worksOf,
} from "../measured.ts";
import { definition } from "./definition.ts";

// The same descriptors as Connect's code generator writes.
const [file] = definition["bench.Text"].fileDescriptorProtos;
const Arith = createFileRegistry(fromBinary(FileDescriptorProtoSchema, file), () => undefined)
  .getService("bench.Arith")!;

const [command, port] = process.argv.slice(2);
if (command === "serve") {
  const handler = connectNodeAdapter({
    acceptCompression: [],
    routes: (router) =>
      router.service(Arith, {
        sum: ({ a, b }: { a: number; b: number }) => ({ sum: a + b }),
        echo: ({ text }: { text: string }) => ({ text }),
        echoBytes: ({ bytes }: { bytes: Uint8Array }) => ({ bytes }),
        async *items() {
          for await (const sum of inTurns(numbers())) yield { sum };
        },
        async *chunks() {
          for await (const bytes of chunksOf(CHUNK_SIZE)) yield { bytes };
        },
      }),
  });
  const server = createServer(handler);
  server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
  await answerLines(() => {});
} else {
  const client = createClient(
    Arith,
    createConnectTransport({
      httpVersion: "2",
      baseUrl: `http://127.0.0.1:${port}`,
      acceptCompression: [],
    }),
  );
  await answerWith(worksOf(
    async (a, b) => (await client.sum({ a, b })).sum,
    async (text) => (await client.echo({ text })).text,
    {
      bytes: async (bytes) => (await client.echoBytes({ bytes })).bytes,
      items: () => field(client.items({}), "sum"),
      chunks: () => field(client.chunks({}), "bytes"),
    },
  ));
}

/** One field of each message of a stream. */
async function* field(
  stream: AsyncIterable<Record<string, unknown>>,
  name: string,
): AsyncGenerator {
  for await (const message of stream) yield message[name];
}
