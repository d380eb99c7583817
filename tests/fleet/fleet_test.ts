/** Who is picked: who can be reached, who is in health, who is listed. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { type EndpointView, SelectMode, type Selector } from "../../selector.ts";
import { XClient } from "../../xclient.ts";
import { type Node, source, watch, withNodes } from "../support/fleet.ts";
import {
  assertFails,
  assertFailure,
  between,
  failure,
  inWorld,
  RawServer,
  settled,
} from "../support/helpers.ts";
import { seededRandom } from "../../testing.ts";

/** Makes so many calls, one after the other, and says who answered. */
async function who(xclient: XClient, calls: number): Promise<string> {
  let answered = "";
  for (let n = 0; n < calls; n++) {
    answered += await xclient.call<string>("Work.Do", n).catch(() => "-");
  }
  return answered;
}

const states = (xclient: XClient) => xclient.endpoints().map(({ health }) => health);
const came = (nodes: readonly Node[]) => nodes.map((node) => node.came);

// Dials.

Deno.test("who can't be reached is not picked while others are there", () =>
  withNodes(3, async ({ xclient, world, nodes: [a, b, c], events }) => {
    world.network.setFaults(b.address, { refuse: true });
    assertEquals(await who(xclient, 9), "acacacaca");
    assertEquals([b.came, a.came + c.came], [0, 9]);
    assertEquals(events.filter((event) => event === "unreachable b").length, 1);
  }));

Deno.test("it is dialled again in the background, after 1 s, then 1.6 times longer each time", () =>
  withNodes(2, async ({ client, world, nodes: [a, b], pass }) => {
    const dials: number[] = [];
    const connect = world.network.connect.bind(world.network);
    world.network.connect = (endpoint, options) => {
      if (endpoint.address === a.address) dials.push(world.clock.now());
      return connect(endpoint, options);
    };
    const xclient = client({ random: () => 0.5 });
    world.network.setFaults(a.address, { refuse: true });
    for (let n = 0; n < 200; n++) {
      assertEquals(await xclient.call("Work.Do", n), "b");
      await pass(100);
    }
    const since = dials.map((at) => Math.round((at - dials[0]) / 100));
    assertEquals(since, [0, 10, 26, 52, 93, 159]);
    world.network.setFaults(a.address);
    for (let n = 0; n < 110; n++) {
      await xclient.call("Work.Do", n);
      await pass(100);
    }
    assertEquals(dials.length, 7);
    assert(a.came > 10 && b.came > 200);
  }));

Deno.test("an address that does not answer keeps no call waiting once others are connected", () =>
  withNodes(3, async ({ xclient, world, nodes: [a, b, c], pass }) => {
    assertEquals(await who(xclient, 3), "abc");
    await a.site.server.close({ graceMs: 0 });
    world.network.setFaults(a.address, { unroutable: true }); // gone without a trace
    await settled();
    for (let n = 0; n < 40; n++) {
      const call = watch(xclient.call("Work.Do", n));
      await settled();
      assertEquals(call.state, "resolved");
      await pass(500); // it is being dialled all the time
    }
    assertEquals(b.came + c.came, 42);
  }));

Deno.test("nobody can be reached: calls dial, and that makes the backoff no longer", () =>
  withNodes(2, async ({ client, world, nodes: [a, b], pass }) => {
    const xclient = client({ random: () => 0.5, maxAttempts: 2 });
    for (const { address } of [a, b]) world.network.setFaults(address, { refuse: true });
    for (let n = 0; n < 100; n++) {
      assertFailure(await failure(xclient.call("Work.Do", n)), {
        code: "unavailable",
        execution: "not_sent",
      });
    }
    for (const { address } of [a, b]) world.network.setFaults(address);
    assertEquals(await who(xclient, 1), "b"); // at once, not after a backoff
    await pass(1700);
    await who(xclient, 1);
    await settled();
    assertEquals(xclient.endpoints().map(({ connected }) => connected), [true, true]);
  }));

Deno.test("a connection that is lost is dialled at once", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], events }) => {
    assertEquals(await who(xclient, 4), "abab");
    world.network.cut(a.address);
    await settled();
    assertEquals(await who(xclient, 1), "b");
    await settled();
    assertEquals(await who(xclient, 4), "baba");
    assertEquals(events.slice(4), ["disconnected a", "connected a"]);
    assertEquals([a.came, b.came], [4, 5]);
  }));

