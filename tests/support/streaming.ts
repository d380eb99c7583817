/** Services that stream, and ends of streams that a test plays by hand. */

import { type Client, dial } from "../../client.ts";
import { RpcError } from "../../errors.ts";
import type { CallContext } from "../../server.ts";
import { inWorld, type World } from "./world.ts";
import { rawClient, type RawPeer, RawServer } from "./raw_peer.ts";
import { settled } from "./async.ts";
import { HANDSHAKE } from "./wire.ts";

/** Reads all items. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** A service of endless streams, which tells how many items were asked for, and of ends. */
export function endless<T>(item: T) {
  const state = { asked: 0, left: [] as string[] };
  const methods = {
    async *Go(_args: unknown, ctx: CallContext) {
      try {
        for (;;) {
          state.asked++;
          yield item;
        }
      } finally {
        state.left.push(String((ctx.signal.reason as Error)?.message));
      }
    },
    Take: async (items: AsyncIterable<unknown>, ctx: CallContext) => {
      const iterator = items[Symbol.asyncIterator]();
      await iterator.next();
      await new Promise((_, reject) => {
        ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
      });
    },
  };
  return { state, methods };
}

/** What the handlers of a scene have said of their ends. */
export type Log = string[];

/** Handlers that stream, and tell how they ended. */
export function services(log: Log) {
  return {
    Count: {
      async *To(most: number) {
        try {
          for (let number = 1; number <= most; number++) yield number;
          log.push("sent all");
        } finally {
          log.push("left");
        }
      },
      /** One item, and then nothing for as long as it is waited for. */
      async *Hang(first: unknown, ctx: CallContext) {
        try {
          yield first;
          await new Promise((_, reject) => {
            ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
          });
        } finally {
          log.push(`left: ${(ctx.signal.reason as Error)?.message}`);
        }
      },
      async *Fail(most: number, ctx: CallContext) {
        for (let number = 1; number <= most; number++) yield number;
        throw most === 0 ? ctx.reject("too busy") : new RpcError("not_found", "no more of it");
      },
      One: (args: unknown) => args,
      Later: (most: number) =>
        Promise.resolve(ReadableStream.from(Array.from({ length: most }, (_, index) => index))),
      async Sum(numbers: AsyncIterable<number>) {
        let sum = 0;
        for await (const number of numbers) sum += number;
        return sum;
      },
      async *Double(numbers: AsyncIterable<number>) {
        try {
          for await (const number of numbers) yield 2 * number;
        } catch (error) {
          log.push(`broken: ${(error as Error).message}`);
          throw error;
        } finally {
          log.push("left");
        }
      },
      async FirstOf(numbers: AsyncIterable<number>) {
        for await (const number of numbers) return number;
      },
      Ignore: (_numbers: AsyncIterable<number>) => "ignored",
      async *Wrong() {
        yield 1;
        yield () => {};
      },
    },
  };
}

/** A client of a server that streams. */
export interface Scene {
  client: Client;
  world: World;
  log: Log;
}

/** Runs a test with a client of a server that streams. */
export function inScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  return inWorld(async (world) => {
    const log: Log = [];
    const { address } = await world.serve("a", {}, services(log));
    const client = await world.dial(address);
    await body({ client, world, log });
    await client.close();
  });
}

/** An argument that tells when its iterator was told to end. */
export async function* upTo(most: number, log: Log = []) {
  try {
    for (let number = 1; number <= most; number++) yield number;
  } finally {
    log.push("argument left");
  }
}

/** What a server says that knows streams. */
export const EXTENDED = '{"ServiceMethod":"","Seq":0,"Ext":{"Instance":"i-1","Load":0}}\nnull\n';

/** A client whose server is played by the test, which has said that it knows streams. */
export function played(
  body: (scene: { client: Client; peer: RawPeer; world: World }) => Promise<void>,
): Promise<void> {
  return inWorld(async (world) => {
    const raw = await RawServer.listen(world.network, "memory@raw");
    const client = await dial("memory@raw", { ...world.options });
    const peer = await raw.accept();
    await peer.write(EXTENDED);
    await settled();
    await body({ client, peer, world });
    await client.close();
    await raw.close();
  });
}

/** A server whose client is played by the test, which knows streams. */
export function served(
  services: Record<string, object>,
  body: (peer: RawPeer, world: World) => Promise<void>,
): Promise<void> {
  return inWorld(async (world) => {
    const { address } = await world.serve("a", {}, services);
    const peer = await rawClient(world.network, address);
    await peer.write(HANDSHAKE);
    await peer.untilLines(2);
    peer.chunks.length = 0;
    await body(peer, world);
    peer.close();
  });
}

/** An item, as it is sent. */
export const item = (seq: number, value: unknown) =>
  `{"ServiceMethod":"","Seq":${seq},"Item":true}\n${JSON.stringify(value)}\n`;
/** A header. */
export const head = (fields: object) => JSON.stringify({ ServiceMethod: "", ...fields });
