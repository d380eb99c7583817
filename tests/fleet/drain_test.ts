/** Endpoints that drain, as a server does that is restarted: no call is lost, and nobody is blamed. */

import { assert, assertEquals } from "@std/assert";
import type { Protocol } from "../../protocol/codec.ts";
import { SelectMode, type Selector } from "../../selector.ts";
import { FailMode } from "../../fleet/fail_mode.ts";
import { Server } from "../../server.ts";
import { seededRandom } from "../../testing.ts";
import { XClient } from "../../xclient.ts";
import {
  assertFailure,
  failure,
  inWorld,
  option,
  rawClient,
  RawServer,
  settled,
  type World,
} from "../support/helpers.ts";
import { healthOf, source } from "../support/fleet.ts";

const PROTOCOLS: readonly Protocol[] = ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"];

/** A server process at `memory@name`, that answers with its name. */
async function start(world: World, protocol: Protocol, name: string) {
  const server = new Server({ clock: world.clock });
  const held: (() => void)[] = [];
  let ran = 0;
  server.register("Work", {
    Do: () => (ran++, name),
    Hold: () => new Promise<string>((resolve) => held.push(() => resolve(name))),
  });
  const address = `memory@${name}`;
  await server.listen(address, { network: world.network, protocol });
  const close = () => server.close();
  const release = () => held.splice(0).forEach((end) => end());
  return { address, close, release, held, ran: () => ran };
}

/** When each address was dialled. */
function dialsOf({ network, clock }: World): [address: string, atMs: number][] {
  const dials: [string, number][] = [];
  const connect = network.connect.bind(network);
  network.connect = (endpoint, options) => {
    dials.push([endpoint.address, clock.now()]);
    return connect(endpoint, options);
  };
  return dials;
}