Deno.test("a server that takes connections and cuts them at once is let alone like one that refuses", () =>
  withNodes(2, async ({ client, world, nodes: [a], pass }) => {
    const xclient = client({ random: () => 0.5 });
    assertEquals(await who(xclient, 2), "ba");
    let dials = 0;
    const connect = world.network.connect.bind(world.network);
    world.network.connect = async (endpoint, options) => {
      const transport = await connect(endpoint, options);
      if (endpoint.address === a.address) {
        dials++;
        queueMicrotask(() => world.network.cut(a.address));
      }
      return transport;
    };
    world.network.cut(a.address);
    for (let n = 0; n < 100; n++) {
      await settled();
      assertEquals(await xclient.call("Work.Do", n), "b");
      await pass(100);
    }
    assert(dials >= 3 && dials <= 6, String(dials)); // at 0, 1, 2.6, 5.2 and 9.3 s
    world.network.connect = connect;
  }));

Deno.test("most can't be reached: one that can be again is a sign of hope, one that flaps is not", () =>
  withNodes(4, async ({ client, world, nodes: [a, ...others], pass }) => {
    const dials: string[] = [];
    const connect = world.network.connect.bind(world.network);
    world.network.connect = (endpoint, options) => {
      dials.push(endpoint.address);
      return connect(endpoint, options);
    };
    const xclient = client({ mode: { pick: ([first]) => first }, random: () => 0.5 });
    for (const { address } of others) world.network.setFaults(address, { refuse: true });
    for (let n = 0; n < 50; n++) { // 10 s, in which it is cut off ten times
      await xclient.call("Work.Do", n);
      await pass(200);
      if (n % 5 === 0) world.network.cut(a.address);
      await settled();
    }
    const perServer = others.map(({ address }) => dials.filter((dial) => dial === address).length);
    // At 0, 1, 2.6, 5.2 and 9.3 s.
    assert(perServer.every((count) => count >= 3 && count <= 5), String(perServer));
    for (const { address } of others) world.network.setFaults(address);
    world.network.setFaults(a.address, { refuse: true });
    world.network.cut(a.address);
    await settled();
    await failure(xclient.call("Work.Do", 1, { maxAttempts: 1 })); // all are away
    world.network.setFaults(a.address);
    await pass(1000);
    await xclient.call("Work.Do");
    await pass(100);
    await who(xclient, 1);
    await settled();
    assertEquals(xclient.endpoints().map(({ connected }) => connected), [true, true, true, true]);
  }));

Deno.test("servers that take connections and cut them at once don't end each other's backoff", () =>
  withNodes(3, async ({ client, world, nodes: [a, b, c], pass }) => {
    const dials: string[] = [];
    const connect = world.network.connect.bind(world.network);
    world.network.connect = async (endpoint, options) => {
      dials.push(endpoint.address);
      const transport = await connect(endpoint, options);
      if (endpoint.address !== c.address) queueMicrotask(() => world.network.cut(endpoint.address));
      return transport;
    };
    const xclient = client({ random: () => 0.5 });
    for (let n = 0; n < 100; n++) { // 10 s
      assertEquals(await xclient.call("Work.Do", n), "c");
      await settled();
      await pass(100);
    }
    const count = (node: Node) => dials.filter((dial) => dial === node.address).length;
    assert(count(a) < 12 && count(b) < 12, `${count(a)} and ${count(b)} dials`);
  }));

// Health.

Deno.test("a server whose calls fail is left out after five in a row, then tried with one call", () =>
  withNodes(4, async ({ xclient, nodes, pass, events }) => {
    const [a] = nodes;
    a.behaviour = "broken";
    assertEquals((await who(xclient, 20)).replaceAll(/[bcd]/g, "."), "-...-...-...-...-...");
    assertEquals(states(xclient), ["ejected", "healthy", "healthy", "healthy"]);
    assertEquals(await who(xclient, 6), "bcdbcd");
    await pass(9_999);
    assertEquals(await who(xclient, 3), "bcd");
    await pass(101);
    assertEquals(states(xclient)[0], "trial");
    assertEquals((await who(xclient, 4)).includes("-"), true); // the trial fails
    assertEquals([a.came, states(xclient)[0]], [6, "ejected"]);
    await pass(10_100);
    await who(xclient, 8);
    assertEquals(a.came, 6); // now it is out for 20 s
    await pass(10_000);
    a.behaviour = "echo";
    assertEquals((await who(xclient, 8)).includes("a"), true);
    assertEquals(states(xclient)[0], "healthy");
    assertEquals(events.filter((event) => /ejected|restored/.test(event)), [
      "ejected a",
      "ejected a",
      "restored a",
    ]);
  }));

