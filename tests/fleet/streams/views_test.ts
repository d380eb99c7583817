/** Typed views of a fleet and of one server: which of their methods are streams. */

import { assertEquals, assertRejects } from "@std/assert";
import { RpcError } from "../../../errors.ts";
import { withTaps } from "../../support/streams.ts";

/** What the servers have. */
interface Tap {
  Read(from: number): AsyncGenerator<number>;
  Name(): string;
  Sum(numbers: AsyncIterable<number>): Promise<number>;
}

async function* numbers() {
  yield* [1, 2, 3];
  await Promise.resolve();
}

Deno.test("a view of a fleet: calls, streams, and arguments of items", () =>
  withTaps(2, async ({ world, taps: [a, b], xclient, pass }) => {
    const tap = xclient.service<Tap>("Tap");
    assertEquals(await tap.Name(), "a");
    assertEquals(await tap.Sum(numbers(), { timeoutMs: 1000 }), 6);
    const items = tap.Read(1, { resume: (last: number) => last + 1 });
    const read = (async () => {
      const got: number[] = [];
      for await (const item of items) got.push(item);
      return got;
    })();
    await pass(0);
    a.reads[0].push(1, 2);
    await pass(0);
    world.network.cut(a.address);
    await pass(0);
    assertEquals(b.reads[0].args, 3);
    b.reads[0].push(3);
    b.reads[0].end();
    assertEquals(await read, [1, 2, 3]);
  }));

Deno.test("a stream that is awaited is a call, which its server refuses", () =>
  withTaps(1, async ({ taps: [a], world, xclient }) => {
    const client = await world.dial(a.address);
    for (const view of [xclient.service<Tap>("Tap"), client.service<Tap>("Tap")]) {
      const error = await assertRejects(
        async () => await (view.Read(1) as unknown as Promise<number>),
        RpcError,
        "answers with a stream",
      );
      assertEquals(error.code, "failed_precondition");
      const items = view.Read(1);
      const first = items.next();
      await world.clock.advance(0);
      a.reads.at(-1)!.push(7);
      assertEquals((await first).value, 7);
      await items.return();
      await world.clock.advance(0);
    }
    await client.close();
    for (const read of a.reads) read.isOver = true; // one that is never iterated never begins
  }));
