/** `ready`, and what `endpoints` shows before the first call. */

import { assertEquals, assertRejects } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { XClient } from "../../xclient.ts";
import { assertFailure, deferred, failure, inWorld, settled } from "../support/helpers.ts";
import { source, watch, withNodes } from "../support/fleet.ts";

Deno.test("ready: all are dialled at once, and the first that is connected is enough", () =>
  withNodes(3, async ({ xclient, world, nodes: [a, b, c], pass, events }) => {
    world.network.setFaults(a.address, { unroutable: true });
    world.network.setFaults(b.address, { refuse: true });
    world.network.setFaults(c.address, { delayMs: 30 });
    const ready = watch(xclient.ready());
    await pass(29);
    assertEquals(ready.state, "pending");
    await pass(1);
    assertEquals([ready.state, world.clock.timers > 0], ["resolved", true]);
    assertEquals(events.slice(3), ["unreachable b", "connected c"]);
    assertEquals(xclient.endpoints().map(({ connected }) => connected), [false, false, true]);
    await xclient.ready(); // at once
    assertEquals([a.came, b.came, c.came], [0, 0, 0]);
    world.network.setFaults(c.address);
  }));

Deno.test("ready: a list that fails, and servers that come up later, are waited for", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const { network, clock } = world;
    network.setFaults(address, { refuse: true });
    let asked = 0;
    const getAll = () => {
      if (++asked < 3) throw new Error("no registry there");
      return [address];
    };
    const xclient = new XClient({ getAll }, { network, clock, random: () => 0.5 });
    const ready = watch(xclient.ready({ timeoutMs: 60_000 }));
    await clock.advance(5000);
    assertEquals(ready.state, "pending");
    network.setFaults(address);
    await clock.advance(10_000);
    assertEquals(ready.state, "resolved");
    await xclient.close();
  }));

Deno.test("ready: the deadline says what is missing", () =>
  withNodes(2, async ({ xclient, client, world, nodes, pass }) => {
    for (const { address } of nodes) world.network.setFaults(address, { refuse: true });
    const late = failure(xclient.ready({ timeoutMs: 500.5 }));
    const unlisted = new XClient(
      source({ getAll: () => Promise.reject(new Error("no registry there")) }),
      { network: world.network, clock: world.clock },
    );
    const never = failure(unlisted.ready({ timeoutMs: 500 }));
    await pass(501);
    assertFailure(await late, {
      code: "TimeoutError",
      execution: "not_sent",
      message: "ready: within 500.5 ms none of memory@a, memory@b is connected; the last error: " +
        "memory@",
    });
    assertFailure(await never, {
      code: "TimeoutError",
      execution: "not_sent",
      message: "ready: within 500 ms discovery has named no servers; the last error: no registry",
    });
    await unlisted.close();
    await assertRejects(() => client({}).ready({ timeoutMs: NaN }), RangeError);
  }));

Deno.test("ready ends with its signal and with its client, and leaves nothing behind", () =>
  inWorld(async (world) => {
    const { network, clock } = world;
    const list = deferred<string[]>();
    const xclient = new XClient({ getAll: () => list.promise }, { network, clock });
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = failure(xclient.ready({ signal, timeoutMs: 60_000 }));
    const closed = failure(xclient.ready());
    await settled();
    controller.abort("enough");
    assertEquals(await aborted, "enough");
    await xclient.close();
    assertFailure(await closed, { code: "canceled", execution: "not_sent" });
    assertFailure(await failure(xclient.ready()), { code: "canceled", execution: "not_sent" });
    assertEquals(clock.timers, 0);
    list.reject(new Error("too late"));
    await settled();
    const early = new XClient(["memory@nowhere"], { network, clock });
    const over = failure(early.ready({ signal: AbortSignal.abort("at once") }));
    assertEquals(await over, "at once");
    await early.close();
  }));

Deno.test("endpoints: filled from a list that is known, before the first call", () =>
  inWorld(async ({ network, clock }) => {
    const events: string[] = [];
    const onEvent = ({ type }: { type: string }) => void events.push(type);
    const xclient = new XClient(["memory@a", "memory@b?weight=3"], { network, clock, onEvent });
    const shown = xclient.endpoints();
    assertEquals(
      shown.map(({ address, weight, connected, health }) => [
        address,
        weight,
        connected,
        health,
      ]),
      [["memory@a", 1, false, "healthy"], ["memory@b", 3, false, "healthy"]],
    );
    await settled();
    assertEquals(events, ["joined", "joined"]);
    await xclient.close();
    assertEquals(xclient.endpoints(), []);
    let asked = 0;
    const fetched = new XClient({ getAll: () => (asked++, ["memory@a"]) }, { network, clock });
    assertEquals([fetched.endpoints(), asked], [[], 0]); // it asks nobody
    await fetched.close();
    const broken = new XClient({
      getAll: () => [],
      get current(): string[] {
        throw new RpcError("unavailable", "broken");
      },
    }, { network, clock });
    assertEquals(broken.endpoints(), []);
    await broken.close();
  }));