Deno.test("on trial it gets one call and no more, however long that takes", () =>
  withNodes(3, async ({ xclient, nodes: [a], pass }) => {
    a.behaviour = "broken";
    await who(xclient, 15);
    assertEquals([a.came, states(xclient)[0]], [5, "ejected"]);
    await pass(10_100);
    a.behaviour = "hold";
    const calls = Array.from({ length: 30 }, (_, n) => xclient.call("Work.Do", n));
    await settled();
    await pass(200);
    calls.push(...Array.from({ length: 30 }, (_, n) => xclient.call("Work.Do", n)));
    await settled();
    assertEquals(a.came, 6);
    a.held[0].resolve("a");
    await Promise.all(calls);
    assertEquals(states(xclient)[0], "healthy");
  }, { liveness: { silenceMs: Infinity } }));

Deno.test("a trial that is given up is followed by another", () =>
  withNodes(3, async ({ xclient, nodes: [a], pass }) => {
    a.behaviour = "broken";
    await who(xclient, 15);
    await pass(10_100);
    a.behaviour = "hold";
    const controller = new AbortController();
    const trial = failure(xclient.call("Work.Do", 1, { signal: controller.signal }));
    await settled();
    assertEquals(a.came, 6);
    controller.abort();
    await trial;
    a.behaviour = "echo";
    await pass(100);
    await who(xclient, 3);
    assertEquals([a.came > 6, states(xclient)[0]], [true, "healthy"]);
  }));

Deno.test("a call that can't be made takes no trial away", () =>
  withNodes(3, async ({ client, nodes: [a], pass }) => {
    const controller = new AbortController();
    const { signal } = controller;
    const xclient = client({
      idempotent: (name) => {
        if (name === "Work.Throws") throw new Error("the caller's own");
        if (name === "Work.Aborts") controller.abort("given up");
        return false;
      },
    });
    a.behaviour = "broken";
    await who(xclient, 15);
    assertEquals(states(xclient)[0], "ejected");
    await pass(10_100);
    a.behaviour = "echo";
    await failure(xclient.call("Work.Do", 1, { maxAttempts: NaN }));
    await failure(xclient.call("Work.Throws"));
    await failure(xclient.call("Work.Aborts", 1, { signal }));
    assertEquals([await who(xclient, 1), states(xclient)[0]], ["a", "healthy"]);
  }));

Deno.test("a trial is over when it has ended itself, not when another call there has", () =>
  withNodes(3, async ({ xclient, nodes: [a], pass }) => {
    a.behaviour = "hold";
    const controller = new AbortController();
    const { signal } = controller;
    const old = failure(xclient.call("Work.Do", "old", { signal }));
    await settled();
    a.behaviour = "broken";
    await who(xclient, 17);
    assertEquals([a.came, states(xclient)[0]], [6, "ejected"]);
    await pass(10_100);
    a.behaviour = "hold";
    const trial = xclient.call("Work.Do", "trial");
    await settled();
    controller.abort();
    await old;
    await pass(200);
    assertEquals([(await who(xclient, 4)).includes("a"), a.came], [false, 7]);
    a.held[1].resolve("a");
    await trial;
    assertEquals(states(xclient)[0], "healthy");
  }, { liveness: { silenceMs: Infinity } }));

Deno.test("never more than a tenth is left out, though one may always be", () =>
  withNodes(20, async ({ xclient, nodes }) => {
    for (const node of nodes.slice(0, 6)) node.behaviour = "reject";
    await who(xclient, 200);
    assertEquals(states(xclient).filter((state) => state === "ejected").length, 2);
  }, { retryBudget: { ratio: 1 } }));

Deno.test("with few servers one may be left out", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    for (const node of nodes.slice(0, 2)) node.behaviour = "reject";
    await who(xclient, 60);
    assertEquals(states(xclient).filter((state) => state === "ejected").length, 1);
  }, { retryBudget: { ratio: 1, perSecond: 1000 } }));

Deno.test("of two servers, the one that fails is left out", () =>
  withNodes(2, async ({ xclient, nodes: [a, b] }) => {
    a.behaviour = "broken";
    await who(xclient, 10);
    assertEquals(a.came, 5);
    assertEquals(await who(xclient, 5), "bbbbb");
    assertEquals(b.came, 10);
  }));

