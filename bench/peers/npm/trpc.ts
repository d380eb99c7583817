/// <reference types="./packages.d.ts" />
/** tRPC over WebSocket, to compare with: `trpc.ts serve`, `trpc.ts call PORT`. It has no bytes. */

import process from "node:process";
import { createTRPCClient, createWSClient, type Procedures, wsLink } from "@trpc/client";
import { initTRPC } from "@trpc/server";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import { WebSocket, WebSocketServer } from "ws";
import { answerLines, answerWith, inTurns, numbers, worksOf } from "../measured.ts";

const [command, port] = process.argv.slice(2);
if (command === "serve") {
  const { procedure, router } = initTRPC.create();
  const any = procedure.input((value) => value);
  const wss = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  applyWSSHandler({
    wss,
    router: router({
      sum: any.query(({ input: { a, b } }: { input: { a: number; b: number } }) => a + b),
      echo: any.query(({ input }) => input),
      // It has no backpressure.
      items: procedure.subscription(() => inTurns(numbers())),
    }),
  });
  wss.once("listening", () => console.log(wss.address().port));
  await answerLines(() => {});
} else {
  const client = createWSClient({ url: `ws://127.0.0.1:${port}`, WebSocket });
  const arith = createTRPCClient({ links: [wsLink({ client })] });
  await answerWith(worksOf(
    (a, b) => arith.sum.query({ a, b }),
    (text) => arith.echo.query(text),
    { items: () => itemsOf(arith) },
  ));
}

/** A subscription pushes its items: they are gathered until they are asked for. */
async function* itemsOf(arith: Procedures): AsyncGenerator {
  let arrived: unknown[] = [];
  let wake = () => {};
  let failed: unknown;
  const subscription = arith.items.subscribe(undefined, {
    onData: (item) => {
      arrived.push(item);
      wake();
    },
    onError: (error) => {
      failed = error;
      wake();
    },
  });
  try {
    for (;;) {
      const now = arrived;
      arrived = [];
      yield* now;
      if (failed !== undefined) throw failed;
      if (arrived.length === 0) await new Promise<void>((resolve) => wake = resolve);
    }
  } finally {
    subscription.unsubscribe();
  }
}
