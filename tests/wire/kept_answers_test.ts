/** The bytes of calls whose answers are kept: ids, recalls, acknowledgements. */

import { assert, assertEquals } from "@std/assert";
import { deferred, inWorld, option, rawClient, request, settled } from "../support/helpers.ts";
import { Server } from "../../server.ts";
import type { Network, PeerCertificate } from "../../transport.ts";
import type { RawPeer, World } from "../support/helpers.ts";
import { HANDSHAKE } from "../support/wire.ts";

const CLIENT = "0123456789abcdef0123456789abcdef";
const OTHER = "fedcba9876543210fedcba9876543210";

/** A client that has shaken hands, and has read what the server says of itself. */
async function extended(world: World, address: string): Promise<RawPeer> {
  const peer = await rawClient(world.network, address);
  await peer.write(HANDSHAKE);
  await peer.untilLines(2);
  return peer;
}

/** The lines behind those about extensions. */
async function answers(peer: RawPeer, count: number): Promise<string[]> {
  await peer.untilLines(2 + count);
  await settled();
  return peer.lines.slice(2);
}

const call = (seq: number, number: number, method: string, body: unknown, more = {}) =>
  request(seq, method, body, { Id: `${CLIENT}/${number}`, ...more });
const recall = (seq: number, number: number, client = CLIENT) =>
  request(seq, "", null, { Recall: `${client}/${number}` });
const NOT_RUN = (seq: number) => [
  `{"ServiceMethod":"","Seq":${seq},"Error":"rpc server: it has not run here, and will not","Code":"unavailable","Rejected":true}`,
  "{}",
];
const NOTHING_KNOWN = (seq: number) => [
  `{"ServiceMethod":"","Seq":${seq},"Error":"rpc server: it may have run, and its answer is not kept any more","Code":"unavailable"}`,
  "{}",
];

Deno.test("the answer to a call is there on another connection, with the seq of who asks", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const first = await extended(world, address);
    await first.write(call(1, 1, "Gate.Wait", "x") + call(2, 2, "Gate.Fail", 7));
    assertEquals(await answers(first, 2), [
      '{"ServiceMethod":"Gate.Fail","Seq":2,"Error":"failed: 7"}',
      "{}",
    ]);
    await gate.untilBegun(1);
    first.close();
    await settled();
    const second = await extended(world, address);
    await second.write(recall(5, 1) + recall(6, 2) + recall(7, 3));
    assertEquals(await answers(second, 4), [
      '{"ServiceMethod":"Gate.Fail","Seq":6,"Error":"failed: 7"}',
      "{}",
      ...NOT_RUN(7),
    ]);
    gate.begun[0].end.resolve({ paid: 12 });
    assertEquals((await answers(second, 6)).slice(4), [
      '{"ServiceMethod":"Gate.Wait","Seq":5,"Error":""}',
      '{"paid":12}',
    ]);
    await second.write(recall(8, 1));
    assertEquals((await answers(second, 8)).slice(6), [
      '{"ServiceMethod":"Gate.Wait","Seq":8,"Error":""}',
      '{"paid":12}',
    ]);
    assertEquals([gate.begun.length, gate.aborted.length], [1, 0]);
    second.close();
  }));

Deno.test("the same id runs once, be it sent twice at once, later, or on two connections", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const [first, second] = [await extended(world, address), await extended(world, address)];
    await first.write(call(1, 1, "Gate.Wait", "x") + call(2, 1, "Gate.Wait", "y"));
    await second.write(call(1, 1, "Gate.Wait", "z"));
    await gate.untilBegun(1);
    await settled();
    gate.begun[0].end.resolve("once");
    assertEquals((await answers(first, 4)).filter((line) => line === '"once"').length, 2);
    await answers(second, 2);
    await second.write(call(2, 1, "Gate.Wait", "late"));
    assertEquals(await answers(second, 4), [
      '{"ServiceMethod":"Gate.Wait","Seq":1,"Error":""}',
      '"once"',
      '{"ServiceMethod":"Gate.Wait","Seq":2,"Error":""}',
      '"once"',
    ]);
    assertEquals(gate.begun.length, 1);
    for (const peer of [first, second]) peer.close();
  }));