Deno.test("if half or more fail, health is ignored: all are used", () =>
  withNodes(4, async ({ xclient, nodes }) => {
    for (const node of nodes.slice(0, 2)) node.behaviour = "broken";
    await who(xclient, 40);
    assertEquals(states(xclient).filter((state) => state === "ejected").length, 1);
    const before = came(nodes);
    await who(xclient, 8);
    assertEquals(came(nodes).map((count, place) => count - before[place]), [2, 2, 2, 2]);
    for (const node of nodes) node.behaviour = "echo";
    await who(xclient, 20);
    assertEquals((await who(xclient, 8)).split("").sort().join(""), "aabbccdd");
  }));

Deno.test("a single server that fails is used all the same", () =>
  withNodes(1, async ({ xclient, nodes: [a] }) => {
    a.behaviour = "broken";
    await who(xclient, 20);
    assertEquals(a.came, 20);
    a.behaviour = "echo";
    assertEquals(await who(xclient, 3), "aaa");
  }));

Deno.test("what handlers throw is the application's business, unless the caller says otherwise", () =>
  withNodes(2, async ({ xclient, client, nodes: [a] }) => {
    a.behaviour = "fail";
    assertEquals(await who(xclient, 20), "-b".repeat(10));
    assertEquals(states(xclient), ["healthy", "healthy"]);
    assertEquals(xclient.endpoints().map(({ failures }) => failures), [0, 0]);
    const strict = client({ isFailure: (error) => error instanceof RpcError });
    await who(strict, 20);
    assertEquals(states(strict), ["ejected", "healthy"]);
  }));

Deno.test("a lost connection is one failure, however many calls it takes along", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b] }) => {
    a.behaviour = b.behaviour = "hold";
    const calls = Array.from({ length: 40 }, (_, n) => xclient.call("Work.Do", n).catch(() => "-"));
    await settled();
    world.network.cut(a.address);
    await settled();
    assertEquals(states(xclient), ["healthy", "healthy"]);
    assertEquals(xclient.endpoints()[0].failures, 20);
    for (const end of b.held) end.resolve("b");
    await Promise.all(calls);
  }));

Deno.test("the calls that a draining connection loses are no failures of who has followed it", () =>
  inWorld(async ({ network, clock }) => {
    const raw = await RawServer.listen(network, "memory@raw");
    const current = [raw.address];
    const xclient = new XClient(source({ current }), { network, clock });
    const lost = Array.from({ length: 10 }, () => failure(xclient.call("S.Old")));
    const before = await raw.accept();
    await before.untilLines(20);
    await before.write('{"ServiceMethod":"","Seq":0,"Drain":true}\nnull\n');
    await settled();
    const next = xclient.call("S.New");
    const after = await raw.accept();
    await after.untilLines(2);
    before.close();
    await Promise.all(lost);
    assertEquals(states(xclient)[0], "healthy");
    await after.reply(1, "new");
    assertEquals(await next, "new");
    await xclient.close();
    await raw.close();
  }));

Deno.test("a server that crashes at every call is let alone, then left out", () =>
  withNodes(3, async ({ client, world, nodes: [a], pass }) => {
    const events: string[] = [];
    const xclient = client({
      random: () => 0.5,
      onEvent: ({ type, address }) => events.push(`${type} ${address.at(-1)}`),
    });
    a.behaviour = "hold";
    for (let n = 0; n < 120; n++) {
      const call = xclient.call("Work.Do", n).catch(() => "-");
      await settled();
      if (a.held.length > 0) {
        a.held.length = 0;
        world.network.cut(a.address);
      }
      await call;
      await pass(100);
    }
    assertEquals([a.came, states(xclient)[0]], [5, "ejected"]); // 1, 1.6, 2.6 and 4.1 s apart
    assert(events.includes("ejected a"));
  }));

Deno.test("dials that fail do not count against a server's health", () =>
  withNodes(2, async ({ xclient, world, nodes: [a], pass }) => {
    world.network.setFaults(a.address, { refuse: true });
    const calls = Array.from({ length: 40 }, (_, n) => xclient.call("Work.Do", n));
    await Promise.all(calls);
    assertEquals(states(xclient), ["healthy", "healthy"]);
    assertEquals(xclient.endpoints()[0].latencyMs, 0);
    assert(xclient.endpoints()[0].failures > 0);
    world.network.setFaults(a.address);
    await pass(1300);
    await who(xclient, 2);
    await settled();
    assertEquals((await who(xclient, 4)).split("").sort().join(""), "aabb");
  }));

