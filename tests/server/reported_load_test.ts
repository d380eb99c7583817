/** What a server says of its load, and whom it sends away for it. */

import { assertEquals } from "@std/assert";
import type { FailedCall } from "../../server.ts";
import { SelectMode } from "../../selector.ts";
import { XClient } from "../../xclient.ts";
import {
  assertFails,
  inWorld,
  rawClient,
  type RawPeer,
  request,
  settled,
  type World,
} from "../support/helpers.ts";
import { HANDSHAKE } from "../support/wire.ts";

/** A client that knows our extensions, and the load that it is told in answer to a call or a ping. */
async function listener(world: World, address: string) {
  const peer = await rawClient(world.network, address);
  await peer.write(HANDSHAKE);
  await peer.untilLines(2);
  const first: number = JSON.parse(peer.lines[0]).Ext.Load;
  let seq = 1000;
  const ping = async (): Promise<number | undefined> => {
    const lines = peer.lines.length;
    await peer.write(`{"ServiceMethod":"","Seq":${++seq},"Ping":true}\nnull\n`);
    await peer.untilLines(lines + 2);
    return JSON.parse(peer.lines[lines]).Load;
  };
  return { peer, first, ping };
}

/** Makes a call that expects so many, and says how it was answered. */
async function answerOf(peer: RawPeer, method: string, expect: number): Promise<string> {
  const lines = peer.lines.length;
  await peer.write(request(1, method, 1, { Expect: expect }));
  await settled();
  if (peer.lines.length === lines) return "none";
  const { Error, Code = "", Load = "" } = JSON.parse(peer.lines[lines]);
  return Error === "" ? "reply" : `${Code} ${Load}`.trim();
}

Deno.test("calls that run and calls that wait, on all connections, those of given-up calls included", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 2 });
    const client = await world.dial(address);
    const controller = new AbortController();
    const calls = [1, 2, 3, 4, 5].map((n) =>
      client.call("Gate.Wait", n, { signal: controller.signal }).catch(() => {})
    );
    await gate.untilBegun(2);
    const { peer, first, ping } = await listener(world, address);
    assertEquals([first, await ping()], [5, undefined]);
    controller.abort();
    await Promise.all(calls);
    await settled();
    assertEquals(await ping(), 2); // their handlers go on
    assertEquals(await answerOf(peer, "Gate.Echo", 1), "resource_exhausted 2");
    assertEquals(await answerOf(peer, "Gate.Echo", 2), "reply");
    for (const { end } of gate.begun) end.resolve(1);
    await settled();
    assertEquals(await ping(), 0);
    await client.close();
    peer.close();
  }));

Deno.test("who is sent away has asked for a method that is there, of a server that does not drain", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const { peer } = await listener(world, address);
    await peer.write(request(9, "Gate.Wait", 1));
    await gate.untilBegun(1);
    const answer = (method: string) => answerOf(peer, method, 0);
    assertEquals(await answer("Gate.None"), "unimplemented");
    assertEquals(await answer("_xclient.Check"), "reply");
    assertEquals(await answer("Gate.Echo"), "resource_exhausted 1");
    assertEquals(server.figures().refused.moreThanExpected, 1);
    const closing = server.close();
    await settled();
    const lines = peer.lines.length;
    await peer.write(request(2, "Gate.Echo", 1, { Expect: 0 }));
    await settled();
    assertEquals(JSON.parse(peer.lines[lines]).Code, "unavailable");
    gate.begun[0].end.resolve(1);
    await settled();
    peer.close();
    await closing;
  }));

Deno.test("to be sent away is no overload of the server", () =>
  inWorld(async (world) => {
    const events: string[] = [];
    const onEvent = ({ type }: { type: string }) => void events.push(type);
    const { address, gate } = await world.serve("a", { onEvent });
    const { peer } = await listener(world, address);
    await peer.write(request(9, "Gate.Wait", 1));
    await gate.untilBegun(1);
    assertEquals(await answerOf(peer, "Gate.Echo", 0), "resource_exhausted 1");
    assertEquals(events, []);
    peer.close();
  }));

Deno.test("the option load: the server's own measure, rounded, asked at most once in 10 ms", () =>
  inWorld(async (world) => {
    let says = 7.4;
    let asked = 0;
    const load = () => {
      asked++;
      return says;
    };
    const { address, gate } = await world.serve("a", { load });
    assertEquals(asked, 0);
    const { peer, first, ping } = await listener(world, address);
    assertEquals(first, 7);
    await peer.write(request(9, "Gate.Wait", 1)); // its own measure counts, not what runs
    await gate.untilBegun(1);
    says = 8.5;
    assertEquals([await ping(), asked], [undefined, 1]);
    await world.clock.advance(9);
    assertEquals([await ping(), asked], [undefined, 1]);
    await world.clock.advance(1);
    assertEquals([await ping(), await ping(), asked], [9, undefined, 2]);
    assertEquals(await answerOf(peer, "Gate.Echo", 8), "resource_exhausted 9");
    assertEquals(await answerOf(peer, "Gate.Echo", 9), "reply");
    says = 0;
    await world.clock.advance(10);
    assertEquals(await answerOf(peer, "Gate.Echo", 0), "reply");
    peer.close();
  }));