for (const protocol of PROTOCOLS) {
  for (const mode of Object.values(SelectMode)) {
    Deno.test(`${protocol}, ${mode}: an endpoint that drains is not dialled for a while`, () =>
      inWorld(async (world) => {
        const before = await Promise.all(["a", "b"].map((name) => start(world, protocol, name)));
        const current = before.map(({ address }) => address);
        const { network, clock } = world;
        const options = { network, clock, protocol, mode, random: seededRandom(1) };
        const xclient = new XClient(source({ current }), options);
        const call = (n: number) => xclient.call<string>("Work.Do", n, { key: `${n}` });
        for (let n = 0; n < 20; n++) await call(n);
        const held = Array.from(
          { length: 20 },
          (_, n) => xclient.call<string>("Work.Hold", n, { key: `${n}` }),
        );
        await settled();
        const dials = dialsOf(world);
        const [a, b] = before;
        assert(a.held.length > 0 && b.held.length > 0);
        const closing = a.close();
        await settled();
        const calls = Array.from({ length: 20 }, (_, n) => call(n)); // before all know of it
        await start(world, protocol, "a"); // listens at once, so that a dial would succeed
        for (let n = 0; n < 20; n++) assertEquals(await call(n), "b");
        assertEquals(dials, []);
        a.release();
        await Promise.all(calls);
        await clock.advance(199); // 250 ms, a fifth less at the least
        for (let n = 0; n < 20; n++) assertEquals(await call(n), "b");
        assertEquals(dials, []);
        await clock.advance(201); // a fifth more, and until the dials are looked after again
        await call(0);
        await settled();
        assertEquals(dials, [[a.address, 400]]);
        assertEquals(xclient.endpoints().map(({ connected }) => connected), [true, true]);
        b.release();
        await Promise.all([...held, closing]);
        assertEquals(xclient.endpoints().map(({ failures }) => failures), [0, 0]);
        await xclient.close();
        await b.close();
      }));
  }
}

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: all that is in flight at a server that drains goes elsewhere, whatever the budget`, () =>
    inWorld(async (world) => {
      const [a, b] = await Promise.all(["a", "b"].map((name) => start(world, protocol, name)));
      const { network, clock } = world;
      const retryBudget = { ratio: 0, perSecond: 0 };
      const options = { network, clock, protocol, mode: SelectMode.RoundRobin, retryBudget };
      const xclient = new XClient(source({ current: [a.address, b.address] }), options);
      for (let n = 0; n < 4; n++) await xclient.call("Work.Do", n);
      const held = xclient.call("Work.Hold", 0, { key: "0" }); // else an idle connection just ends
      const other = xclient.call("Work.Hold", 1, { key: "1" });
      await settled();
      const closing = a.close();
      const calls = Array.from({ length: 1000 }, (_, n) => xclient.call<string>("Work.Do", n));
      assertEquals(new Set(await Promise.all(calls)), new Set(["b"]));
      assertEquals(a.ran() + b.ran(), 1004);
      assertEquals(healthOf(xclient), ["healthy", "healthy"]);
      assertEquals(xclient.endpoints().map(({ failures }) => failures), [0, 0]);
      for (const server of [a, b]) server.release();
      await Promise.all([held, other, closing]);
      await xclient.close();
      await b.close();
    }));
}

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: an idle client learns at once that its server drains, and closes`, () =>
    inWorld(async (world) => {
      const a = await start(world, protocol, "a");
      const client = await world.dial(a.address, { protocol });
      assertEquals(await client.call("Work.Do"), "a");
      const closing = a.close();
      await client.closed;
      await closing; // no time has passed
      assertEquals(world.clock.now(), 0);
    }));
}

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: a client that stands still longer than its server waits loses no call`, () =>
    inWorld(async (world) => {
      const [a, b] = await Promise.all(["a", "b"].map((name) => start(world, protocol, name)));
      const { network, clock } = world;
      const first: Selector = { pick: ([first]) => first };
      const options = { network, clock, protocol, mode: first, random: () => 0.5 };
      const xclient = new XClient([a.address, b.address], options);
      await xclient.broadcast("Work.Do");
      assertEquals(await xclient.call("Work.Do"), "a");
      network.setFaults(a.address, { held: true }); // what both write arrives later
      const closing = a.close();
      await clock.advance(300); // the server has ended its side
      const calls = Array.from({ length: 20 }, (_, n) => xclient.call<string>("Work.Do", n));
      await settled();
      network.setFaults(a.address);
      assertEquals(new Set(await Promise.all(calls)), new Set(["b"]));
      assertEquals([a.ran(), b.ran()], [2, 21]);
      await closing;
      assertEquals(xclient.endpoints().map(({ failures }) => failures), [0, 0]);
      await xclient.close();
      await b.close();
    }));
}

Deno.test("a call that may have run is not taken for one that did not, whatever the last word", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(option().padStart(512));
    await peer.write('{"ServiceMethod":"Gate.Wait","Seq":1,"Timeout":100}\nnull\n');
    await gate.untilBegun(1);
    await world.clock.advance(100); // its deadline: it has run, and is not answered
    const closing = server.close();
    await world.clock.advance(1500);
    await closing;
    assertEquals(peer.text, DRAIN);
  }));

Deno.test("the last word of a server whose calls are all answered, or cancelled", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(option().padStart(512));
    await peer.write('{"ServiceMethod":"Gate.Wait","Seq":1,"Timeout":100}\nnull\n');
    await gate.untilBegun(1);
    await world.clock.advance(100);
    await peer.write('{"ServiceMethod":"","Seq":1,"Cancel":true}\nnull\n');
    await settled();
    const closing = server.close();
    await world.clock.advance(1500);
    await closing;
    const last = '{"ServiceMethod":"","Seq":0,"Drain":true,"Ended":true}\nnull\n';
    assertEquals(peer.text, DRAIN + last);
  }));

const DRAIN = '{"ServiceMethod":"","Seq":0,"Drain":true}\nnull\n';

/** When a lone endpoint is dialled that drains each connection, and is called all the time. */
async function dialsOfDraining(world: World, isServing: boolean): Promise<number[]> {
  const raw = await RawServer.listen(world.network, "memory@raw");
  const dials = dialsOf(world);
  const xclient = new XClient([raw.address], {
    network: world.network,
    clock: world.clock,
    maxAttempts: 1,
    random: () => 0.5,
    liveness: { silenceMs: Infinity },
  });
  for (let n = 0; n < 6; n++) {
    const call = xclient.call("S.Do", n).catch(() => {});
    await world.clock.advance(5000);
    const peer = await raw.accept();
    await peer.untilLines(2);
    if (isServing) await peer.reply(1, "done");
    await peer.write(DRAIN);
    await settled();
    if (!isServing) {
      await peer.write('{"ServiceMethod":"S.Do","Seq":1,"Error":"no","Rejected":true}\n{}\n');
    }
    await settled();
    await call;
  }
  await xclient.close();
  await raw.close();
  return dials.map(([, atMs], place) => atMs - 5000 * place);
}

Deno.test("an endpoint that drains each connection before it answers a call has ever more time", () =>
  inWorld(async (world) => {
    assertEquals(await dialsOfDraining(world, false), [0, 250, 500, 1000, 2000, 4000]);
  }));

Deno.test("an endpoint that drains after it has answered calls always has the same time", () =>
  inWorld(async (world) => {
    assertEquals(await dialsOfDraining(world, true), [0, 250, 250, 250, 250, 250]);
  }));

Deno.test("failtry: the call waits for its endpoint, and for no other", () =>
  inWorld(async (world) => {
    const [a, b] = await Promise.all(["a", "b"].map((name) => start(world, "geerpc/json", name)));
    const { network, clock } = world;
    const first: Selector = { pick: ([first]) => first };
    const options = { network, clock, mode: first, failMode: FailMode.Failtry, random: () => 0 };
    const xclient = new XClient(source({ current: [a.address, b.address] }), options);
    const held = xclient.call("Work.Hold");
    await settled();
    const closing = a.close();
    const call = xclient.call<string>("Work.Do");
    await settled();
    const again = await start(world, "geerpc/json", "a");
    await clock.advance(300);
    assertEquals([await call, again.ran(), b.ran()], ["a", 1, 0]);
    a.release();
    await Promise.all([held, closing]);
    await xclient.close();
    for (const server of [again, b]) await server.close();
  }));

Deno.test("a client that is closed while a call waits for an endpoint that drains", () =>
  inWorld(async (world) => {
    const a = await start(world, "geerpc/json", "a");
    const { network, clock } = world;
    const xclient = new XClient([a.address], { network, clock });
    await xclient.call("Work.Do");
    await a.close();
    await settled();
    const lost = failure(xclient.call("Work.Do"));
    const late = failure(xclient.call("Work.Do", 1, { timeoutMs: 100 }));
    await clock.advance(100);
    assertEquals(
      String(await late),
      "TimeoutError: Work.Do at memory@a: no connection within 100 ms",
    );
    await xclient.close();
    assertFailure(await lost, { code: "canceled", execution: "not_sent" });
    assertEquals(clock.timers, 0);
  }));
