/** Calls of a `Client` that are certain: what becomes of them when the connection is lost. */

import { assert, assertEquals } from "@std/assert";
import type { ClientInterceptor } from "../../mod.ts";
import type { Network, Transport } from "../../transport.ts";
import { assertFails, deferred, failure, inWorld, RawServer, settled } from "../support/helpers.ts";
import type { RawPeer, World } from "../support/helpers.ts";

const CERTAIN = { certain: true };

/** A promise that is looked at later, when it may have failed already. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** A client of a server, and what is to be cut between them. */
async function scene(world: World, options: Parameters<World["dial"]>[1] = {}) {
  const site = await world.serve("a");
  const client = await world.dial(site.address, options);
  const cut = async () => {
    world.network.cut(site.address);
    await settled();
  };
  return { ...site, client, cut };
}

Deno.test("a certain call gets its answer behind a lost connection, and has run once", () =>
  inWorld(async (world) => {
    const { client, gate, cut, server } = await scene(world);
    const plain = later(client.call("Gate.Wait", 1));
    const certain = later(client.call("Gate.Wait", 2, CERTAIN));
    await gate.untilBegun(2);
    await cut();
    await assertFails(plain, { code: "unavailable", execution: "unknown" });
    assertEquals(gate.aborted.length, 1);
    assertEquals([client.available, client.inFlight], [false, 1]);
    gate.begun[1].end.resolve("paid");
    assertEquals(await certain, "paid");
    gate.begun[0].end.resolve("");
    await settled();
    const { recalled, answers } = server.figures().kept;
    assertEquals([gate.begun.length, recalled, answers], [2, 1, 0]);
    // The connection that was for the answer alone is closed.
    assertEquals([client.inFlight, server.connections], [0, 0]);
    await assertFails(client.call("Gate.Echo", 1, CERTAIN), { execution: "not_sent" });
  }));

/** A network whose connections so far become deaf, or mute, and then end. */
class FailingNetwork implements Network {
  fault: "none" | "deaf" | "mute" = "none";
  readonly #inner: Network;
  readonly #open: Transport[] = [];
  readonly listen: Network["listen"];

  constructor(inner: Network) {
    this.#inner = inner;
    this.listen = (...args) => inner.listen(...args);
  }

  async connect(...args: Parameters<Network["connect"]>): Promise<Transport> {
    const inner = await this.#inner.connect(...args);
    this.#open.push(inner);
    return {
      remote: inner.remote,
      start: ({ data, end }) =>
        inner.start({ data: (chunk) => this.fault === "deaf" ? undefined : data(chunk), end }),
      write: (bytes) => this.fault === "mute" ? Promise.resolve() : inner.write(bytes),
      close: () => inner.close(),
    };
  }

