/** Mutual TLS: clients and servers that are refused, what both ends are told, and that nothing runs. */

import type { Buffer } from "node:buffer";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { assert, assertEquals } from "@std/assert";
import { dial } from "../../mod.ts";
import { assertFails } from "../support/helpers.ts";
import { type Identity, selfSigned } from "../support/certificates.ts";
import {
  asked,
  clientIdentity,
  early,
  expired,
  foreign,
  forServers,
  ours,
  serve,
  trust,
} from "../support/mutual_tls.ts";

/** Clients that are refused: what they give, and what both ends are told. */
const REFUSED: readonly [what: string, identity: Partial<Identity>, reason: RegExp][] = [
  ["no certificate", {}, /the client has given no certificate/],
  ["one of another authority", foreign, /not from an authority of clientCaCerts/],
  ["one that has expired", expired, /certificate has expired/],
  ["one that is not valid yet", early, /not valid yet/],
  ["one that is self-signed", selfSigned("orders"), /certificate is self-signed/],
  ["one that is for servers", forServers, /not one for clients/],
];

for (const [what, identity, wanted] of REFUSED) {
  for (const protocol of ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"] as const) {
    Deno.test(`${protocol}: a client with ${what} runs nothing, and both ends are told why`, async () => {
      for (const requireClientCert of what === "no certificate" ? [true] : [true, false]) {
        const one = await serve({ ...asked, requireClientCert }, protocol);
        const client = await dial(one.address, { protocol, tls: { ...trust, ...identity } });
        const error = await assertFails(client.call("Who.Am"), {
          code: "unauthenticated",
          execution: "rejected",
          address: one.address,
          message: "the server refused the connection: rpc server: the client",
        });
        assert(wanted.test(error.message), error.message);
        const reason = await one.reason();
        assert(wanted.test(reason), reason);
        await client.closed;
        assertEquals(one.server.figures().refused.tls, 1);
        await one.server.close();
        assertEquals([one.peers, one.events], [[], []]);
      }
    });
  }
}

/** A client of TLS that a test plays by hand; it sends a call at once. */
function rawCall(port: number, options: object): Promise<{ text: string; session?: Buffer }> {
  return new Promise((resolve) => {
    let text = "";
    let session: Buffer | undefined;
    const socket: TLSSocket = connectTls({
      port,
      host: "127.0.0.1",
      servername: "localhost",
      ca: [ours.cert],
      ...options,
    }, () => {
      socket.write('{"MagicNumber":3927900,"CodecType":"application/json"}\n');
      socket.write('{"ServiceMethod":"Who.Am","Seq":1,"Error":""}\nnull\n');
    });
    socket.on("session", (ticket) => session = ticket);
    socket.on("data", (chunk) => {
      text += chunk;
      if (text.includes("}\n")) socket.end();
    });
    socket.on("error", (error) => text += error.message);
    socket.on("close", () => resolve({ text, session }));
  });
}

for (const maxVersion of ["TLSv1.2", "TLSv1.3"]) {
  Deno.test(`${maxVersion}: a session that is resumed does not stand for a certificate`, async () => {
    for (const requireClientCert of [true, false]) {
      const one = await serve({ ...asked, requireClientCert });
      const refusals: string[] = [];
      // Without one, then with that session; with one, then with its session, but without it.
      for (const first of [foreign, {}, clientIdentity]) {
        const { text, session } = await rawCall(one.port, { ...first, maxVersion });
        const again = await rawCall(one.port, { session, maxVersion });
        refusals.push(text, again.text);
      }
      const names = refusals.map((text) => /orders|nobody|has given no|not from/.exec(text)?.[0]);
      const none = requireClientCert ? "has given no" : "nobody";
      assertEquals(names, ["not from", none, none, none, "orders", none]);
      assert(one.peers.every((peer) => peer === undefined || peer.issuer === "CN=ours"));
      await one.server.close();
    }
  });
}

Deno.test("of what a client sends that is refused nothing is read, however much and early it comes", async () => {
  const one = await serve();
  const calls = '{"ServiceMethod":"Who.Am","Seq":1,"Error":""}\nnull\n'.repeat(5000);
  const text = await new Promise<string>((resolve) => {
    let text = "";
    const socket = connectTls({ port: one.port, host: "127.0.0.1", ca: [ours.cert] });
    socket.write('{"MagicNumber":3927900,"CodecType":"application/json"}\n' + calls);
    socket.on("data", (chunk) => text += chunk);
    socket.on("error", () => {}); // a reset is as good
    socket.on("end", () => socket.destroy());
    socket.on("close", () => resolve(text));
  });
  assert(/has given no certificate/.test(text) || text === "", text);
  assert(!/"Seq":1/.test(text), text);
  assert(/has given no certificate/.test(await one.reason()));
  assertEquals([one.peers.length, one.server.connections], [0, 0]);
  await one.server.close();
});

/** Servers that are refused: what they show, and what the client is told. */
const WRONG_SERVERS: readonly [what: string, identity: Identity, words: RegExp][] = [
  ["of another authority", foreign, /self-signed, or not from an authority|not from an authority/],
  ["that is self-signed", selfSigned("localhost"), /self-signed/],
  ["that has expired", expired, /the server's certificate has expired/],
  ["that is not valid yet", early, /the server's certificate is not valid yet/],
  ["for another name", ours.issue({ name: "a", sans: ["DNS:a.example"] }), /tls\.serverName/],
];

for (const [what, identity, words] of WRONG_SERVERS) {
  for (const [how, own] of [["no certificate", {}], ["one", clientIdentity]] as const) {
    Deno.test(`a server with a certificate ${what} is refused by a client with ${how}, and told so`, async () => {
      const one = await serve({ ...asked, ...identity });
      const error = await assertFails(dial(one.address, { tls: { ...trust, ...own } }), {
        code: "unavailable",
        execution: "not_sent",
        address: one.address,
        message: "can't connect: ",
      });
      assert(words.test(error.message), error.message);
      // Deno's client says nothing to a server whose certificate is for another name.
      if (what !== "for another name") {
        const reason = await one.reason();
        assert(/not take this server's certificate/.test(reason), reason);
      }
      await one.server.close();
      assertEquals(one.peers, []);
    });
  }
}
