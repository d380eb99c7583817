/** The time that a call to all servers has, and its signal. */

import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../clock.ts";
import { TimeoutError } from "../../errors.ts";
import type { FanOutOptions, Receipt } from "../../fleet/fan_out.ts";
import { XClient } from "../../xclient.ts";
import { assertFailure, deferred, failure, settled } from "../support/helpers.ts";
import { aborted, hold, receipts, source, watch, withNodes } from "../support/fleet.ts";

Deno.test("serverTimeoutMs: each server has so long, and is named when it is late", () =>
  withNodes(3, async ({ xclient, nodes, pass }) => {
    hold(nodes.slice(2));
    const options = { serverTimeoutMs: 100, timeoutMs: 60_000 };
    const all = watch(receipts(xclient, options));
    await pass(100);
    assertEquals(all.value?.sort(), ["a a", "b b", "c TimeoutError"]);
    const outcome = failure(xclient.broadcast("Work.Do", 1, options));
    await pass(100);
    assertFailure(await outcome, {
      code: "TimeoutError",
      address: nodes[2].address,
      serviceMethod: "Work.Do",
    });
    const quorum = watch(xclient.broadcast("Work.Do", 1, { ...options, quorum: 2 }));
    await settled();
    assertEquals(quorum.value, "a");
  }));

Deno.test("a timeout for all of it, on the system's own clock too", () =>
  withNodes(2, async ({ client, nodes }) => {
    const xclient = client({ clock: systemClock });
    await xclient.broadcast("Work.Do", 1); // connected, so that each call is sent at once
    hold(nodes);
    for (const one of ["broadcast", "fork"] as const) {
      const error = await failure(xclient[one]("Work.Do", 1, { timeoutMs: 100 }));
      assertFailure(error, {
        code: "TimeoutError",
        execution: "unknown",
        address: nodes[0].address,
        serviceMethod: "Work.Do",
        message: "within 100 ms from memory@a, memory@b",
      });
      assert(error instanceof TimeoutError);
    }
    await settled();
    assertEquals(aborted(nodes), [2, 2]);
  }));

/** As strict as Node's, and at an end at once: no call may depend on it. */
async function withStrictPlatform(body: () => Promise<void>): Promise<void> {
  const { timeout } = AbortSignal;
  AbortSignal.timeout = (ms) => {
    if (!Number.isInteger(ms) || ms > 2 ** 32 - 1) throw new RangeError(`${ms} ms are refused`);
    return AbortSignal.abort(new DOMException("the platform's", "TimeoutError"));
  };
  try {
    await body();
  } finally {
    AbortSignal.timeout = timeout;
  }
}

Deno.test("the time is that of the injected clock, whatever it is and the platform's timers do", () =>
  withStrictPlatform(() =>
    withNodes(2, async ({ xclient, nodes, pass }) => {
      hold(nodes.slice(1));
      for (const timeoutMs of [1500.5, 2 ** 31, 2 ** 53, 1e300, Infinity, undefined]) {
        const controller = new AbortController();
        const options = { timeoutMs, signal: controller.signal };
        const all = watch(receipts(xclient, options));
        const broadcast = watch(xclient.broadcast("Work.Do", 1, options));
        assertEquals(await xclient.fork("Work.Do", 1, options), "a");
        await pass(1500);
        assertEquals([all.state, broadcast.state], ["pending", "pending"]);
        if (timeoutMs === 1500.5) {
          await pass(0.5);
          assertFailure(broadcast.error, { code: "TimeoutError", message: "within 1500.5 ms" });
          assertEquals(all.value, ["a a", "b TimeoutError"]);
        } else {
          controller.abort("enough");
          await settled();
          assertEquals(broadcast.error, "enough");
          assertEquals(all.value, ["a a", "b enough"]);
        }
      }
    })
  ));

