/** The bytes by which a server tells its load, and by which a call asks for a short queue. */

import { assert, assertEquals } from "@std/assert";
import { Server } from "../../server.ts";
import type { Network, Transport } from "../../transport.ts";
import { XClient } from "../../xclient.ts";
import { seededRandom } from "../../testing.ts";
import type { World } from "../support/helpers.ts";
import {
  between,
  inWorld,
  option,
  rawClient,
  type RawPeer,
  RawServer,
  request,
  settled,
} from "../support/helpers.ts";
import { HANDSHAKE } from "../support/wire.ts";

/** A client that knows our extensions, behind the server's greeting. */
async function extended(world: World, address: string): Promise<RawPeer> {
  const peer = await rawClient(world.network, address);
  await peer.write(HANDSHAKE);
  await peer.untilLines(2);
  return peer;
}

/** The lines that have come since the last time. */
function reader(peer: RawPeer): () => Promise<string[]> {
  let read = peer.lines.length;
  return async () => {
    await settled();
    const lines = peer.lines.slice(read);
    read += lines.length;
    return lines;
  };
}

const WAIT = '{"ServiceMethod":"Gate.Wait",';
const ECHO = '{"ServiceMethod":"Gate.Echo",';

Deno.test("Load: with a reply, a pong or an error, to those that know it, when it has changed", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await extended(world, address);
    const other = await extended(world, address);
    const old = await rawClient(world.network, address);
    await old.write(option());
    const [read, readOther, readOld] = [peer, other, old].map(reader);
    await peer.write([1, 2, 3].map((seq) => request(seq, "Gate.Wait", seq)).join(""));
    await old.write(request(1, "Gate.Wait", 4) + request(2, "Gate.Echo", "é"));
    assertEquals(await read(), []);
    assertEquals(await readOld(), [`${ECHO}"Seq":2,"Error":""}`, '"é"']);
    // Four run, of two connections.
    await other.write(request(1, "Gate.Echo", "é") + request(2, "Gate.Echo", 2));
    assertEquals(await readOther(), [
      `${ECHO}"Seq":1,"Error":"","Load":4}`,
      '"é"',
      `${ECHO}"Seq":2,"Error":""}`,
      "2",
    ]);
    const ping = '{"ServiceMethod":"","Seq":3,"Ping":true}\nnull\n';
    await other.write(ping);
    assertEquals(await readOther(), ['{"ServiceMethod":"","Seq":3,"Ping":true}', "null"]);
    gate.begun[1].end.resolve({ n: 2 });
    assertEquals(await read(), [`${WAIT}"Seq":2,"Error":"","Load":3}`, '{"n":2}']);
    await other.write(ping);
    await old.write(ping);
    assertEquals(await readOther(), ['{"ServiceMethod":"","Seq":3,"Ping":true,"Load":3}', "null"]);
    assertEquals(await readOld(), ['{"ServiceMethod":"","Seq":3,"Ping":true}', "null"]);
    gate.begun[0].end.reject(new Error("no"));
    assertEquals(await read(), [`${WAIT}"Seq":1,"Error":"no","Load":2}`, "{}"]);
    // One that does not run tells of no load: only a queue that nobody expected does.
    await peer.write(request(9, "Gate.None", 1));
    assertEquals((await read())[0].endsWith('"Code":"unimplemented","Rejected":true}'), true);
    gate.begun[3].end.resolve(1);
    assertEquals(await readOld(), [`${WAIT}"Seq":1,"Error":""}`, "1"]);
    gate.begun[2].end.resolve(1);
    assertEquals(await read(), [`${WAIT}"Seq":3,"Error":"","Load":0}`, "1"]);
    for (const each of [peer, other, old]) each.close();
  }));

Deno.test("a reply that can't be encoded: the error tells of the load in its place", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await extended(world, address);
    const read = reader(peer);
    await peer.write([1, 2].map((seq) => request(seq, "Gate.Wait", seq)).join(""));
    await settled();
    gate.begun[0].end.resolve(() => {});
    const [header] = await read();
    assertEquals(JSON.parse(header).Load, 1);
    assertEquals(JSON.parse(header).Code, "internal");
    gate.begun[1].end.resolve(1);
    assertEquals((await read())[0], `${WAIT}"Seq":2,"Error":"","Load":0}`);
    peer.close();
  }));

const REFUSED = '"Error":"rpc server: the call did not run: more calls run or wait here than its ' +
  'caller expected","Code":"resource_exhausted","Rejected":true,"Load":2}';