Deno.test("a timeout is the fault of who had the time, not of who came late", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], pass }) => {
    a.behaviour = b.behaviour = "hold";
    const call = watch(xclient.call("Work.Do", 1, { idempotent: true, timeoutMs: 1000 }));
    await pass(900);
    world.network.cut(a.address);
    await pass(100);
    assertEquals(call.state, "rejected");
    assertEquals(xclient.endpoints().map(({ failures }) => failures), [1, 0]);
    const late = watch(xclient.call("Work.Do", 1, { timeoutMs: 100 }));
    await pass(100);
    assertEquals(late.state, "rejected");
    assertEquals(xclient.endpoints().map(({ failures }) => failures).sort(), [1, 1]);
  }, { liveness: { silenceMs: Infinity } }));

Deno.test("a timeout is nobody's fault if it was we who stood still", () =>
  withNodes(1, async ({ xclient, world: { clock }, nodes: [a], pass }) => {
    a.behaviour = "hold";
    const now = clock.now.bind(clock);
    const failures: number[] = [];
    for (const lateMs of [10, 49, 50, 60_000]) {
      const error = failure(xclient.call("Work.Do", 1, { timeoutMs: 1000 }));
      await pass(999);
      clock.now = () => now() + lateMs; // the timer is late, replies lie unread
      await pass(1);
      clock.now = now;
      assertFailure(await error, { code: "TimeoutError" });
      failures.push(xclient.endpoints()[0].failures);
    }
    assertEquals(failures, [1, 2, 2, 2]);
  }, { liveness: { silenceMs: Infinity } }));

// The list.

const listed = (xclient: XClient) => xclient.endpoints().map(({ address }) => address.at(-1));

Deno.test("invalid addresses are skipped, the others are not to suffer for them", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const { network, clock } = world;
    const list = ["nonsense", address, "tcp@:::", `${address}?weight=-1`];
    const xclient = new XClient(source({ getAll: () => Promise.resolve(list) }), {
      network,
      clock,
    });
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    assertEquals(listed(xclient), ["a"]);
    await xclient.close();
  }));

Deno.test("a source that only has getAll: its failures, and lists of nonsense, change nothing", () =>
  inWorld(async (world) => {
    for (const name of ["a", "b"]) await world.serve(name);
    const { network, clock } = world;
    let answer: () => Promise<string[]> = () => Promise.reject(new Error("no answer yet"));
    const xclient = new XClient(source({ getAll: () => answer() }), { network, clock });
    assertEquals((await failure(xclient.call("Gate.Echo")) as Error).message, "no answer yet");
    answer = () => Promise.resolve(null as unknown as string[]);
    const message = "discovery gave no list of servers";
    assertEquals((await failure(xclient.call("Gate.Echo")) as Error).message, message);
    answer = () => Promise.resolve(["memory@a"]);
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    answer = () => Promise.reject(new Error("gone"));
    assertEquals(await xclient.call("Gate.Echo", 2), 2);
    answer = () => {
      throw new Error("gone at once");
    };
    assertEquals(await xclient.call("Gate.Echo", 3), 3);
    answer = () => Promise.resolve(["nonsense"]);
    assertEquals(await xclient.call("Gate.Echo", 4), 4);
    for (const nothing of [null, undefined, {}]) {
      answer = () => Promise.resolve(nothing as string[]);
      assertEquals(await xclient.call("Gate.Echo", 4), 4);
    }
    answer = () => Promise.resolve(["memory@b"]);
    assertEquals(await xclient.call("Gate.Echo", 5), 5);
    assertEquals(listed(xclient), ["b"]);
    await xclient.close();
  }));

Deno.test("a source that is slow to answer: of two answers the later one's question counts", () =>
  inWorld(async (world) => {
    for (const name of ["a", "b"]) await world.serve(name);
    const { network, clock } = world;
    const answers: ((list: string[]) => void)[] = [];
    const getAll = () => new Promise<string[]>((resolve) => answers.push(resolve));
    const xclient = new XClient(source({ getAll }), { network, clock });
    const calls = [xclient.call("Gate.Echo", 1), xclient.call("Gate.Echo", 2)];
    answers[1](["memory@b"]);
    await settled();
    answers[0](["memory@a"]); // it was asked first
    await Promise.all(calls);
    assertEquals(listed(xclient), ["b"]);
    await xclient.close();
  }));