  /** The connections end, and new ones are well. */
  cut(): void {
    for (const transport of this.#open) transport.close();
    this.fault = "none";
  }
}

Deno.test("so it does if it had ended, in whichever way, and if it had not come it may go elsewhere", () =>
  inWorld(async (world) => {
    const { address, gate, server } = await world.serve("a");
    for (const fault of ["deaf", "mute"] as const) {
      const network = new FailingNetwork(world.network);
      const client = await world.dial(address, { network });
      await client.call("Gate.Echo", 0, CERTAIN);
      network.fault = fault;
      const calls = [
        later(client.call("Gate.Echo", 1, CERTAIN)),
        later(client.call("Gate.Fail", 2, CERTAIN)),
        later(client.call("Gate.None", 3, CERTAIN)),
      ];
      await settled();
      network.cut();
      const unsent = later(client.call("Gate.Echo", 5, CERTAIN));
      await settled();
      if (fault === "deaf") {
        assertEquals(await calls[0], 1);
        await assertFails(calls[1], {
          code: "unknown",
          execution: "answered",
          message: "failed: 2",
        });
      } else {
        for (const call of calls) {
          await assertFails(call, { execution: "rejected", message: "has not run here" });
        }
      }
      await assertFails(calls[2], { execution: "rejected", message: "has not run here" });
      await assertFails(unsent, { execution: "not_sent" });
      await client.close();
    }
    assertEquals(gate.begun.length, 0);
    const { recalled, refused } = server.figures().kept;
    assertEquals([recalled, refused], [6, 4]);
  }));

Deno.test("its deadline and its signal hold while its answer is asked for", () =>
  inWorld(async (world) => {
    const { client, gate, cut, address } = await scene(world);
    const aborted = new AbortController();
    const calls = [
      later(client.call("Gate.Wait", 1, { ...CERTAIN, timeoutMs: 300 })),
      later(client.call("Gate.Wait", 2, { ...CERTAIN, signal: aborted.signal })),
      later(client.call("Gate.Wait", 3, { ...CERTAIN, timeoutMs: 5000 })),
      later(client.call("Gate.Wait", 4, CERTAIN)),
    ];
    await gate.untilBegun(4);
    world.network.setFaults(address, { refuse: true });
    await cut();
    aborted.abort(new Error("enough"));
    assertEquals(((await failure(calls[1])) as Error).message, "enough");
    await world.clock.advance(300);
    await assertFails(calls[0], {
      code: "TimeoutError",
      execution: "unknown",
      message: "Gate.Wait at memory@a: no reply within 300 ms",
    });
    world.network.setFaults(address, {});
    await world.clock.advance(4000);
    await settled();
    assertEquals(gate.aborted.length, 1); // by the deadline that the server knows
    await world.clock.advance(700);
    await assertFails(calls[2], { message: "within 5000 ms" });
    for (const { end } of gate.begun) end.resolve("late");
    assertEquals(await calls[3], "late");
  }));

Deno.test("a server that can't be reached for a minute is given up", () =>
  inWorld(async (world) => {
    const { client, gate, cut, address } = await scene(world);
    const call = later(client.call("Gate.Wait", 1, CERTAIN));
    await gate.untilBegun(1);
    world.network.setFaults(address, { refuse: true });
    await cut();
    for (let passedMs = 0; passedMs < 63_000; passedMs += 1000) await world.clock.advance(1000);
    await assertFails(call, {
      code: "unavailable",
      execution: "unknown",
      message: /^Gate.Wait at memory@a: .*; its answer could not be asked for within 60000 ms: /,
    });
    assertEquals(client.inFlight, 0);
    gate.begun[0].end.resolve(1);
  }));

Deno.test("a server that can't be reached is dialled at times, by however many calls", () =>
  inWorld(async (world) => {
    const { address, gate, server } = await world.serve("a");
    let dials = 0;
    const network: Network = {
      connect: (...args) => {
        dials++;
        return world.network.connect(...args);
      },
      listen: (endpoint, accept) => world.network.listen(endpoint, accept),
    };
    const client = await world.dial(address, { network, random: () => 0.5 });
    const calls = Array.from({ length: 100 }, (_, n) => client.call("Gate.Wait", n, CERTAIN));
    await gate.untilBegun(100);
    world.network.setFaults(address, { refuse: true });
    world.network.cut(address);
    for (let passedMs = 0; passedMs < 10_000; passedMs += 25) await world.clock.advance(25);
    assert(dials > 8 && dials < 15, `${dials} dials`);
    world.network.setFaults(address, {});
    await world.clock.advance(2000);
    for (const { end } of gate.begun) end.resolve("there");
    assertEquals(new Set(await Promise.all(calls)), new Set(["there"]));
    assertEquals([gate.begun.length, server.figures().kept.recalled], [100, 100]);
    await settled();
    assertEquals(server.connections, 0);
  }));

Deno.test("a close ends it, with and without grace", () =>
  inWorld(async (world) => {
    for (const graceMs of [0, 5000]) {
      const { address, gate } = await world.serve(`grace${graceMs}`);
      const client = await world.dial(address);
      const call = later(client.call("Gate.Wait", 1, CERTAIN));
      await gate.untilBegun(1);
      world.network.cut(address);
      await settled();
      const closed = client.close({ graceMs });
      if (graceMs === 0) {
        await assertFails(call, { code: "canceled", execution: "unknown" });
        await closed;
        await gate.untilAborted(0);
        gate.begun[0].end.resolve(1);
      } else {
        gate.begun[0].end.reject(new Error("in time"));
        await assertFails(call, { message: "in time" });
        await closed;
      }
    }
  }));

Deno.test("one that waits for a dial is closed at once", () =>
  inWorld(async (world) => {
    const { client, gate, cut, address } = await scene(world);
    const call = later(client.call("Gate.Wait", 1, CERTAIN));
    await gate.untilBegun(1);
    world.network.setFaults(address, { unroutable: true });
    await cut();
    await client.close({ graceMs: 1000 });
    await assertFails(call, { code: "canceled", execution: "unknown" });
    gate.begun[0].end.resolve(1);
  }));

Deno.test("a dial that has become needless leaves no connection", () =>
  inWorld(async (world) => {
    const { address, gate, server } = await world.serve("a");
    const dialled = deferred();
    let dials = 0;
    const network: Network = {
      connect: async (...args) => {
        if (++dials > 1) await dialled.promise;
        return await world.network.connect(...args);
      },
      listen: (endpoint, accept) => world.network.listen(endpoint, accept),
    };
    const client = await world.dial(address, { network });
    const call = later(client.call("Gate.Wait", 1, { ...CERTAIN, timeoutMs: 50 }));
    await gate.untilBegun(1);
    world.network.cut(address);
    await settled();
    await world.clock.advance(50);
    await assertFails(call, { code: "TimeoutError", execution: "unknown" });
    dialled.resolve();
    await settled();
    assertEquals([dials, server.connections], [2, 0]);
    gate.begun[0].end.resolve(1);
  }));

Deno.test("by method, and for all but some", () =>
  inWorld(async (world) => {
    const defaults = { certain: true, methods: { "Gate.Wait": { certain: false } } };
    const { client, gate, cut } = await scene(world, { defaults });
    const calls = [
      later(client.call("Gate.Wait", 1)),
      later(client.call("Gate.Wait", 2, CERTAIN)),
      later(client.call("Gate.Echo", 3)),
    ];
    assertEquals(await calls[2], 3);
    await gate.untilBegun(2);
    await cut();
    await assertFails(calls[0], { execution: "unknown" });
    for (const { end } of gate.begun) end.resolve("there");
    assertEquals(await calls[1], "there");
  }));

Deno.test("interceptors see one attempt, and how often it was asked for", () =>
  inWorld(async (world) => {
    const seen: unknown[] = [];
    const watch: ClientInterceptor = {
      async call(call, next) {
        const reply = await next(call);
        seen.push(call.attempts.map(({ recalls }) => recalls));
        return reply;
      },
      async attempt(attempt, next) {
        const reply = await next(attempt);
        seen.push([attempt.number, attempt.recalls]);
        return reply;
      },
    };
    const { client, gate, cut } = await scene(world, { interceptors: [watch] });
    const call = later(client.call("Gate.Wait", 1, CERTAIN));
    await gate.untilBegun(1);
    await cut();
    gate.begun[0].end.resolve("there");
    assertEquals(await call, "there");
    assertEquals(seen, [[1, 1], [1]]);
  }));

/** A client whose server is played by the test, with a call in flight that has an id. */
async function played(
  world: World,
  body: (server: RawServer, peer: RawPeer, call: Promise<unknown>) => Promise<void>,
) {
  const server = await RawServer.listen(world.network, "memory@raw");
  const client = await world.dial("memory@raw");
  const call = later(client.call("S.M", 7, CERTAIN));
  const peer = await server.accept();
  await peer.untilLines(2);
  await peer.write(extension("i-1"));
  await peer.untilLines(4);
  await body(server, peer, call);
  await client.close();
  await server.close();
}

const extension = (instance: string) =>
  `{"ServiceMethod":"","Seq":0,"Ext":{"Instance":"${instance}","Load":0}}\nnull\n`;

Deno.test("on the wire: an id by chance, a recall of the same process, an acknowledgement", () =>
  inWorld((world) =>
    played(world, async (server, peer, call) => {
      const id = /^{"ServiceMethod":"S.M","Seq":1,"Id":"([0-9a-f]{32}\/1)"}$/.exec(peer.lines[2])
        ?.[1];
      assert(id !== undefined, peer.lines[2]);
      peer.close();
      const second = await server.accept();
      await second.untilLines(2); // asks for a sign of life, as nothing is known yet
      await second.write(extension("i-1"));
      await second.untilLines(4);
      assertEquals(second.lines.slice(2), [
        `{"ServiceMethod":"","Seq":1,"Recall":"${id}"}`,
        "null",
      ]);
      await second.reply(1, "there");
      assertEquals(await call, "there");
      await second.untilLines(6);
      assertEquals(second.lines[4], `{"ServiceMethod":"","Seq":3,"Ping":true,"Ack":"${id}"}`);
      await second.write('{"ServiceMethod":"","Seq":3,"Ping":true}\nnull\n');
      await second.ended;
    })
  ));

Deno.test("another process at the address knows nothing, nor does one without extensions", () =>
  inWorld(async (world) => {
    for (const word of [extension("i-2"), '{"ServiceMethod":"","Seq":2,"Ping":true}\nnull\n']) {
      await played(world, async (server, peer, call) => {
        peer.close();
        const second = await server.accept();
        await second.untilLines(2);
        await second.write(word);
        await assertFails(call, {
          code: "unavailable",
          execution: "unknown",
          address: "memory@raw",
          serviceMethod: "S.M",
          message:
            "S.M at memory@raw: the server closed the connection; another process answers there now",
        });
        assert(!/Recall|Ack/.test(second.text), second.text);
      });
    }
  }));

Deno.test("a recall that is lost is made again, and one that comes too early later", () =>
  inWorld((world) =>
    played(world, async (server, peer, call) => {
      peer.close();
      const accepted = async () => {
        const next = await server.accept();
        await next.untilLines(2);
        await next.write(extension("i-1"));
        await next.untilLines(4);
        await next.write('{"ServiceMethod":"","Seq":2,"Ping":true}\nnull\n');
        return next;
      };
      const second = await accepted();
      second.close();
      await settled();
      await world.clock.advance(50);
      const third = await accepted();
      const busy = { ServiceMethod: "", Error: "busy", Code: "resource_exhausted" };
      await third.reply(1, {}, busy);
      await settled();
      await world.clock.advance(100);
      await third.untilLines(6);
      assert(/"Seq":3,"Recall":"/.test(third.lines[4]), third.lines[4]);
      await third.reply(3, {}, { ServiceMethod: "", Error: "nothing known", Code: "unavailable" });
      await assertFails(call, { execution: "unknown", message: /lost|closed.*; .*nothing known$/ });
    })
  ));

Deno.test("a server that keeps no answers is sent none of it, and the call is unknown as ever", () =>
  inWorld(async (world) => {
    const server = await RawServer.listen(world.network, "memory@raw");
    const client = await world.dial("memory@raw");
    const call = later(client.call("S.M", 7, CERTAIN));
    const peer = await server.accept();
    await peer.untilLines(2);
    await peer.write('{"ServiceMethod":"","Seq":2,"Error":"rpc server: no such method"}\n{}\n');
    await peer.untilLines(4);
    assertEquals(peer.lines.slice(2), ['{"ServiceMethod":"S.M","Seq":1}', "7"]);
    peer.close();
    await assertFails(call, { code: "unavailable", execution: "unknown" });
    await client.close();
    await server.close();
  }));
