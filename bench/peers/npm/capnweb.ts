/// <reference types="./packages.d.ts" />
/** Cap'n Web over WebSocket, to compare with: `capnweb.ts serve`, `capnweb.ts call PORT`. */

import process from "node:process";
import { newWebSocketRpcSession, RpcTarget } from "capnweb";
import { WebSocket, WebSocketServer } from "ws";
import {
  answerLines,
  answerWith,
  CHUNK_SIZE,
  chunksOf,
  inTurns,
  numbers,
  worksOf,
} from "../measured.ts";

// It asks this class for the states of a socket; Node 20 has none.
Object.assign(globalThis, { WebSocket });

class Arith extends RpcTarget {
  sum(a: number, b: number): number {
    return a + b;
  }

  echo<T>(value: T): T {
    return value;
  }

  items(): ReadableStream<number> {
    return streamOf(inTurns(numbers()));
  }

  chunks(): ReadableStream<Uint8Array> {
    return streamOf(chunksOf(CHUNK_SIZE));
  }
}

interface Remote {
  sum(a: number, b: number): Promise<number>;
  echo<T>(value: T): Promise<T>;
  items(): Promise<ReadableStream<number>>;
  chunks(): Promise<ReadableStream<Uint8Array>>;
}

const [command, port] = process.argv.slice(2);
if (command === "serve") {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("connection", (socket) => newWebSocketRpcSession(socket, new Arith()));
  server.once("listening", () => console.log(server.address().port));
  await answerLines(() => {});
} else {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  await new Promise<void>((resolve) => socket.once("open", resolve));
  const arith = newWebSocketRpcSession<Remote>(socket);
  await answerWith(worksOf((a, b) => arith.sum(a, b), (text) => arith.echo(text), {
    bytes: (bytes) => arith.echo(bytes),
    items: () => opened(arith.items()),
    chunks: () => opened(arith.chunks()),
  }));
}

/** It refuses what `ReadableStream.from` makes. */
function streamOf<T>(values: AsyncGenerator<T>): ReadableStream<T> {
  return new ReadableStream({
    async pull(controller) {
      controller.enqueue((await values.next()).value);
    },
    async cancel() {
      await values.return(undefined);
    },
  });
}

async function* opened<T>(stream: Promise<ReadableStream<T>>): AsyncGenerator<T> {
  yield* await stream;
}
