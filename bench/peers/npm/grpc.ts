/// <reference types="./packages.d.ts" />
/**
 * gRPC, to compare with: `grpc.ts serve`, `grpc.ts call PORT`. Its options are the
 * defaults: neither larger windows nor switching retries off made a difference.
 */

import process from "node:process";
import { promisify } from "node:util";
import { credentials, loadPackageDefinition, Server, ServerCredentials } from "@grpc/grpc-js";
import type { ClientClass, Handler, Method, ServerStream, Streaming } from "@grpc/grpc-js";
import {
  answerLines,
  answerWith,
  CHUNK_SIZE,
  chunksOf,
  numbers,
  type StreamWork,
  worksOf,
} from "../measured.ts";
import { definition } from "./definition.ts";

type Numbers = { a: number; b: number };
type Total = { sum: number };
type Text = { text: string };
type Bytes = { bytes: Uint8Array };
type Client = {
  sum: Method<Numbers, Total>;
  echo: Method<Text, Text>;
  echoBytes: Method<Bytes, Bytes>;
  items: Streaming<Numbers, Total>;
  chunks: Streaming<Numbers, Bytes>;
};

const sum: Handler<Numbers, Total> = ({ request: { a, b } }, done) => done(null, { sum: a + b });
const echo: Handler<Text, Text> = ({ request: { text } }, done) => done(null, { text });
const echoBytes: Handler<Bytes, Bytes> = ({ request: { bytes } }, done) => done(null, { bytes });
const items = (stream: ServerStream<Total>) => send(stream, numbers(), (sum) => ({ sum }));
const chunks = (stream: ServerStream<Bytes>) =>
  send(stream, chunksOf(CHUNK_SIZE), (bytes) => ({ bytes }));

type Package = { bench: { Arith: ClientClass<Client> } };
const { Arith } = loadPackageDefinition<Package>(definition).bench;
const [command, port] = process.argv.slice(2);
if (command === "serve") {
  const server = new Server();
  server.addService(Arith.service, { sum, echo, echoBytes, items, chunks });
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    console.log(port);
  });
  await answerLines(() => {});
} else {
  const client = new Arith(`127.0.0.1:${port}`, credentials.createInsecure());
  const callSum = promisify(client.sum.bind(client));
  const callEcho = promisify(client.echo.bind(client));
  const callBytes = promisify(client.echoBytes.bind(client));
  await answerWith(worksOf(
    async (a, b) => (await callSum({ a, b })).sum,
    async (text) => (await callEcho({ text })).text,
    {
      bytes: async (bytes) => (await callBytes({ bytes })).bytes,
      items: () => received(client.items({ a: 0, b: 0 }), ({ sum }) => sum),
      chunks: () => received(client.chunks({ a: 0, b: 0 }), ({ bytes }) => bytes),
    },
  ));
}

/** Sends as much as the client reads, until it has gone. */
async function send<T, M>(
  stream: ServerStream<M>,
  values: AsyncIterable<T>,
  toMessage: (value: T) => M,
): Promise<void> {
  let wake = () => {};
  stream.on("drain", () => wake());
  stream.on("cancelled", () => wake());
  for await (const value of values) {
    if (stream.cancelled) return;
    if (!stream.write(toMessage(value))) await new Promise<void>((resolve) => wake = resolve);
  }
}

/** What a stream's messages have in them; leaving it cancels the call. */
async function* received<M>(
  stream: ReturnType<Streaming<Numbers, M>>,
  toValue: (message: M) => unknown,
): ReturnType<StreamWork["open"]> & AsyncGenerator {
  try {
    for await (const message of stream) yield toValue(message);
  } finally {
    stream.on("error", () => {}); // that it was cancelled
    stream.cancel();
  }
}
