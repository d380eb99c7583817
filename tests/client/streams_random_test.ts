/** Many streams at once, by chance: sizes, windows, readers, ends, and networks that cut and delay. */

import { assert, assertEquals } from "@std/assert";
import type { Client } from "../../client.ts";
import type { CallContext } from "../../server.ts";
import { seededRandom } from "../../testing.ts";
import { between, inWorld, settled } from "../support/helpers.ts";

type Random = () => number;

/** Item `index` of stream `id`: its text is as long as it says. */
interface Item {
  id: number;
  index: number;
  text: string;
}

const LARGEST = 40_000;

function itemOf(id: number, index: number, random: Random): Item {
  const length = random() < 0.1 ? between(random, 0, LARGEST) : between(random, 0, 100);
  return { id, index, text: "x".repeat(length) };
}

/** Waits for some microtasks, or not. */
async function pause(random: Random): Promise<void> {
  if (random() < 0.7) return;
  for (let turn = between(random, 1, 20); turn > 0; turn--) await undefined;
  if (random() < 0.2) await settled();
}

async function* made(id: number, count: number, random: Random, ends?: { count: number }) {
  try {
    for (let index = 0; index < count; index++) {
      await pause(random);
      yield itemOf(id, index, random);
    }
  } finally {
    if (ends !== undefined) ends.count++;
  }
}

/** Reads items, checks their order, and perhaps leaves. Returns whether it has read all. */
async function read(
  items: AsyncIterable<Item>,
  id: number,
  count: number,
  random: Random,
): Promise<boolean> {
  const leavesAt = random() < 0.3 ? between(random, 0, count) : Infinity;
  let index = 0;
  for await (const item of items) {
    assertEquals([item.id, item.index], [id, index]);
    index++;
    if (index >= leavesAt) return false;
    await pause(random);
  }
  assertEquals(index, count);
  return true;
}

async function play(client: Client, id: number, random: Random): Promise<void> {
  const count = between(random, 0, 80);
  const options = random() < 0.5 ? {} : {
    windowItems: between(random, 1, 20),
    windowBytes: between(random, 1, 2 * LARGEST),
  };
  switch (between(random, 0, 3)) {
    case 0:
      await read(client.stream<Item>("S.Down", { id, count }, options), id, count, random);
      break;
    case 1: {
      const ends = { count: 0 };
      const sent = await client.call<number>("S.Up", made(id, count, random, ends));
      assert(sent <= count);
      await settled();
      break;
    }
    case 2: {
      const items = made(id, count, random);
      await read(client.stream<Item>("S.Both", items, options), id, count, random);
      break;
    }
    default:
      assertEquals(await client.call("Gate.Echo", id), id);
  }
}

async function round(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const chunkBytes = random() < 0.5 ? between(random, 50, 5000) : undefined;
  await inWorld(async (world) => {
    const services = {
      Down: ({ id, count }: { id: number; count: number }) => made(id, count, random),
      async Up(items: AsyncIterable<Item>) {
        let sum = 0;
        const leavesAt = random() < 0.3 ? between(random, 1, 40) : Infinity;
        for await (const { index } of items) {
          assertEquals(index, sum++);
          if (sum >= leavesAt) break;
          await pause(random);
        }
        return sum;
      },
      async *Both(items: AsyncIterable<Item>, _ctx: CallContext) {
        for await (const item of items) {
          yield item;
          await pause(random);
        }
      },
    };
    const { address, server } = await world.serve("a", {}, { S: services });
    const client = await world.dial(address);
    const streams = Array.from(
      { length: between(random, 1, 20) },
      (_, id) => play(client, id, random),
    );
    await Promise.all(streams);
    for (let turn = 0; turn < 50 && server.running > 0; turn++) await settled();
    assertEquals([client.inFlight, server.running, server.figures().streams], [0, 0, 0]);
    await client.close();
  }, chunkBytes === undefined ? {} : { chunkBytes });
}

Deno.test("streams by chance: all arrives in order, and nothing is left", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    await round(seed).catch((cause) => {
      throw new Error(`seed ${seed}: ${cause.message}`, { cause });
    });
  }
});