Deno.test("Expect: the call runs if no more than so many run or wait, else it is rejected", () =>
  inWorld(async (world) => {
    const { address, server, gate } = await world.serve("a");
    const peer = await extended(world, address);
    const read = reader(peer);
    await peer.write(request(1, "Gate.Wait", 1, { Expect: 0 }));
    await peer.write(request(2, "Gate.Wait", 2, { Expect: 1, Timeout: 5000 }));
    await gate.untilBegun(2);
    for (
      const header of [
        { Expect: 1 },
        { Expect: 0, Meta: { a: "b" } },
        { Timeout: 5000, Expect: 1 },
        { Timeout: 5000, Meta: { a: "b" }, Expect: 1 },
        { Expect: 1, Timeout: 5000 },
      ]
    ) {
      await peer.write(request(3, "Gate.Echo", "x", header));
      assertEquals(await read(), [`${ECHO}"Seq":3,${REFUSED}`, "{}"], JSON.stringify(header));
    }
    assertEquals(server.figures().refused.moreThanExpected, 5);
    for (const header of [{ Expect: 2 }, { Expect: 2, Meta: { a: "b" } }, {}, { Expect: "1" }]) {
      await peer.write(request(4, "Gate.Echo", "x", header));
      assertEquals(await read(), [`${ECHO}"Seq":4,"Error":""}`, '"x"'], JSON.stringify(header));
    }
    assertEquals(gate.begun.map(({ ctx }) => ctx.deadline !== undefined), [false, true]);
    peer.close();
  }));

Deno.test("Expect of a client that has not said that it knows it is a field like any unknown one", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const peer = await rawClient(world.network, address);
    await peer.write(option() + request(1, "Gate.Wait", 1));
    await gate.untilBegun(1);
    for (const header of [{ Expect: 0 }, { Expect: 0, Meta: {} }]) {
      await peer.write(request(2, "Gate.Echo", 1, header));
    }
    await peer.untilLines(4);
    assertEquals(peer.lines[0], `${ECHO}"Seq":2,"Error":""}`);
    assertEquals(peer.lines[2], peer.lines[0]);
    peer.close();
  }));

Deno.test("handlers that return at once: not a byte more than to a client that knows of nothing", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed);
      const peers = [await rawClient(world.network, address), await extended(world, address)];
      await peers[0].write(option());
      const from = peers.map(({ lines }) => lines.length);
      const other = await extended(world, address);
      let sent = 0;
      for (let turn = 0; turn < 20; turn++) {
        let text = "";
        for (let calls = between(random, 0, 5); calls > 0; calls--) {
          const method = ["Gate.Echo", "Gate.Fail", "Gate.None"][between(random, 0, 2)];
          const header = [{}, { Timeout: 100 }, { Expect: 0 }, { Meta: { a: "b" } }];
          text += request(
            ++sent,
            method,
            random() < 0.5 ? sent : "é",
            header[between(random, 0, 3)],
          );
        }
        if (random() < 0.3) text += `{"ServiceMethod":"","Seq":${++sent},"Ping":true}\nnull\n`;
        await other.write(request(turn + 1, "Gate.Echo", turn));
        for (const peer of peers) await peer.write(text);
      }
      for (const [place, peer] of peers.entries()) await peer.untilLines(from[place] + 2 * sent);
      const [plain, ours] = peers.map(({ lines }, place) => lines.slice(from[place]));
      assertEquals(ours, plain, `seed ${seed}`);
      for (const peer of [...peers, other]) peer.close();
    }
  }));

/** A network that keeps the lines that were written, by either end. */
function listeningTo(network: Network, written: string[]): Network {
  const decoder = new TextDecoder();
  const heard = (transport: Transport): Transport => {
    const write = transport.write.bind(transport);
    transport.write = (bytes) => {
      const text = decoder.decode(bytes).replace(/^ *{"MagicNumber":[^}]*}/, "");
      written.push(...text.split("\n"));
      return write(bytes);
    };
    return transport;
  };
  return {
    connect: async (...args) => heard(await network.connect(...args)),
    listen: (address, accept, options) =>
      network.listen(address, (transport) => accept(heard(transport)), options),
  };
}

Deno.test("handlers that return at once, far away, for many clients: no client asks or expects anything", () =>
  inWorld(async (world) => {
    const written: string[] = [];
    const network = listeningTo(world.network, written);
    const servers = [1, 2, 3].map(() => new Server({ clock: world.clock }));
    const addresses: string[] = [];
    for (const [place, server] of servers.entries()) {
      server.register("Echo", { Say: (value: unknown) => value });
      addresses.push((await server.listen(`memory@s${place}`, { network })).address);
    }
    const random = seededRandom(5);
    const options = { ...world.options, network, random };
    const clients = [1, 2, 3, 4].map(() => new XClient(addresses, options));
    const calls: Promise<unknown>[] = [];
    for (let n = 0; n < 300; n++) {
      calls.push(clients[between(random, 0, 3)].call("Echo.Say", n));
      await world.clock.advance(random() * 4);
    }
    await world.clock.advance(100);
    assertEquals(await Promise.all(calls), Array.from({ length: 300 }, (_, n) => n));
    assert(clients[0].endpoints().every(({ latencyMs }) => latencyMs > 1));
    const headers = written.filter((line) => line.startsWith("{"));
    const usual = headers.filter((line) =>
      /^{"ServiceMethod":"Echo.Say","Seq":\d+(,"Error":"")?}$/.test(line)
    );
    const greetings = headers.filter((line) => line.includes('"Ext":{'));
    assertEquals([usual.length, greetings.length, headers.length], [600, 12, 612]);
    for (const client of clients) await client.close();
    await world.clock.advance(1000); // until the servers know
    for (const server of servers) await server.close();
  }, { delayMs: 5 }));

