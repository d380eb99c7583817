/** What sends the items of a stream, and what its iterator is told. */

import { assert, assertEquals } from "@std/assert";
import { Credit } from "../../../connection/streams/credit.ts";
import { ItemPump, leaveUnread } from "../../../connection/streams/item_pump.ts";
import { deferred, settled } from "../../support/helpers.ts";

/** A pump with a window of so many items and bytes; each item counts its own value. */
function scene(items: AsyncIterable<unknown>, windowItems = 100, windowBytes = 1000) {
  const log: unknown[] = [];
  const state = { isFull: false };
  const credit = new Credit(windowItems, windowBytes);
  const pump = new ItemPump(items, credit, {
    get isFull() {
      return state.isFull;
    },
    send(value, mostBytes) {
      if (value === "wrong") throw new Error("it can't be sent");
      const bytes = value as number;
      if (bytes > mostBytes) {
        log.push(`too large: ${bytes}`);
        return -bytes;
      }
      log.push(bytes);
      return bytes;
    },
    ended: () => log.push("ended"),
    failed: (error) => log.push(`failed: ${(error as Error).message}`),
    left: (error) => log.push(error === undefined ? "left" : `left: ${(error as Error).message}`),
  });
  pump.start();
  return { pump, credit, log, state };
}

async function* generated(values: unknown[], end: () => void = () => {}) {
  try {
    yield* values;
  } finally {
    end();
  }
}

Deno.test("all items, then the end", async () => {
  const { log } = scene(generated([1, 2, 3]));
  await settled();
  assertEquals(log, [1, 2, 3, "ended"]);
});

Deno.test("it waits for credit, and asks for no more meanwhile", async () => {
  const { log, pump, credit } = scene(generated([60, 60, 60]), 100, 100);
  await settled();
  assertEquals(log, [60, "too large: 60"]);
  credit.add(0, 5);
  pump.resume();
  await settled();
  assertEquals(log.length, 2); // it is known what the item needs, and it is not encoded again
  credit.add(1, 60);
  pump.resume();
  await settled();
  assertEquals(log.slice(2), [60, "too large: 60"]);
  pump.stop();
  await settled();
  assertEquals(log.slice(4), ["left"]);
});

Deno.test("it waits for room in the buffer", async () => {
  const { log, pump, state } = scene(generated([1, 2]));
  state.isFull = true;
  await settled();
  assertEquals(log, []);
  pump.resume();
  await settled();
  assertEquals(log, []);
  state.isFull = false;
  pump.resume();
  await settled();
  assertEquals(log, [1, 2, "ended"]);
});

Deno.test("an iterator that throws, and one that can't be had", async () => {
  const broken = {
    [Symbol.asyncIterator](): AsyncIterator<unknown> {
      throw new Error("no iterator");
    },
  };
  const throwing = (async function* () {
    yield 1;
    throw new Error("no more");
  })();
  const scenes = [scene(broken), scene(throwing)];
  await settled();
  assertEquals(scenes.map(({ log }) => log), [["failed: no iterator"], [1, "failed: no more"]]);
  for (const { pump } of scenes) pump.stop();
  await settled();
  assertEquals(scenes.map(({ log }) => log.length), [1, 2]);
});

Deno.test("an item that can't be sent ends it; the iterator is told", async () => {
  let ends = 0;
  const { log } = scene(generated([1, "wrong", 2], () => ends++));
  await settled();
  assertEquals([log, ends], [[1, "failed: it can't be sent"], 1]);
});

Deno.test("an iterator that waits is told at once that no more is wanted", async () => {
  const waiting = deferred<IteratorResult<unknown>>();
  let returned = 0;
  const items = {
    [Symbol.asyncIterator]: () => ({
      next: () => waiting.promise,
      return: () => {
        returned++;
        waiting.resolve({ done: true, value: undefined }); // as one of events does
        return Promise.resolve({ done: true as const, value: undefined });
      },
    }),
  };
  const { log, pump } = scene(items);
  await settled();
  pump.stop();
  pump.stop();
  assertEquals(returned, 1);
  await settled();
  assertEquals(log, ["left"]);
});

Deno.test("it has left only when its iterator has, and says what that has thrown then", async () => {
  const gate = deferred();
  const { log, pump } = scene(
    (async function* () {
      try {
        yield 1;
        yield 2;
      } finally {
        await gate.promise;
        // deno-lint-ignore no-unsafe-finally
        throw new Error("the file could not be closed");
      }
    })(),
    1,
  );
  await settled();
  pump.stop();
  await settled();
  assertEquals(log, [1]);
  gate.resolve();
  await settled();
  assertEquals(log, [1, "left: the file could not be closed"]);
});

Deno.test("an iterator without return, and one whose return throws", async () => {
  const endless = () => ({ next: () => Promise.resolve({ done: false, value: 1 }) });
  const rude = () => ({
    ...endless(),
    return: (): never => {
      throw new Error("never");
    },
  });
  const scenes = [endless, rude].map((iterator) => scene({ [Symbol.asyncIterator]: iterator }, 1));
  await settled();
  for (const { pump } of scenes) pump.stop();
  await settled();
  assertEquals(scenes.map(({ log }) => log), [[1, "left"], [1, "left: never"]]);
});

Deno.test("one that was stopped before it began asks for nothing", async () => {
  let asked = 0;
  const items = {
    [Symbol.asyncIterator](): AsyncIterator<unknown> {
      asked++;
      throw new Error("not used");
    },
  };
  const log: string[] = [];
  const nobody = () => assert(false);
  const owner = { isFull: false, send: nobody as never, ended: nobody, failed: nobody };
  const pump = new ItemPump(items, new Credit(1, 1), { ...owner, left: () => log.push("left") });
  pump.stop();
  pump.start();
  await settled();
  assertEquals([log, asked], [["left"], 0]);
});

Deno.test("an iterable that nobody reads is told, whatever it does", async () => {
  let returned = 0;
  const iterator = {
    next: () => assert(false) as never,
    return: () => {
      returned++;
      return Promise.reject(new Error("never"));
    },
  };
  await leaveUnread({ [Symbol.asyncIterator]: () => iterator });
  await leaveUnread({ [Symbol.asyncIterator]: () => assert(false) as never });
  assertEquals(returned, 1);
});