Deno.test("a source that never answers: deadline, signal and close count all the same", () =>
  inWorld(async (world) => {
    const { network, clock } = world;
    const xclient = new XClient(source({ getAll: () => new Promise(() => {}) }), {
      network,
      clock,
    });
    const late = failure(xclient.call("Gate.Echo", 1, { timeoutMs: 100 }));
    await clock.advance(100);
    assertFailure(await late, { code: "TimeoutError", execution: "not_sent" });
    const controller = new AbortController();
    const aborted = failure(xclient.call("Gate.Echo", 1, { signal: controller.signal }));
    controller.abort("enough");
    assertEquals(await aborted, "enough");
    const closed = failure(xclient.call("Gate.Echo", 1));
    await xclient.close();
    assertFailure(await closed, { code: "canceled", execution: "not_sent" });
  }));

Deno.test("a source that fails, and a call that nobody waits for: nothing is left unhandled", () =>
  inWorld(async ({ network, clock }) => {
    const getAll = () => Promise.reject(new Error("no answer"));
    const xclient = new XClient(source({ getAll }), { network, clock });
    assertFailure(await failure(xclient.call("Gate.Echo", 1, { timeoutMs: 0 })), {
      code: "TimeoutError",
    });
    const signal = AbortSignal.abort("reason");
    assertEquals(await failure(xclient.call("Gate.Echo", 1, { signal })), "reason");
    await settled();
    await xclient.close();
  }));

Deno.test("a list with nothing valid in it, and none before it: the call says so", () =>
  inWorld(async ({ network, clock }) => {
    for (
      const methods of [
        { current: ["nonsense"] },
        { getAll: () => Promise.resolve(["nonsense"]) },
      ]
    ) {
      const xclient = new XClient(source(methods), { network, clock });
      let isSync = true;
      const error = failure(xclient.call("Gate.Echo", 1)).finally(() => isSync = false);
      assert(isSync);
      assertFailure(await error, { code: "invalid_argument", message: "nonsense" });
      await xclient.close();
    }
  }));

Deno.test("a source that is watched: who leaves is let go without any call", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], list }) => {
    assertEquals(await who(xclient, 2), "ab");
    await list([b]);
    await settled();
    assertEquals(world.network.connections(a.address), 0);
    assertEquals(listed(xclient), ["b"]);
  }));

Deno.test("a watch that tells nonsense, or breaks, does no harm", () =>
  inWorld(async (world) => {
    for (const name of ["a", "b"]) await world.serve(name);
    const { network, clock } = world;
    const lists: (string[] | Error)[] = [["memory@a"], ["nonsense"], [], new Error("broken")];
    const told: string[] = [];
    let current: readonly string[] = ["memory@a"];
    const discovery = source({
      async *watch() {
        for (const list of lists) {
          await settled();
          if (list instanceof Error) throw list;
          told.push(list.join());
          yield list;
        }
      },
    });
    Object.defineProperty(discovery, "current", { get: () => current });
    const xclient = new XClient(discovery, { network, clock });
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    for (let n = 0; n < 6; n++) await settled();
    assertEquals(told.length, 3);
    current = ["memory@b"];
    assertEquals(await xclient.call("Gate.Echo", 2), 2);
    assertEquals(listed(xclient), ["b"]);
    await xclient.close();
  }));

Deno.test("an empty list is one: by hand all servers can be taken off", () =>
  withNodes(1, async ({ xclient, list, nodes: [a] }) => {
    assertEquals(await who(xclient, 1), "a");
    await list([]);
    const wanted = { code: "unavailable", message: "no available servers" } as const;
    await assertFails(xclient.call("Work.Do"), { ...wanted, serviceMethod: "Work.Do" });
    await list([a]);
    assertEquals(await who(xclient, 1), "a");
  }));

Deno.test("a server that leaves finishes its calls, then its connection is closed", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], list, pass, events }) => {
    a.behaviour = "hold";
    const call = watch(xclient.call("Work.Do", 1));
    await settled();
    await list([b]);
    await settled();
    assertEquals([listed(xclient), events.at(-1)], [["b"], "left a"]);
    await pass(5000);
    assertEquals([call.state, world.network.connections(a.address)], ["pending", 1]);
    a.held[0].resolve("a");
    await settled();
    assertEquals([call.value, world.network.connections(a.address)], ["a", 0]);
  }));