Deno.test("a call that comes behind its recall does not run", () =>
  inWorld(async (world) => {
    const { address, gate, server } = await world.serve("a");
    const [first, second] = [await extended(world, address), await extended(world, address)];
    await second.write(recall(1, 4));
    assertEquals(await answers(second, 2), NOT_RUN(1));
    await second.write(request(9, "", null, { Ping: true, Ack: `${CLIENT}/4` })); // changes nothing
    await answers(second, 4);
    await first.write(call(1, 4, "Gate.Wait", "x"));
    const [head] = await answers(first, 2);
    assert(/"Seq":1,.*was told before it came.*"Rejected":true}$/.test(head), head);
    assertEquals(gate.begun.length, 0);
    await second.write(recall(2, 4));
    assertEquals((await answers(second, 6)).slice(4), NOT_RUN(2));
    const { kept } = server.figures();
    assertEquals([kept.recalled, kept.refused, kept.running], [2, 1, 0]);
    for (const peer of [first, second]) peer.close();
  }));

Deno.test("what is acknowledged is forgotten, by a ping or by a later call", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    const peer = await extended(world, address);
    for (const number of [1, 2, 3]) await peer.write(call(number, number, "Gate.Echo", number));
    await answers(peer, 6);
    assertEquals(server.figures().kept.answers, 3);
    await peer.write(request(4, "", null, { Ping: true, Ack: [`${CLIENT}/1`, 5, `${OTHER}/2`] }));
    assertEquals((await answers(peer, 8)).slice(6), [
      '{"ServiceMethod":"","Seq":4,"Ping":true}',
      "null",
    ]);
    assertEquals(server.figures().kept.answers, 2);
    await peer.write(call(5, 5, "Gate.Echo", 5, { Ack: `${CLIENT}/2` }));
    await answers(peer, 10);
    const { answers: kept, bytes } = server.figures().kept;
    assert(kept === 2 && bytes > 2000 && bytes < 3000, `${kept} answers, ${bytes} bytes`);
    peer.close();
  }));

Deno.test("handlers go on behind a lost connection for keepAnswersMs, then they are aborted and nothing is known", () =>
  inWorld(async (world) => {
    const { address, gate, server } = await world.serve("a", { keepAnswersMs: 1000 });
    const first = await extended(world, address);
    await first.write(call(1, 7, "Gate.Wait", "x") + call(2, 8, "Gate.Echo", "y"));
    await gate.untilBegun(1);
    await answers(first, 2);
    first.close();
    await settled();
    await world.clock.advance(999);
    assertEquals(gate.aborted.length, 0);
    await world.clock.advance(1);
    await gate.untilAborted(1);
    assertEquals(server.figures().kept.dropped, 1);
    const second = await extended(world, address);
    // Never that they have not run, nor that of those before them; a later one has not.
    await second.write(recall(1, 7) + recall(2, 8) + recall(3, 5) + recall(4, 9));
    assertEquals(await answers(second, 8), [
      ...NOTHING_KNOWN(1),
      ...NOTHING_KNOWN(2),
      ...NOTHING_KNOWN(3),
      ...NOT_RUN(4),
    ]);
    // One that was on its way for so long is not run: its caller may have been told anything.
    await second.write(call(5, 6, "Gate.Wait", "z"));
    assertEquals((await answers(second, 10)).slice(8), NOTHING_KNOWN(5));
    gate.begun[0].end.resolve(1);
    await settled();
    assertEquals(gate.begun.length, 1);
    second.close();
  }));

Deno.test("one that is asked for stays as long as who asks, not as long as who sent it", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { keepAnswersMs: 1000 });
    const first = await extended(world, address);
    await first.write(call(1, 1, "Gate.Wait", "x"));
    await gate.untilBegun(1);
    const second = await extended(world, address);
    await second.write(recall(1, 1));
    await settled();
    first.close();
    await settled();
    await world.clock.advance(5000);
    assertEquals(gate.aborted.length, 0);
    second.close();
    await settled();
    await world.clock.advance(1000);
    assertEquals(gate.aborted.length, 1);
    gate.begun[0].end.resolve(1);
  }));

Deno.test("a cancel aborts the handler, where it was sent and where it is asked for", () =>
  inWorld(async (world) => {
    const { address, gate, server } = await world.serve("a");
    const first = await extended(world, address);
    await first.write(call(1, 1, "Gate.Wait", "x") + call(2, 2, "Gate.Wait", "y"));
    await gate.untilBegun(2);
    await first.write(request(1, "", null, { Cancel: true }));
    await gate.untilAborted(1);
    first.close();
    const second = await extended(world, address);
    await second.write(recall(3, 2));
    await settled();
    assertEquals(gate.aborted.length, 1);
    await second.write(request(3, "", null, { Cancel: true }));
    await gate.untilAborted(2);
    for (const { end } of gate.begun) end.resolve(1);
    await settled();
    assertEquals(server.figures().kept.bytes, 0);
    assertEquals(second.lines.length, 2);
    second.close();
  }));

