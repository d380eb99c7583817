/** The list of servers: where it comes from, who joins and who leaves. */

import { assert, assertEquals } from "@std/assert";
import type { FanOutOptions } from "../../fleet/fan_out.ts";
import { SelectMode } from "../../selector.ts";
import { XClient } from "../../xclient.ts";
import {
  assertFails,
  assertFailure,
  between,
  deferred,
  failure,
  inWorld,
  settled,
} from "../support/helpers.ts";
import { seededRandom } from "../../testing.ts";
import { answeredBy, listed, source, watch, withNodes } from "../support/fleet.ts";

Deno.test("invalid addresses are skipped, and the others are used", () =>
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

Deno.test("a source that fails, and a call that does not wait for it: no unhandled rejection", () =>
  inWorld(async ({ network, clock }) => {
    const getAll = () => Promise.reject(new Error("no answer"));
    const xclient = new XClient(source({ getAll }), { network, clock });
    assertFailure(await failure(xclient.call("Gate.Echo", 1, { timeoutMs: 0 })), {
      code: "TimeoutError",
    });
    const signal = AbortSignal.abort("reason");
    assertEquals(await failure(xclient.call("Gate.Echo", 1, { signal })), "reason");
    // Wrong options, found only when the list has been asked for already.
    for (const wrong of [null, { signal: {} }, { signal: 5 }]) {
      const options = wrong as unknown as FanOutOptions;
      assert(await failure(xclient.call("Gate.Echo", 1, options)) instanceof TypeError);
      assert(await failure(xclient.broadcast("Gate.Echo", 1, options)) instanceof TypeError);
      assert(await failure(xclient.fork("Gate.Echo", 1, options)) instanceof TypeError);
      const inform = xclient.inform("Gate.Echo", 1, options);
      assert(await failure(inform.next()) instanceof TypeError);
    }
    await settled();
    await xclient.close();
  }));

Deno.test("a first call over a list that has to be waited for, with fractions of milliseconds", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const { network, clock } = world;
    const timeoutMs = 1500.5;
    const asks: Record<string, (xclient: XClient) => Promise<unknown>> = {
      call: (xclient) => xclient.call("Gate.Echo", 1, { timeoutMs }),
      broadcast: (xclient) => xclient.broadcast("Gate.Echo", 1, { timeoutMs }),
      fork: (xclient) => xclient.fork("Gate.Echo", 1, { timeoutMs }),
      inform: async (xclient) => {
        for await (const receipt of xclient.inform("Gate.Echo", 1, { timeoutMs })) {
          return receipt.ok && receipt.reply;
        }
      },
    };
    for (const [name, ask] of Object.entries(asks)) {
      for (const comesAfterMs of [0.3, 1500.4, 1501]) {
        const list = deferred<string[]>();
        const xclient = new XClient(source({ getAll: () => list.promise }), { network, clock });
        const outcome = watch(ask(xclient));
        await clock.advance(comesAfterMs);
        if (comesAfterMs < timeoutMs) list.resolve([address]);
        else list.reject(new Error("too late"));
        await settled();
        const { value, error } = outcome;
        const expected = comesAfterMs < timeoutMs ? 1 : "TimeoutError";
        assertEquals([name, value ?? (error as Error)?.name], [name, expected]);
        await xclient.close();
      }
    }
  }));

Deno.test("a first list without a valid address fails the call", () =>
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

Deno.test("a source that is watched: a server that leaves is closed without any call", () =>
  withNodes(2, async ({ xclient, world, nodes: [a, b], list }) => {
    assertEquals(await answeredBy(xclient, 2), "ab");
    await list([b]);
    await settled();
    assertEquals(world.network.connections(a.address), 0);
    assertEquals(listed(xclient), ["b"]);
  }));

Deno.test("a watch that yields nonsense, or breaks, does no harm", () =>
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

Deno.test("an empty list counts: all servers can be taken off", () =>
  withNodes(1, async ({ xclient, list, nodes: [a] }) => {
    assertEquals(await answeredBy(xclient, 1), "a");
    await list([]);
    const wanted = { code: "unavailable", message: "no available servers" } as const;
    await assertFails(xclient.call("Work.Do"), { ...wanted, serviceMethod: "Work.Do" });
    await list([a]);
    assertEquals(await answeredBy(xclient, 1), "a");
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
    assertEquals((await answeredBy(xclient, 2)).split("").sort().join(""), "ab");
    assertEquals(world.network.connections(a.address), 2);
    a.held[0].resolve("old");
    await settled();
    assertEquals([call.value, world.network.connections(a.address)], ["old", 1]);
  }));

Deno.test("a server that is dialled when it leaves serves the calls that wait for the dial", () =>
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