Deno.test("a server that left and comes back while its calls end gets a connection of its own", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], list }) => {
    a.behaviour = "hold";
    const call = watch(xclient.call("Work.Do", 1));
    await settled();
    await list([b]);
    await settled();
    a.behaviour = "echo";
    await list([a, b]);
    assertEquals((await who(xclient, 2)).split("").sort().join(""), "ab");
    assertEquals(world.network.connections(a.address), 2);
    a.held[0].resolve("old");
    await settled();
    assertEquals([call.value, world.network.connections(a.address)], ["old", 1]);
  }));

Deno.test("a server that is dialled when it leaves serves who waits for it", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], list, pass }) => {
    world.network.setFaults(a.address, { delayMs: 100 });
    const call = watch(xclient.call("Work.Do", 1));
    await list([b]);
    await pass(50);
    world.network.setFaults(a.address);
    await pass(50);
    assertEquals([call.value, world.network.connections(a.address)], ["a", 0]);
  }));

Deno.test("servers join and leave under load: no call fails", async () => {
  for (const mode of Object.values(SelectMode)) {
    await withNodes(6, async ({ client, nodes, list, pass }) => {
      const random = seededRandom(5);
      const xclient = client({ mode, random });
      const answers: Promise<unknown>[] = [];
      for (let step = 0; step < 120; step++) {
        for (let n = 0; n < 5; n++) {
          answers.push(xclient.call("Work.Do", step, { key: String(n), timeoutMs: 5000 }));
        }
        for (const node of nodes) {
          node.behaviour = random() < 0.5 ? "hold" : "echo";
          for (const end of node.held.splice(0)) end.resolve(node.name);
        }
        if (random() < 0.4) await pass(between(random, 0, 20));
        if (random() < 0.3) {
          await list(nodes.filter((_, place) => place === step % 6 || random() < 0.5));
        }
      }
      for (const node of nodes) {
        node.behaviour = "echo";
        for (const end of node.held.splice(0)) end.resolve(node.name);
      }
      await pass(0);
      await pass(0);
      for (const node of nodes) for (const end of node.held.splice(0)) end.resolve(node.name);
      await Promise.all(answers);
    });
  }
});

// A policy of the caller's own.

Deno.test("a caller's own policy: it sees the servers, and picks", () =>
  withNodes(3, async ({ client, nodes }) => {
    const seen: EndpointView[][] = [];
    const mode: Selector = {
      pick: (candidates) => (seen.push([...candidates]), candidates.at(-1)),
    };
    const xclient = client({ mode });
    assertEquals(await who(xclient, 3), "ccc");
    assertEquals(seen[0].map(({ address }) => address), nodes.map(({ address }) => address));
    assertEquals(seen[2].map(({ inFlight }) => inFlight), [0, 0, 0]);
    const error = await failure(client({ mode, maxAttempts: 1 }).call("Work.None"));
    assertFailure(error, { code: "unimplemented" });
    assertEquals(error.attempts[0].why, "selector");
  }));

Deno.test("a caller's own policy sees figures, the same object for the same server, and nothing else", () =>
  withNodes(2, async ({ client, list, nodes: [a, b] }) => {
    const seen: (readonly EndpointView[])[] = [];
    const mode: Selector = {
      pick: (candidates) => (seen.push(candidates), candidates[0]),
    };
    const xclient = client({ mode });
    a.behaviour = "hold";
    const call = xclient.call("Work.Do", 1);
    await settled();
    const [view] = seen[0];
    assertEquals({ ...view }, {
      address: a.address,
      weight: 1,
      inFlight: 1,
      oldestAtMs: 0,
      latencyMs: 0,
      peakMs: 0,
      updatedAtMs: 0,
    });
    for (const candidates of seen) {
      assert(Object.isFrozen(candidates) && candidates.every(Object.isFrozen));
      assertEquals(candidates.map(Object.getPrototypeOf), [Object.prototype, Object.prototype]);
    }
    a.held[0].resolve("a");
    await call;
    a.behaviour = "echo";
    await xclient.call("Work.Do", 1);
    assertStrictEquals(seen[1], seen[0]); // the same array until they change
    await list([b, a]);
    await xclient.call("Work.Do", 1);
    assertStrictEquals(seen[2][1], view);
    assertEquals(view.inFlight, 0);
  }));