Deno.test("the caller's deadline holds behind a lost connection, and the handshake's is its answer", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const first = await rawClient(world.network, address);
    await first.write(option({ HandleTimeout: 3e9, Ext: 1 }));
    await first.write(call(1, 1, "Gate.Wait", "x", { Timeout: 2000 }) + call(2, 2, "Gate.Wait", 1));
    await gate.untilBegun(2);
    first.close();
    await settled();
    await world.clock.advance(2000);
    assertEquals(gate.aborted.length, 1);
    await world.clock.advance(1000);
    assertEquals(gate.aborted.length, 2);
    for (const { end } of gate.begun) end.resolve("late");
    await settled();
    const second = await extended(world, address);
    await second.write(recall(1, 1) + recall(2, 2));
    assertEquals(await answers(second, 4), [
      ...NOTHING_KNOWN(1),
      '{"ServiceMethod":"Gate.Wait","Seq":2,"Error":"rpc server: request handle timeout: expect within 3s","Code":"deadline_exceeded"}',
      "{}",
    ]);
    second.close();
  }));

Deno.test("within keepAnswersBytes: the oldest answers go, then what is known of them, then calls are rejected", () =>
  inWorld(async (world) => {
    const { address, gate, server } = await world.serve("a", { keepAnswersBytes: 6000 });
    const peer = await extended(world, address);
    const text = "x".repeat(2400);
    await peer.write(call(1, 1, "Gate.Echo", text) + call(2, 2, "Gate.Echo", text));
    await answers(peer, 4);
    assertEquals(server.figures().kept.dropped, 1);
    await peer.write(recall(3, 1));
    assertEquals((await answers(peer, 6)).slice(4), NOTHING_KNOWN(3));
    await peer.write(recall(4, 2));
    assertEquals((await answers(peer, 8))[7], `"${text}"`);
    for (const number of [3, 4, 5, 6, 7, 8]) {
      await peer.write(call(number + 2, number, "Gate.Wait", number));
    }
    await gate.untilBegun(5);
    const [head] = (await answers(peer, 10)).slice(8);
    assert(
      /"Seq":10,.*keepAnswersBytes.*"Code":"resource_exhausted","Rejected":true/.test(head),
      head,
    );
    await peer.write(recall(11, 1) + recall(12, 9));
    // Both are forgotten: it is known that nothing is known up to 2, and nothing can be promised of 9.
    assertEquals((await answers(peer, 14)).slice(10), [...NOTHING_KNOWN(11), ...NOTHING_KNOWN(12)]);
    for (const { end } of gate.begun) end.resolve(text);
    await settled();
    assert(server.figures().kept.bytes <= 6000);
    peer.close();
  }));

Deno.test("an id that is none is refused, and one without extensions is none", () =>
  inWorld(async (world) => {
    const { address, gate, server } = await world.serve("a");
    const peer = await extended(world, address);
    const wrong = ["x", `${CLIENT}`, `${CLIENT}/`, `${CLIENT}/01`, `${CLIENT}/99999999999999999`];
    for (const [place, Id] of [...wrong, `${"a".repeat(65)}/1`, "short/1"].entries()) {
      await peer.write(request(place + 1, "Gate.Echo", 1, { Id }));
      const [head] = (await answers(peer, 2 * place + 2)).slice(-2);
      assert(/"Code":"invalid_argument","Rejected":true}$/.test(head), `${Id}: ${head}`);
    }
    await peer.write(request(50, "", null, { Recall: "x" }));
    const [head] = (await answers(peer, 16)).slice(-2);
    assert(/"Seq":50,.*"Code":"invalid_argument","Rejected":true}$/.test(head), head);
    peer.close();
    const plain = await rawClient(world.network, address);
    await plain.write(option() + call(1, 1, "Gate.Wait", 1) + call(2, 1, "Gate.Wait", 2));
    await gate.untilBegun(2);
    assertEquals(server.figures().kept.bytes, 0);
    plain.close();
    await gate.untilAborted(2);
    for (const { end } of gate.begun) end.resolve(1);
  }));

Deno.test("a server that closes waits for handlers whose connection is gone, as long as its grace", () =>
  inWorld(async (world) => {
    for (const ends of [true, false]) {
      const { address, gate, server } = await world.serve(`${ends}`);
      const peer = await extended(world, address);
      await peer.write(call(1, 1, "Gate.Wait", 1));
      await gate.untilBegun(1);
      peer.close();
      await settled();
      const closed = deferred();
      server.close({ graceMs: 3000 }).then(() => closed.resolve());
      let isClosed = false;
      closed.promise.then(() => isClosed = true);
      await world.clock.advance(2999);
      await settled();
      assert(!isClosed && gate.aborted.length === 0);
      if (ends) gate.begun[0].end.resolve(1);
      else await world.clock.advance(1);
      await closed.promise;
      assertEquals(gate.aborted.length, ends ? 0 : 1);
      if (!ends) gate.begun[0].end.resolve(1);
      await settled();
    }
  }));

