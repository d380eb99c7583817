/** What a reader of a stream iterates. */

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ItemReader, type ItemReaderOptions } from "../../../connection/streams/item_reader.ts";
import { FakeClock } from "../../../testing.ts";
import { settled } from "../../support/helpers.ts";

/** A reader, and what it has said. */
function scene(options: Partial<ItemReaderOptions> = {}) {
  const log: unknown[] = [];
  const source = { consumed: (bytes: number) => void log.push(bytes) };
  const reader = new ItemReader<number>({
    cancel: (reason) => log.push(["cancel", reason]),
    ...options,
  });
  return { log, reader, item: (value: number, bytes = 1) => reader.item(value, bytes, source) };
}

Deno.test("items come in order, whoever waits first: the reader or the item", async () => {
  const { reader, item, log } = scene();
  item(1, 10);
  item(2, 20);
  assertEquals(log, []); // nothing is read yet
  assertEquals(await reader.next(), { done: false, value: 1 });
  assertEquals(log, [10]);
  assertEquals(await reader.next(), { done: false, value: 2 });
  const waiting = [reader.next(), reader.next(), reader.next()];
  item(3, 30);
  item(4, 40);
  reader.end();
  assertEquals(await Promise.all(waiting), [
    { done: false, value: 3 },
    { done: false, value: 4 },
    { done: true, value: undefined },
  ]);
  assertEquals(log, [10, 20, 30, 40]);
});

Deno.test("what was read is not held, however much waits behind it", async () => {
  const { reader, item } = scene();
  for (let round = 0; round < 5; round++) {
    for (let number = 0; number < 1000; number++) item(round * 1000 + number);
    for (let number = 0; number < 990; number++) await reader.next();
  }
  reader.end();
  const left: number[] = [];
  for await (const value of reader) left.push(value);
  assertEquals(left, Array.from({ length: 50 }, (_, index) => 4950 + index));
});

Deno.test("an error stands behind the items that have come, once", async () => {
  const { reader, item } = scene();
  item(1);
  reader.fail(new Error("lost"));
  item(2); // too late
  assertEquals(await reader.next(), { done: false, value: 1 });
  await assertRejects(() => reader.next(), Error, "lost");
  assertEquals(await reader.next(), { done: true, value: undefined });
});

Deno.test("an error at once drops them", async () => {
  const { reader, item } = scene();
  item(1);
  reader.fail(new Error("aborted"), true);
  await assertRejects(() => reader.next(), Error, "aborted");
  assertEquals(await reader.next(), { done: true, value: undefined });
});

Deno.test("an error at once drops them too when the end has come, but not when all is read", async () => {
  const { reader, item } = scene();
  item(1);
  reader.end();
  reader.fail(new Error("aborted"), true);
  await assertRejects(() => reader.next(), Error, "aborted");
  const other = scene();
  other.reader.end();
  other.reader.fail(new Error("aborted"), true);
  assertEquals(await other.reader.next(), { done: true, value: undefined });
});

Deno.test("of several that wait, the first gets the error", async () => {
  const { reader } = scene();
  const first = reader.next();
  const second = reader.next();
  reader.fail(new Error("lost"));
  await assertRejects(() => first, Error, "lost");
  assertEquals(await second, { done: true, value: undefined });
});

Deno.test("break, return and throw cancel, once", async () => {
  const leave: ((reader: ItemReader<number>) => unknown)[] = [
    async (reader) => {
      for await (const _ of reader) break;
    },
    (reader) => reader.return(),
    (reader) => reader[Symbol.asyncDispose](),
    (reader) => assertRejects(() => reader.throw(new Error("mine")), Error, "mine"),
  ];
  for (const [place, how] of leave.entries()) {
    const { reader, item, log } = scene();
    item(1);
    item(2);
    await how(reader);
    await reader.return();
    const [, reason] = log.find(Array.isArray)! as [string, unknown];
    assertEquals(log.filter(Array.isArray).length, 1);
    assertEquals(String(reason), place === 3 ? "Error: mine" : "undefined");
    assertEquals(await reader.next(), { done: true, value: undefined });
    item(3); // nobody reads it
  }
});

Deno.test("one that has ended is not cancelled; nor is one that was never opened", async () => {
  const { reader, log } = scene();
  reader.end();
  await reader.return();
  let opened = 0;
  const other = scene({ open: () => opened++ });
  await other.reader.return();
  assertEquals(await other.reader.next(), { done: true, value: undefined });
  assertEquals([log, other.log, opened], [[], [], 0]);
});

Deno.test("it is opened with the first item that is asked for, and may fail at once", async () => {
  let opened = 0;
  const { reader } = scene({
    open() {
      opened++;
      reader.fail(new Error("refused"), true);
    },
  });
  await settled();
  assertEquals(opened, 0);
  await assertRejects(() => reader.next(), Error, "refused");
  assertEquals([opened, reader.isOver], [1, true]);
});

Deno.test("return tells those that wait", async () => {
  const { reader } = scene();
  const waiting = reader.next();
  assertEquals(await reader.return(5), { done: true, value: 5 } as never);
  assertEquals(await waiting, { done: true, value: undefined });
});

Deno.test("a wait for an item has a limit; what the reader does meanwhile does not count", async () => {
  const clock = new FakeClock();
  const late = new Error("late");
  const { reader, item, log } = scene({ limit: { clock, timeoutMs: 100, error: () => late } });
  const first = reader.next();
  await clock.advance(60);
  item(1);
  await first;
  await clock.advance(1000); // nobody waits
  const second = reader.next();
  await clock.advance(99);
  item(2);
  assertEquals(await second, { done: false, value: 2 });
  const third = reader.next();
  third.catch(() => {});
  await clock.advance(99);
  assertEquals(reader.isOver, false);
  await clock.advance(1);
  assertStrictEquals(await third.catch((error) => error), late);
  assertEquals(log.at(-1), ["cancel", late]);
  assertEquals(clock.timers, 0);
});

Deno.test("its timer ends with the stream", async () => {
  for (const how of ["end", "fail", "return"] as const) {
    const clock = new FakeClock();
    const { reader } = scene({ limit: { clock, timeoutMs: 100, error: () => new Error() } });
    const waiting = reader.next().catch(() => {});
    assertEquals(clock.timers, 1);
    if (how === "fail") reader.fail(new Error("lost"));
    else reader[how]();
    await waiting;
    assertEquals(clock.timers, 0, how);
  }
});