Deno.test("a caller's own policy that picks none, a stranger, or throws: the call says so", () =>
  withNodes(2, async ({ client, nodes }) => {
    const thrown = new Error("the policy's own");
    const strange = { ...client({}).endpoints()[0] } as unknown as EndpointView;
    const policies: [Selector, (error: unknown) => void][] = [
      [{ pick: () => undefined }, (error) => {
        assertFailure(error, {
          code: "unavailable",
          serviceMethod: "Work.Do",
          message: "picked none",
        });
      }],
      [
        { pick: () => strange } as unknown as Selector,
        (error) => assert(error instanceof TypeError),
      ],
      [{
        pick: () => {
          throw thrown;
        },
      }, (error) => assertStrictEquals(error, thrown)],
    ];
    for (const [mode, check] of policies) {
      const xclient = client({ mode });
      check(await failure(xclient.call("Work.Do", 1, { timeoutMs: 1000 })));
      check(await failure(xclient.call("Work.Do", 1, { timeoutMs: 1000 })));
    }
    assertEquals(came(nodes), [0, 0]);
  }));

Deno.test("a policy that throws at a second pick fails its call, and spares the connection", () =>
  withNodes(2, async ({ client, nodes: [a, b], world }) => {
    let picks = 0;
    const mode: Selector = {
      pick: (candidates) => {
        if (++picks === 3) throw new Error("no more");
        return candidates[0];
      },
    };
    const xclient = client({ mode });
    a.behaviour = "hold";
    const other = watch(xclient.call("Work.Do", 1));
    await settled();
    a.behaviour = "reject";
    const error = await failure(xclient.call("Work.Do", 2));
    assertEquals((error as Error).message, "no more");
    a.held[0].resolve("unharmed");
    await settled();
    assertEquals([other.value, world.network.connections(a.address), b.came], ["unharmed", 1, 0]);
  }));

Deno.test("consistent hash without a key: the call says so", () =>
  withNodes(2, async ({ client }) => {
    const xclient = client({ mode: SelectMode.ConsistentHash });
    await assertFails(xclient.call("Work.Do"), { code: "invalid_argument", message: "key" });
    const first = await xclient.call("Work.Do", 1, { key: "k" });
    for (let n = 0; n < 5; n++) assertEquals(await xclient.call("Work.Do", 1, { key: "k" }), first);
  }));

Deno.test("consistent hash: a key goes home again when its server is back", () =>
  withNodes(4, async ({ client, nodes, world, pass }) => {
    const xclient = client({ mode: SelectMode.ConsistentHash });
    const home = await xclient.call<string>("Work.Do", 1, { key: "k" });
    const node = nodes.find(({ name }) => name === home)!;
    world.network.setFaults(node.address, { refuse: true });
    world.network.cut(node.address);
    await settled();
    const away = await xclient.call("Work.Do", 1, { key: "k" });
    assert(away !== home);
    world.network.setFaults(node.address);
    await pass(2000);
    await xclient.call("Work.Do", 1, { key: "k" });
    await settled();
    assertEquals(await xclient.call("Work.Do", 1, { key: "k" }), home);
  }));

Deno.test("a weight that changes counts from the next call on", () =>
  withNodes(2, async ({ client, nodes, discovery }) => {
    const xclient = client({ mode: SelectMode.WeightedRoundRobin });
    const [one, other] = nodes.map(({ address }) => address);
    await discovery.update([one, `${other}?weight=1`]);
    for (let call = 0; call < 8; call++) await xclient.call("Work.Do", 1);
    assertEquals(came(nodes), [4, 4]);
    await discovery.update([one, `${other}?weight=3`]);
    for (let call = 0; call < 8; call++) await xclient.call("Work.Do", 1);
    assertEquals(came(nodes), [6, 10]);
  }));

Deno.test("beyond 128 servers a policy that looks at each is shown 128, the others all", () =>
  inWorld(async ({ network, clock }) => {
    const list = Array.from({ length: 300 }, (_, n) => `memory@nobody-${n}`);
    const shown: number[] = [];
    const own = (subsets: boolean): Selector => ({
      subsets,
      pick: (candidates) => {
        shown.push(candidates.length);
        return candidates[0];
      },
    });
    for (const subsets of [true, false]) {
      const mode = own(subsets);
      const xclient = new XClient(source({ current: list }), {
        network,
        clock,
        mode,
        random: seededRandom(1),
        maxAttempts: 1,
      });
      await failure(xclient.call("Work.Do"));
      assertEquals(xclient.endpoints().length, 300);
      await xclient.close();
    }
    assertEquals(shown, [128, 300]);
  }));