Deno.test("answers are given while the server drains: a recall is no new call", () =>
  inWorld(async (world) => {
    const { address, gate, server } = await world.serve("a");
    const [first, second] = [await extended(world, address), await extended(world, address)];
    await first.write(call(1, 1, "Gate.Wait", 1));
    await second.write(request(1, "Gate.Wait", 2));
    await gate.untilBegun(2);
    const closed = server.close();
    first.close();
    await settled();
    await second.write(recall(2, 1) + call(3, 2, "Gate.Echo", 3));
    gate.begun[0].end.resolve("there");
    const lines = await answers(second, 6);
    assert(lines.some((line) => /"Seq":3,.*"Rejected":true/.test(line)), lines.join("\n"));
    assert(lines.includes('"there"'), lines.join("\n"));
    gate.begun[1].end.resolve(2);
    await settled();
    second.close();
    await closed;
  }));

Deno.test("an answer that is too long to be kept is given to who waits", () =>
  inWorld(async (world) => {
    const { address, gate, server } = await world.serve("a", { keepAnswersBytes: 2000 });
    const peer = await extended(world, address);
    const text = "x".repeat(3000);
    await peer.write(call(1, 1, "Gate.Echo", text) + call(2, 2, "Gate.Wait", 1));
    await gate.untilBegun(1);
    gate.begun[0].end.resolve(text);
    const lines = await answers(peer, 4);
    assertEquals([lines[1], lines[3]], [`"${text}"`, `"${text}"`]);
    await peer.write(recall(3, 1) + recall(4, 2));
    assertEquals((await answers(peer, 8)).slice(4), [...NOTHING_KNOWN(3), ...NOTHING_KNOWN(4)]);
    assertEquals(server.figures().kept.dropped, 2);
    peer.close();
  }));

Deno.test("a server that may not answer more at once says so, and may be asked again", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a", { maxInFlight: 1 });
    const peer = await extended(world, address);
    await peer.write(call(1, 1, "Gate.Wait", 1));
    await gate.untilBegun(1);
    await peer.write(recall(2, 1) + recall(3, 1));
    const [head] = await answers(peer, 2);
    assert(/^{"ServiceMethod":"","Seq":3,.*"Code":"resource_exhausted"}$/.test(head), head);
    gate.begun[0].end.resolve("there");
    assertEquals((await answers(peer, 6)).filter((line) => line === '"there"').length, 2);
    peer.close();
  }));

Deno.test("with certificates an answer is for the client of the same names alone, be its certificate renewed", () =>
  inWorld(async (world) => {
    const peers = [certificate("a", "1"), certificate("a", "2"), certificate("b", "3")];
    const network: Network = {
      connect: (...args) => world.network.connect(...args),
      listen: (endpoint, accept) =>
        world.network.listen(endpoint, (inner) => {
          const peer = peers.shift();
          accept({
            remote: inner.remote,
            peer,
            start: (receiver) => inner.start(receiver),
            write: (bytes) => inner.write(bytes),
            close: () => inner.close(),
          });
        }),
    };
    const server = new Server({ clock: world.clock });
    let ran = 0;
    server.register("Count", { Up: () => ++ran });
    await server.listen("memory@tls", { network });
    const first = await extended(world, "memory@tls");
    await first.write(call(1, 1, "Count.Up", 0));
    await answers(first, 2);
    const [renewed, other] = [
      await extended(world, "memory@tls"),
      await extended(world, "memory@tls"),
    ];
    // It learns nothing, runs nothing, and makes nothing forgotten.
    await other.write(
      recall(1, 1) + call(2, 1, "Count.Up", 0) +
        request(3, "", null, { Ping: true, Ack: `${CLIENT}/1` }),
    );
    assertEquals((await answers(other, 6)).slice(0, 4), [...NOTHING_KNOWN(1), ...NOTHING_KNOWN(2)]);
    await renewed.write(recall(1, 1));
    assertEquals((await answers(renewed, 2))[1], "1");
    assertEquals(ran, 1);
    for (const peer of [first, renewed, other]) peer.close();
    await server.close();
  }));

function certificate(name: string, serialNumber: string): PeerCertificate {
  return {
    subject: `CN=${name}`,
    issuer: "CN=authority",
    sans: [`DNS:${name}.example`],
    fingerprint: serialNumber.repeat(64),
    serialNumber,
    validFrom: new Date(0),
    validTo: new Date(1e15),
  };
}
