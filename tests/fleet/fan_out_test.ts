/** One call to many servers: all, a quorum, the first, or each as it comes. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { RpcError, TimeoutError } from "../../errors.ts";
import type { FanOutOptions, Receipt } from "../../fleet/fan_out.ts";
import { XClient } from "../../xclient.ts";
import { type Node, source, story, watch, withNodes } from "../support/fleet.ts";
import { assertFails, assertFailure, deferred, failure, settled } from "../support/helpers.ts";

/** A receipt in short: `a replied`. */
function short(receipt: Receipt<unknown>): string {
  const name = receipt.address.replace("memory@", "");
  if (receipt.ok) return `${name} ${receipt.reply}`;
  const { error } = receipt;
  return `${name} ${
    error instanceof RpcError && !(error instanceof TimeoutError)
      ? error.code
      : (error as Error)?.name ?? error
  }`;
}

/** All receipts, or what it ends with. */
async function receipts(xclient: XClient, options: FanOutOptions = {}): Promise<string[]> {
  const all: string[] = [];
  for await (const receipt of xclient.inform("Work.Do", 1, options)) all.push(short(receipt));
  return all;
}

function hold(nodes: readonly Node[]): void {
  for (const node of nodes) node.behaviour = "hold";
}

const aborted = (nodes: readonly Node[]) => nodes.map((node) => node.aborted);
const came = (nodes: readonly Node[]) => nodes.map((node) => node.came);

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
    assertEquals(story(error), ["b call fan-out unknown answered"]);
    await settled();
    assertEquals(aborted(nodes), [1, 0, 1]);
  }));

Deno.test("broadcast: each server is asked once, whatever it says", () =>
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
    assertFailure(error, { serviceMethod: "Work.Do", execution: "answered", message: "2 of 4" });
    assertEquals(story(error).map((line) => line[0]).sort(), ["a", "b"]);
    assert((error.cause as AggregateError).errors.length === 2);
    await settled();
    assertEquals(aborted(nodes), [0, 0, 1, 1]);
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

Deno.test("fork: all fail: the error tells each", () =>
  withNodes(3, async ({ xclient, world, nodes }) => {
    nodes[0].behaviour = "fail";
    nodes[1].behaviour = "reject";
    world.network.setFaults(nodes[2].address, { refuse: true });
    const error = await failure(xclient.fork("Work.Do", 1));
    assertFailure(error, { serviceMethod: "Work.Do", execution: "answered", message: "3 of 3" });
    assertEquals(story(error).map((line) => line.replace(/ call fan-out/, "")).sort(), [
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

Deno.test("inform: one receipt a server as it comes, the unreachable included", () =>
  withNodes(4, async ({ xclient, world, nodes }) => {
    const [a, b, c, d] = nodes;
    hold([a]);
    b.behaviour = "fail";
    world.network.setFaults(c.address, { refuse: true });
    const seen: string[] = [];
    const over = (async () => {
      for await (const receipt of xclient.inform("Work.Do", 1)) {
        seen.push(short(receipt));
        assert(receipt.elapsedMs >= 0);
        assertEquals("reply" in receipt, receipt.ok);
      }
    })();
    await settled();
    assertEquals([...seen].sort(), ["b unknown", "c unavailable", "d d"]);
    a.held[0].resolve("a");
    await over;
    assertEquals([seen.length, seen[3], d.came], [4, "a a", 1]);
  }));

Deno.test("inform: who stops early cancels the rest", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    hold(nodes.slice(1));
    for await (const receipt of xclient.inform("Work.Do", 1)) {
      assertEquals(short(receipt), "a a");
      break;
    }
    await settled();
    assertEquals(aborted(nodes), [0, 1, 1]);
  }));

Deno.test("inform: an abort, and every server that is left says so", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    hold(nodes.slice(1));
    const controller = new AbortController();
    const all = receipts(xclient, { signal: controller.signal });
    await settled();
    controller.abort("enough");
    assertEquals((await all).sort(), ["a a", "b enough", "c enough"]);
    await settled();
    assertEquals(aborted(nodes), [0, 1, 1]);
    const late = receipts(xclient, { signal: controller.signal });
    assertEquals(await failure(late), "enough");
  }));

Deno.test("inform: a timeout, and every server that is left says so", () =>
  withNodes(3, async ({ xclient, nodes, pass }) => {
    hold(nodes.slice(1));
    const all = receipts(xclient, { timeoutMs: 60_000 });
    await pass(60_000);
    assertEquals((await all).sort(), ["a a", "b TimeoutError", "c TimeoutError"]);
  }));

Deno.test("inform, quorum: ends when enough have succeeded", () =>
  withNodes(4, async ({ xclient, nodes }) => {
    nodes[0].behaviour = "fail";
    hold(nodes.slice(3));
    const all = await receipts(xclient, { quorum: 2 });
    assertEquals(all.sort(), ["a unknown", "b b", "c c"]);
    await settled();
    assertEquals(aborted(nodes), [0, 0, 0, 1]);
  }));

Deno.test("inform: one that is never gone through asks nobody", () =>
  withNodes(2, async ({ xclient, nodes }) => {
    const receipts = xclient.inform("Work.Do", 1);
    await settled();
    assertEquals(came(nodes), [0, 0]);
    await receipts.return(undefined);
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

Deno.test("concurrency: when there is enough nobody else is asked", () =>
  withNodes(5, async ({ xclient, nodes }) => {
    assertEquals(await xclient.fork("Work.Do", 1, { concurrency: 1 }), "a");
    assertEquals(came(nodes), [1, 0, 0, 0, 0]);
    nodes[0].behaviour = "fail";
    await failure(xclient.broadcast("Work.Do", 1, { concurrency: 1 }));
    assertEquals(came(nodes), [2, 0, 0, 0, 0]);
  }));

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
  withNodes(2, async ({ xclient, nodes }) => {
    hold(nodes);
    const alive = setTimeout(() => {}, 10_000); // the timer of a deadline keeps no process alive
    for (const one of ["broadcast", "fork"] as const) {
      const error = await failure(xclient[one]("Work.Do", 1, { timeoutMs: 5 }));
      assertFailure(error, {
        code: "TimeoutError",
        serviceMethod: "Work.Do",
        message: "within 5 ms from memory@a, memory@b",
      });
      assert(error instanceof TimeoutError);
    }
    clearTimeout(alive);
    await settled();
    assertEquals(aborted(nodes), [2, 2]);
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
    assertEquals([a.came, a.leftMs], [1, [300]]);
    await pass(300);
    const message = "no reply within 1000 ms from memory@a";
    assertFailure(await call, { code: "TimeoutError", message });
    await xclient.close();
  }));

Deno.test("a server that is left out, or that nobody can reach, is asked all the same", () =>
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
