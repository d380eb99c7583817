/** Signals and deadlines of calls. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { RpcError } from "../../errors.ts";
import { seededRandom } from "../../testing.ts";
import {
  assertFails,
  assertFailure,
  between,
  failure,
  inWorld,
  RawServer,
  settled,
} from "../support/helpers.ts";
import { countingSignal } from "../support/signals.ts";

Deno.test("an abort before, during and after sending rejects with the signal's reason", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const reason = { any: "value" };

    const before = client.call("Gate.Wait", 0, { signal: AbortSignal.abort(reason) });
    assertStrictEquals(await failure(before), reason);
    assertEquals([client.inFlight, gate.begun.length], [0, 0]);

    const during = new AbortController();
    const unsent = failure(client.call("Gate.Wait", 1, { signal: during.signal }));
    const other = client.call("Gate.Echo", "other");
    during.abort(reason);
    assertStrictEquals(await unsent, reason);
    assertEquals(await other, "other");
    await settled();
    assert(gate.begun.every(({ ctx }) => ctx.signal.aborted));

    const begun = gate.begun.length;
    const after = new AbortController();
    const sent = failure(client.call("Gate.Wait", 2, { signal: after.signal }));
    await gate.untilBegun(begun + 1);
    after.abort(reason);
    assertStrictEquals(await sent, reason);
    await settled();
    assert(gate.begun[begun].ctx.signal.aborted);

    const answered = new AbortController();
    assertEquals(await client.call("Gate.Echo", 3, { signal: answered.signal }), 3);
    answered.abort(reason);
    assertEquals(await client.call("Gate.Echo", 4), 4);
    assertEquals(client.inFlight, 0);
    await client.close();
  }));

Deno.test("an abort without a reason is the platform's AbortError", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const controller = new AbortController();
    const call = failure(client.call("Gate.Wait", 1, { signal: controller.signal }));
    controller.abort();
    const error = await call;
    assert(error instanceof DOMException && error.name === "AbortError");
    await client.close();
  }));

Deno.test("an abort of one call never disturbs another, at random", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const random = seededRandom(7);
    for (let round = 0; round < 20; round++) {
      const calls = Array.from({ length: 20 }, (_, n) => {
        const controller = new AbortController();
        const { signal } = controller;
        const fate = between(random, 0, 3);
        const call = fate === 0
          ? client.call("Gate.Wait", n, { signal })
          : client.call("Gate.Echo", n, { signal, timeoutMs: 1e6 });
        const outcome = call.catch((error) => error);
        if (fate === 1) controller.abort(`aborted ${n}`);
        return { n, fate, controller, outcome };
      });
      if (random() < 0.5) await settled();
      for (const { n, fate, controller } of calls) {
        if (fate === 0) controller.abort(`aborted ${n}`);
      }
      for (const { n, fate, outcome } of calls) {
        assertEquals(await outcome, fate <= 1 ? `aborted ${n}` : n);
      }
    }
    await settled();
    assertEquals(client.inFlight, 0);
    assertEquals(gate.aborted.length, gate.begun.length);
    await client.close();
  }));

Deno.test("calls that share a signal share one listener, and leave none", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const { signal, controller, counts } = countingSignal();
    await Promise.all([1, 2, 3].map((n) => client.call("Gate.Echo", n, { signal })));
    assertEquals(counts, { now: 0, most: 1 });
    const outcomes = [1, 2, 3].map((n) => failure(client.call("Gate.Wait", n, { signal })));
    assertEquals(counts.now, 1);
    controller.abort("all");
    assertEquals(await Promise.all(outcomes), ["all", "all", "all"]);
    assertEquals(counts.now, 0);
    await client.close();
  }));

Deno.test("a close takes the listeners off", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const { signal, counts } = countingSignal();
    const call = failure(client.call("Gate.Wait", 1, { signal }));
    assertEquals(counts.now, 1);
    await client.close();
    await call;
    assertEquals(counts.now, 0);
  }));

Deno.test("a dial takes its listener off the signal, however it ends", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const { signal, counts } = countingSignal();
    const client = await world.dial(address, { signal });
    assertEquals(counts.now, 0);
    await client.close();
    await failure(world.dial("memory@nobody", { signal }));
    assertEquals(counts.now, 0);
    assertEquals(world.clock.timers, 0);
  }));

Deno.test("a deadline rejects with a TimeoutError that says where", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const client = await world.dial(address);
    const outcome = failure(client.call("Gate.Wait", 1, { timeoutMs: 500 }));
    const other = client.call("Gate.Wait", 2);
    await gate.untilBegun(2);
    await world.clock.advance(499);
    assertEquals(client.inFlight, 2);
    await world.clock.advance(1);
    const error = await outcome;
    assertFailure(error, {
      code: "TimeoutError",
      execution: "unknown",
      address,
      serviceMethod: "Gate.Wait",
      message: "Gate.Wait at memory@a: no reply within 500 ms",
    });
    assertEquals((error as RpcError).code, "deadline_exceeded");
    assertEquals(gate.aborted.length, 1);
    gate.begun[1].end.resolve("not disturbed");
    assertEquals(await other, "not disturbed");
    await client.close();
  }));

Deno.test("deadlines share one timer, and leave none", () =>
  inWorld(async (world) => {
    const raw = await RawServer.listen(world.network, "memory@raw");
    const client = await world.dial("memory@raw");
    const peer = await raw.accept();
    const calls = [500, 300, 700].map((timeoutMs, n) => client.call("S.M", n, { timeoutMs }));
    await peer.untilLines(6);
    assertEquals(world.clock.timers, 2); // the other looks for silence
    for (const seq of [1, 2, 3]) await peer.reply(seq, seq);
    assertEquals(await Promise.all(calls), [1, 2, 3]);
    await world.clock.advance(1000);
    assertEquals(world.clock.timers, 1);
    const last = failure(client.call("S.M", 4, { timeoutMs: 500 }));
    await client.close();
    await last;
    assertEquals(world.clock.timers, 0);
    await raw.close();
  }));

Deno.test("a timeout that is no number is a RangeError; Infinity and undefined are none", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    await assertRejects(() => client.call("Gate.Echo", 1, { timeoutMs: NaN }), RangeError);
    await assertFails(client.call("Gate.Echo", 1, { timeoutMs: -1 }), {
      code: "TimeoutError",
      execution: "not_sent",
    });
    assertEquals(await client.call("Gate.Echo", 2, { timeoutMs: Infinity }), 2);
    assertEquals(await client.call("Gate.Echo", 3, { timeoutMs: undefined }), 3);
    assertEquals(await client.call("Gate.Echo", 4, { timeoutMs: 1e300 }), 4);
    assertEquals(client.inFlight, 0);
    await client.close();
  }));