Deno.test("a measure that fails: the number of calls counts, and onError is told once until it is well", () =>
  inWorld(async (world) => {
    const errors: [unknown, FailedCall][] = [];
    let load: () => unknown = () => 5;
    const { address, gate } = await world.serve("a", {
      load: () => load() as number,
      onError: (error, call) => void errors.push([error, call]),
    });
    const { peer, first, ping } = await listener(world, address);
    assertEquals(first, 5);
    await peer.write([1, 2].map((seq) => request(seq, "Gate.Wait", 1)).join(""));
    await gate.untilBegun(2);
    const after = async (next: () => unknown) => {
      load = next;
      await world.clock.advance(10);
      return await ping();
    };
    const thrown = new Error("no memory");
    const fails = () => {
      throw thrown;
    };
    assertEquals(await after(fails), 2);
    assertEquals(errors, [[thrown, { serviceMethod: "", remote: "" }]]);
    const none: unknown[] = [NaN, -1, Infinity, -Infinity, "5", undefined, null, 5n, {}, []];
    for (const value of [...none, Symbol("load"), Object.create(null), Promise.resolve(1)]) {
      assertEquals(await after(() => value), undefined, typeof value); // still 2
    }
    assertEquals(errors.length, 1);
    assertEquals(await after(() => 6), 6);
    assertEquals(await after(() => NaN), 2);
    assertEquals(errors.length, 2);
    assertEquals(
      String(errors[1][0]),
      "RangeError: the option load must return a number of calls from 0 on, not NaN",
    );
    peer.close();
    for (const { end } of gate.begun) end.resolve(1);
  }));

Deno.test("an onError that throws, and a measure that nobody listens to, disturb no call", () =>
  inWorld(async (world) => {
    const load = () => NaN;
    const onError = () => {
      throw new Error("mine");
    };
    for (const options of [{ load, onError }, { load }]) {
      const { address } = await world.serve(options.onError ? "a" : "b", options);
      const { peer, first } = await listener(world, address);
      assertEquals([first, await answerOf(peer, "Gate.Echo", 0)], [0, "reply"]);
      peer.close();
    }
  }));

Deno.test("the measure is not asked for where no client wants to know", () =>
  inWorld(async (world) => {
    let asked = 0;
    const { address } = await world.serve("a", { load: () => ++asked });
    const client = await world.dial(address, { protocol: "geerpc/gob" });
    assertEquals(await client.call("Gate.Echo", 5), 5);
    await client.close();
    assertEquals(asked, 0);
    const ours = await world.dial(address);
    await assertFails(ours.call("Gate.Fail", 1), { code: "unknown" });
    assertEquals(asked, 1);
    await ours.close();
  }));

Deno.test("servers that say more than they have get fewer calls", () =>
  inWorld(async (world) => {
    const { address: busy } = await world.serve("a", { load: () => 1000 });
    const { address: free, gate } = await world.serve("b");
    const xclient = new XClient([busy, free], {
      ...world.options,
      mode: SelectMode.ShortestExpectedDelay,
      random: () => 0.999,
    });
    const first = [1, 2].map((n) => xclient.call("Gate.Wait", n));
    await world.clock.advance(10);
    for (const { gate } of world.sites) for (const { end } of gate.begun) end.resolve(1);
    await Promise.all(first);
    await world.clock.advance(100);
    const calls = Array.from({ length: 100 }, (_, n) => xclient.call("Gate.Wait", n));
    await settled();
    assertEquals(gate.begun.length, 101);
    for (const { end } of gate.begun) end.resolve(1);
    await Promise.all(calls);
    await xclient.close();
  }));

Deno.test("a measure that closes the server, when the client is greeted or answered", () =>
  inWorld(async (world) => {
    for (const at of [1, 2]) {
      let asked = 0;
      let closing: Promise<void> | undefined;
      const { address, server } = await world.serve(`a${at}`, {
        load: () => {
          if (++asked === at) closing = server.close();
          return 1;
        },
      });
      const peer = await rawClient(world.network, address);
      await peer.write(HANDSHAKE + request(1, "Gate.Echo", 1));
      await settled();
      await world.clock.advance(10);
      await peer.write(request(2, "Gate.Echo", 2)).catch(() => {});
      await settled();
      assertEquals(peer.lines.some((line) => line.includes('"Drain":true')), true);
      assertEquals(peer.lines.filter((line) => line.includes('"Ext"')).length, 1);
      peer.close();
      await closing;
    }
  }));