/** Two servers that the test plays, of a client whose calls take 20 ms. */
async function facing(
  world: World,
  body: (peers: RawPeer[], call: (timeoutMs?: number) => void, xclient: XClient) => Promise<void>,
  load: number | undefined,
): Promise<void> {
  const servers = await Promise.all(
    ["memory@a", "memory@b"].map((address) => RawServer.listen(world.network, address)),
  );
  const xclient = new XClient(servers.map(({ address }) => address), {
    ...world.options,
    random: () => 0.999,
  });
  const call = (timeoutMs?: number) => {
    xclient.call("S.M", 1, { timeoutMs }).catch(() => {});
  };
  call();
  call();
  const peers = await Promise.all(servers.map((server) => server.accept()));
  for (const peer of peers) await peer.untilLines(2);
  if (load !== undefined) {
    const ext = { Instance: "i", Load: load };
    for (const peer of peers) {
      await peer.write(`${JSON.stringify({ ServiceMethod: "", Seq: 0, Ext: ext })}\nnull\n`);
    }
  }
  await world.clock.advance(20);
  for (const peer of peers) await peer.reply(1, 1);
  await world.clock.advance(100); // the reference is calculated anew
  await body(peers, call, xclient);
  await xclient.close();
  for (const server of servers) await server.close();
}

Deno.test("a client expects as many calls as it knows of, and one more", () =>
  inWorld((world) =>
    facing(world, async ([a, b], call, xclient) => {
      call();
      await a.untilLines(4);
      // Four others were there 100 ms ago, in the mean there are fewer.
      assertEquals(a.lines.slice(2), ['{"ServiceMethod":"S.M","Seq":2,"Expect":4}', "1"]);
      await a.reply(2, 1, { Load: 4 });
      call(5000); // the second call, which asks the other server along
      await b.untilLines(6);
      assertEquals(b.lines.slice(2), [
        '{"ServiceMethod":"","Seq":2,"Ping":true}',
        "null",
        '{"ServiceMethod":"S.M","Seq":3,"Timeout":5000,"Expect":4}',
        "1",
      ]);
      await b.write('{"ServiceMethod":"","Seq":2,"Ping":true,"Load":9}\nnull\n');
      await settled();
      assertEquals(xclient.endpoints().map(({ reportedLoad }) => reportedLoad), [4, 9]);
      // This is told with fields in another order.
      await b.write('{"Seq":3,"Load":5,"ServiceMethod":"S.M"}\n1\n');
      call();
      await a.untilLines(6);
      assertEquals(a.lines[4], '{"ServiceMethod":"S.M","Seq":3,"Expect":5}');
    }, 4)
  ));

Deno.test("while no server has calls of others, nothing is expected", () =>
  inWorld((world) =>
    facing(world, async ([a], call) => {
      call();
      await a.untilLines(4);
      assertEquals(a.lines[2], '{"ServiceMethod":"S.M","Seq":2}');
    }, 0)
  ));

Deno.test("of a server that has not said that it knows it, nothing is expected, nor is its load believed", () =>
  inWorld((world) =>
    facing(world, async ([a, b], call, xclient) => {
      call();
      await a.untilLines(4);
      assertEquals(a.lines[2], '{"ServiceMethod":"S.M","Seq":2}');
      await a.reply(2, 1, { Load: 4 });
      call();
      await a.untilLines(6);
      assertEquals(a.lines[4], '{"ServiceMethod":"S.M","Seq":3}');
      await a.reply(3, {}, { Error: "no", Code: "resource_exhausted", Rejected: true, Load: 9 });
      await b.untilLines(4); // failed over, as ever
      assertEquals(b.lines[2], '{"ServiceMethod":"S.M","Seq":2}');
      const figures = xclient.endpoints().map(({ reportedLoad, refused }) => [
        reportedLoad,
        refused,
      ]);
      assertEquals(figures, [[undefined, 1], [undefined, 0]]);
    }, undefined)
  ));

Deno.test("a load that is none changes nothing, and ends no connection", () =>
  inWorld((world) =>
    facing(world, async ([a], call, xclient) => {
      let seq = 1;
      for (const load of [-1, 0.5, "7", null, true, 1e300]) {
        call();
        seq++;
        await a.untilLines(2 * seq);
        await a.write(
          `{"ServiceMethod":"S.M","Seq":${seq},"Error":"","Load":${JSON.stringify(load)}}\n1\n`,
        );
        await settled();
        assertEquals(xclient.endpoints()[0].reportedLoad, 0);
      }
      assert(xclient.endpoints()[0].connected);
    }, 0)
  ));
