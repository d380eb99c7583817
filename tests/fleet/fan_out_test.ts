/** One call to many servers: all, a quorum, or the first. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { RpcError } from "../../errors.ts";
import type { FanOutOptions } from "../../fleet/fan_out.ts";
import { assertFails, assertFailure, failure, settled } from "../support/helpers.ts";
import { aborted, attemptsOf, came, hold, receipts, watch, withNodes } from "../support/fleet.ts";

Deno.test("broadcast: all must succeed; the reply is the one that came first", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    hold(nodes);
    const outcome = watch(xclient.broadcast("Work.Do", 1));
    await settled();
    nodes[1].held[0].resolve("b");
    nodes[0].held[0].resolve("a");
    await settled();
    assertEquals(outcome.state, "pending");
    nodes[2].held[0].resolve("c");
    await settled();
    assertEquals([outcome.value, aborted(nodes)], ["b", [0, 0, 0]]);
  }));

Deno.test("broadcast: the first failure is the error, and cancels the others", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    hold(nodes);
    nodes[1].behaviour = "fail";
    const error = await failure(xclient.broadcast("Work.Do", 1));
    assertFailure(error, { code: "unknown", execution: "answered", address: nodes[1].address });
    assertEquals(attemptsOf(error), ["b call fan-out unknown answered"]);
    await settled();
    assertEquals(aborted(nodes), [1, 0, 1]);
  }));

Deno.test("broadcast: each server is called once, whatever it answers", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    nodes[2].behaviour = "reject";
    assertFailure(await failure(xclient.broadcast("Work.Do", 1)), { execution: "rejected" });
    assertEquals(came(nodes), [1, 1, 1]);
  }));

Deno.test("broadcast, quorum: so many successes are enough, the rest is cancelled", () =>
  withNodes(4, async ({ xclient, nodes }) => {
    hold(nodes);
    nodes[0].behaviour = "fail";
    const outcome = watch(xclient.broadcast("Work.Do", 1, { quorum: 2 }));
    await settled();
    nodes[3].held[0].resolve("d");
    await settled();
    assertEquals(outcome.state, "pending");
    nodes[1].held[0].resolve("b");
    await settled();
    assertEquals([outcome.value, aborted(nodes)], ["d", [0, 0, 1, 0]]);
  }));

Deno.test("broadcast, quorum: fails as soon as it can't be reached any more", () =>
  withNodes(4, async ({ xclient, nodes }) => {
    hold(nodes);
    nodes[0].behaviour = "fail";
    nodes[1].behaviour = "reject";
    const error = await failure(xclient.broadcast("Work.Do", 1, { quorum: 3 }));
    // Two more are in flight: nothing is certain of all of them.
    assertFailure(error, { serviceMethod: "Work.Do", execution: "unknown", message: "2 of 4" });
    assertEquals(attemptsOf(error).map((line) => line[0]).sort(), ["a", "b"]);
    assert((error.cause as AggregateError).errors.length === 2);
    await settled();
    assertEquals(aborted(nodes), [0, 0, 1, 1]);
  }));

Deno.test("broadcast, quorum: an error that names no server is certain of what holds for all", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    nodes[0].behaviour = "reject";
    nodes[2].behaviour = "reject";
    const error = await failure(xclient.broadcast("Work.Do", 1, { quorum: 2, concurrency: 1 }));
    assertFailure(error, { execution: "answered", message: "2 of 3" }); // it ran at the second
    hold(nodes);
    const closed = failure(xclient.broadcast("Work.Do", 1, { concurrency: 1 }));
    await settled();
    await xclient.close();
    assertFailure(await closed, { code: "canceled", execution: "unknown" });
  }));

Deno.test("fork: the first success wins, the others are cancelled", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    hold(nodes);
    nodes[0].behaviour = "fail";
    const outcome = watch(xclient.fork("Work.Do", 1));
    await settled();
    assertEquals(outcome.state, "pending");
    nodes[2].held[0].resolve("c");
    await settled();
    assertEquals([outcome.value, aborted(nodes)], ["c", [0, 1, 0]]);
  }));

Deno.test("fork: all fail: the error lists each failure", () =>
  withNodes(3, async ({ xclient, world, nodes }) => {
    nodes[0].behaviour = "fail";
    nodes[1].behaviour = "reject";
    world.network.setFaults(nodes[2].address, { refuse: true });
    const error = await failure(xclient.fork("Work.Do", 1));
    assertFailure(error, { serviceMethod: "Work.Do", execution: "answered", message: "3 of 3" });
    assertEquals(attemptsOf(error).map((line) => line.replace(/ call fan-out/, "")).sort(), [
      "a unknown answered",
      "b unavailable rejected",
      "c unavailable not_sent",
    ]);
  }));

Deno.test("fork: what is certain about all is certain about the fork", () =>
  withNodes(2, async ({ xclient, world, nodes }) => {
    for (const { address } of nodes) world.network.setFaults(address, { refuse: true });
    assertFailure(await failure(xclient.fork("Work.Do", 1)), {
      code: "unavailable",
      execution: "not_sent",
    });
    for (const { address } of nodes) world.network.setFaults(address);
    hold(nodes);
    const cut = failure(xclient.fork("Work.Do", 1));
    await settled();
    for (const { address } of nodes) world.network.cut(address);
    assertFailure(await cut, { code: "unavailable", execution: "unknown" });
  }));

Deno.test("concurrency: so many servers at once, each once", () =>
  withNodes(5, async ({ xclient, nodes }) => {
    hold(nodes);
    const outcome = watch(receipts(xclient, { concurrency: 2 }));
    for (let answered = 0; answered < 5; answered++) {
      await settled();
      assertEquals(came(nodes), nodes.map((_, place) => place < answered + 2 ? 1 : 0));
      nodes[answered].held[0].resolve(answered);
    }
    await settled();
    assertEquals(outcome.value, ["a 0", "b 1", "c 2", "d 3", "e 4"]);
  }));

Deno.test("concurrency: when there are enough replies no further server is called", () =>
  withNodes(5, async ({ xclient, nodes }) => {
    assertEquals(await xclient.fork("Work.Do", 1, { concurrency: 1 }), "a");
    assertEquals(came(nodes), [1, 0, 0, 0, 0]);
    nodes[0].behaviour = "fail";
    await failure(xclient.broadcast("Work.Do", 1, { concurrency: 1 }));
    assertEquals(came(nodes), [2, 0, 0, 0, 0]);
  }));

Deno.test("metadata reaches every server; the caller's objects stay as they are", () =>
  withNodes(2, async ({ xclient, nodes }) => {
    const meta = Object.freeze({ trace: "t" });
    const options = Object.freeze({ meta, timeoutMs: 1000 });
    await xclient.broadcast("Work.Do", 1, options);
    await xclient.fork("Work.Do", 1, options);
    const reason = new RpcError("unknown", "the caller's own");
    hold(nodes);
    const controller = new AbortController();
    const outcome = failure(xclient.broadcast("Work.Do", 1, { signal: controller.signal }));
    await settled();
    controller.abort(reason);
    assertStrictEquals(await outcome, reason);
    assertEquals([reason.attempts, reason.serviceMethod], [[], undefined]);
  }));

Deno.test("a quorum or concurrency that makes no sense is a RangeError", () =>
  withNodes(2, async ({ xclient, nodes }) => {
    const wrong: FanOutOptions[] = [
      { quorum: 0 },
      { quorum: 3 },
      { quorum: NaN },
      { concurrency: 0 },
      { concurrency: NaN },
      { timeoutMs: NaN },
    ];
    for (const options of wrong) {
      assert(await failure(xclient.broadcast("Work.Do", 1, options)) instanceof RangeError);
      assert(await failure(xclient.fork("Work.Do", 1, options)) instanceof RangeError);
      assert(await failure(receipts(xclient, options)) instanceof RangeError);
    }
    assertEquals(came(nodes), [0, 0]);
  }));

Deno.test("no servers; a closed client", () =>
  withNodes(0, async ({ xclient }) => {
    const each = () => [
      xclient.broadcast("Work.Do"),
      xclient.fork("Work.Do"),
      receipts(xclient),
    ];
    for (const outcome of each()) {
      await assertFails(outcome, { code: "unavailable", message: "no available servers" });
    }
    await xclient.close();
    for (const outcome of each()) {
      await assertFails(outcome, { code: "canceled", execution: "not_sent" });
    }
  }));

Deno.test("a client that is closed meanwhile ends them", () =>
  withNodes(2, async ({ client, nodes }) => {
    hold(nodes);
    const xclient = client({});
    const outcomes = [
      failure(xclient.broadcast("Work.Do")),
      failure(xclient.fork("Work.Do")),
    ];
    const all = receipts(xclient);
    await settled();
    await xclient.close();
    for (const outcome of outcomes) assertFailure(await outcome, { code: "canceled" });
    assertEquals(await all, ["a canceled", "b canceled"]);
  }));

Deno.test("a client that is closed meanwhile asks no further server, and waits for none", () =>
  withNodes(20, async ({ client, nodes, world }) => {
    hold(nodes);
    const xclient = client({});
    const all = receipts(xclient, { concurrency: 1, serverTimeoutMs: 60_000 });
    await settled();
    await xclient.close();
    assertEquals(await all, nodes.map(({ name }) => `${name} canceled`));
    assertEquals([came(nodes.slice(0, 2)), world.clock.timers], [[1, 0], 0]);
  }));

Deno.test("a server that is ejected or can't be reached is called all the same", () =>
  withNodes(3, async ({ xclient, world, nodes: [a, b, c] }) => {
    a.behaviour = "broken";
    for (let n = 0; n < 15; n++) await xclient.call("Work.Do", n).catch(() => {});
    assertEquals(xclient.endpoints()[0].health, "ejected");
    a.behaviour = "echo";
    world.network.setFaults(b.address, { refuse: true });
    world.network.cut(b.address);
    await settled();
    assertEquals((await receipts(xclient)).sort(), ["a a", "b unavailable", "c c"]);
    assert(c.came > 0);
  }));