Deno.test("at the deadline each error names its server and method, and what is certain", () =>
  withNodes(4, async ({ xclient, world, nodes: [a, b, c, d], pass }) => {
    hold([b]);
    world.network.setFaults(c.address, { unroutable: true });
    const seen: unknown[] = [];
    const over = (async () => {
      const options = { timeoutMs: 400, concurrency: 3 };
      for await (const receipt of xclient.inform("Work.Do", 1, options)) {
        if (!receipt.ok) seen.push(receipt.error);
        if (receipt.address === a.address) hold([d]);
      }
    })();
    await pass(400);
    await over;
    const executions = { [b.address]: "unknown", [c.address]: "not_sent", [d.address]: "unknown" };
    assertEquals(seen.length, 3);
    for (const error of seen as TimeoutError[]) {
      assert(error instanceof TimeoutError);
      const { address = "", serviceMethod, execution } = error;
      assertEquals([serviceMethod, execution], ["Work.Do", executions[address]], address);
      delete executions[address];
    }
    const options = { timeoutMs: 400, concurrency: 1 };
    const late: Receipt<unknown>[] = [];
    const all = (async () => {
      for await (const receipt of xclient.inform("Work.Do", 1, options)) late.push(receipt);
    })();
    await pass(400);
    await all;
    const [, , , last] = late;
    assertEquals(last.address, d.address);
    assertFailure(last.ok ? undefined : last.error, {
      code: "TimeoutError",
      execution: "not_sent", // it was never asked
      address: d.address,
      serviceMethod: "Work.Do",
    });
  }));

Deno.test("a broadcast that could not be sent anywhere in time is not_sent", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass }) => {
    for (const { address } of [a, b]) world.network.setFaults(address, { unroutable: true });
    const nowhere = failure(xclient.broadcast("Work.Do", 1, { timeoutMs: 100 }));
    await pass(100);
    const wanted = { code: "TimeoutError", serviceMethod: "Work.Do" } as const;
    assertFailure(await nowhere, { ...wanted, execution: "not_sent", address: a.address });
    world.network.setFaults(a.address);
    world.network.cut(a.address);
    await pass(10_000);
    const half = failure(xclient.broadcast("Work.Do", 1, { timeoutMs: 100 }));
    await pass(100);
    assertFailure(await half, { ...wanted, execution: "unknown", address: b.address });
  }));

Deno.test("a signal that aborts in the turn in which the list comes: its reason, and nothing is sent", () =>
  withNodes(1, async ({ world, nodes: [a] }) => {
    const { network, clock } = world;
    for (const one of ["broadcast", "fork", "inform"] as const) {
      const answer = deferred<string[]>();
      const xclient = new XClient({ getAll: () => answer.promise }, { network, clock });
      const controller = new AbortController();
      const options = { signal: controller.signal, timeoutMs: 1000 };
      const outcome = failure(
        one === "inform" ? receipts(xclient, options) : xclient[one]("Work.Do", 1, options),
      );
      await settled();
      answer.resolve([a.address]);
      answer.promise.then(() => controller.abort("enough"));
      assertEquals(await outcome, "enough");
      await settled();
      await xclient.close();
    }
    assertEquals([a.came, clock.timers], [0, 0]);
  }));

Deno.test("while discovery is asked, deadline, signal and close count already", () =>
  withNodes(1, async ({ world, pass }) => {
    const { network, clock } = world;
    const answer = deferred<string[]>();
    const discovery = source({ getAll: () => answer.promise });
    const xclient = new XClient(discovery, { network, clock });
    const controller = new AbortController();
    const { signal } = controller;
    const each = (options: FanOutOptions) => [
      failure(xclient.broadcast("Work.Do", 1, options)),
      failure(xclient.fork("Work.Do", 1, options)),
      failure(receipts(xclient, options)),
    ];
    const late = each({ timeoutMs: 100 });
    const aborted = each({ signal });
    const rest = each({ timeoutMs: 60_000, signal: new AbortController().signal });
    await pass(100);
    for (const error of late) {
      const serviceMethod = "Work.Do";
      assertFailure(await error, { code: "TimeoutError", execution: "not_sent", serviceMethod });
    }
    controller.abort("enough");
    for (const error of aborted) assertEquals(await error, "enough");
    await xclient.close();
    for (const error of rest) {
      assertFailure(await error, { code: "canceled", execution: "not_sent" });
    }
    assertEquals(clock.timers, 0);
    answer.resolve([]);
  }));

Deno.test("the time that discovery takes is part of the time for all", () =>
  withNodes(1, async ({ world, pass, nodes: [a] }) => {
    const { network, clock } = world;
    const answer = deferred<string[]>();
    const discovery = source({ getAll: () => answer.promise });
    const xclient = new XClient(discovery, { network, clock });
    hold([a]);
    const call = failure(xclient.broadcast("Work.Do", 1, { timeoutMs: 1000 }));
    await pass(700);
    answer.resolve([a.address]);
    await settled();
    assertEquals([a.came, Math.round(a.leftMs[0]!)], [1, 300]);
    await pass(300);
    const message = "no reply within 1000 ms from memory@a";
    assertFailure(await call, { code: "TimeoutError", message });
    await xclient.close();
  }));
