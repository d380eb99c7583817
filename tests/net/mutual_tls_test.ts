/** Mutual TLS: who is let in, what a handler knows of its caller, and what both ends are told. */

import { Buffer } from "node:buffer";
import { connect as connectTcp, createServer as createTcpServer } from "node:net";
import type { AddressInfo } from "node:net";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { parseAddress } from "../../address.ts";
import {
  type CallContext,
  dial,
  type DialOptions,
  type PeerCertificate,
  type Protocol,
  Server,
  type ServerEvent,
  type TlsOptions,
  XClient,
} from "../../mod.ts";
import { assertFails, deferred, failure } from "../support/helpers.ts";
import { Authority, type Identity, selfSigned } from "../support/certificates.ts";

const ours = new Authority("ours");
const theirs = new Authority("theirs");
const serverIdentity = ours.issue({ name: "server", purposes: ["server"] });
const clientIdentity = ours.issue({
  name: "orders, 1",
  subject: [["2.5.4.6", "NL"], ["2.5.4.10", "Acme"]],
  sans: ["DNS:orders.example", "IP:10.0.0.7", "URI:spiffe://acme/orders, DNS:admin"],
  validTo: new Date(Date.UTC(2071, 6, 14)),
});
const expired = ours.issue({ name: "late", validTo: new Date(Date.UTC(2021, 0, 1)) });
const early = ours.issue({ name: "early", validFrom: new Date(Date.UTC(2100, 0, 1)) });
const forServers = ours.issue({ name: "server", purposes: ["server"] });
const foreign = theirs.issue({ name: "orders" });
const trust: TlsOptions = { caCerts: [ours.cert] };
const asked: TlsOptions = { ...serverIdentity, clientCaCerts: [ours.cert] };

/** A server that asks for certificates, what it was told, and who has called. */
async function serve(tls: TlsOptions = asked, protocol?: Protocol) {
  const events: ServerEvent[] = [];
  const peers: (PeerCertificate | undefined)[] = [];
  let told = deferred();
  const server = new Server({
    onEvent(event) {
      events.push(event);
      told.resolve();
    },
  });
  server.register("Who", {
    Am(_args: unknown, ctx: CallContext) {
      peers.push(ctx.peer);
      return ctx.peer?.subject ?? "nobody";
    },
  });
  const listener = await server.listen("tls@127.0.0.1:0", { tls, protocol });
  return {
    server,
    events,
    peers,
    listener,
    ...listener,
    port: parseAddress(listener.address).port,
    /** The reason of the next event. */
    async reason(): Promise<string> {
      while (events.length === 0) {
        await told.promise;
        told = deferred();
      }
      const { type, remote, reason } = events.shift()!;
      assertEquals(type, "refused");
      assert(/^tls@127\.0\.0\.1:\d+$/.test(remote), remote);
      assert(!reason.includes("\n"), reason);
      return reason;
    },
  };
}

const whoAmI = async (address: string, options: DialOptions) => {
  const client = await dial(address, options);
  try {
    return await client.call<string>("Who.Am");
  } finally {
    await client.close();
  }
};

for (const protocol of ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"] as const) {
  Deno.test(`${protocol}: a handler knows who calls, by a certificate that was verified`, async () => {
    const { server, address, peers } = await serve(asked, protocol);
    const who = await whoAmI(address, { protocol, tls: { ...trust, ...clientIdentity } });
    assertEquals(who, "CN=orders\\, 1,O=Acme,C=NL");
    const [peer] = peers;
    assertEquals([peer?.issuer, peer?.serialNumber], ["CN=ours", "83"]);
    assertEquals(peer?.sans, [
      "DNS:orders.example",
      "IP:10.0.0.7",
      "URI:spiffe://acme/orders, DNS:admin",
    ]);
    const der = Buffer.from(clientIdentity.cert.replace(/-----.*-----|\s/g, ""), "base64");
    const digest = await crypto.subtle.digest("SHA-256", der);
    assertEquals(peer?.fingerprint, Buffer.from(digest).toString("hex"));
    assertEquals(peer?.validFrom, new Date("2020-01-01T00:00:00Z"));
    assertEquals(peer?.validTo, new Date("2071-07-14T00:00:00Z"));
    await server.close();
  });
}

Deno.test("an XClient shows its certificate to every server", async () => {
  const fleet = [await serve(), await serve()];
  const xclient = new XClient(fleet.map(({ address }) => address), {
    tls: { ...trust, ...clientIdentity },
  });
  for await (const receipt of xclient.inform<string>("Who.Am", undefined)) {
    assert(receipt.ok && receipt.reply === "CN=orders\\, 1,O=Acme,C=NL");
  }
  await xclient.close();
  for (const { server } of fleet) await server.close();
});

Deno.test("where one server of a fleet refuses the client's certificate, calls go to the others", async () => {
  const fleet = [
    await serve({ ...serverIdentity, clientCaCerts: [theirs.cert] }),
    await serve(),
  ];
  const xclient = new XClient(fleet.map(({ address }) => address), {
    tls: { ...trust, ...clientIdentity },
    mode: "round_robin",
  });
  for (let call = 0; call < 20; call++) {
    assertEquals(await xclient.call("Who.Am"), "CN=orders\\, 1,O=Acme,C=NL");
  }
  assertEquals(fleet.map(({ peers }) => peers.length), [0, 20]);
  assert(fleet[0].events.length > 0);
  await xclient.close();
  for (const { server } of fleet) await server.close();
});

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

Deno.test("where no certificate is required a client without one is nobody", async () => {
  const { server, address, peers } = await serve({ ...asked, requireClientCert: false });
  assertEquals(await whoAmI(address, { tls: trust }), "nobody");
  assertEquals(
    await whoAmI(address, { tls: { ...trust, ...clientIdentity } }),
    "CN=orders\\, 1,O=Acme,C=NL",
  );
  assertEquals(peers[0], undefined);
  await server.close();
});

Deno.test("where no certificate is asked for nobody is believed to be anybody", async () => {
  const { server, address, peers } = await serve(serverIdentity);
  assertEquals(await whoAmI(address, { tls: { ...trust, ...clientIdentity } }), "nobody");
  assertEquals(await whoAmI(address, { tls: { ...trust, ...foreign } }), "nobody");
  assertEquals(peers, [undefined, undefined]);
  await server.close();
});

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

Deno.test("TCP to a port of TLS, and TLS to one of TCP: both ends are told", async () => {
  const one = await serve();
  const events: ServerEvent[] = [];
  const told = deferred();
  const plain = new Server({
    onEvent(event) {
      events.push(event);
      told.resolve();
    },
  });
  const { address } = await plain.listen("tcp@127.0.0.1:0");
  await assertFails(dial(`tls@127.0.0.1:${parseAddress(address).port}`, { tls: trust }), {
    code: "unavailable",
    message: "the server does not speak TLS",
  });
  await told.promise;
  assertEquals(events[0].type, "refused");
  assert(/a TLS client\? it is served at tls@ addresses/.test(events[0].reason), events[0].reason);
  const error = await failure(whoAmI(`tcp@127.0.0.1:${one.port}`, {}));
  assert(/TLS|its protocol may be another/.test(String(error)), String(error));
  const reason = await one.reason();
  assert(/the client (?:does not speak|speaks no) TLS/.test(reason), reason);
  await one.server.close();
  await plain.close();
});

Deno.test("a client that hangs up or is too slow in the handshake is told of", async () => {
  const events: ServerEvent[] = [];
  let told = deferred();
  const server = new Server({
    handshakeTimeoutMs: 30,
    onEvent(event) {
      events.push(event);
      told.resolve();
    },
  });
  const { address } = await server.listen("tls@127.0.0.1:0", { tls: asked });
  const slow = connectTcp(parseAddress(address).port, "127.0.0.1");
  slow.on("error", () => {});
  await told.promise;
  assert(/no handshake in time \(handshakeTimeoutMs\)/.test(events[0].reason), events[0].reason);
  slow.destroy();
  told = deferred();
  const gone = connectTcp(parseAddress(address).port, "127.0.0.1");
  gone.write(Buffer.from([0x16, 3, 1, 0, 100, 1]), () => gone.destroy());
  await told.promise;
  assertEquals(events[1].type, "refused");
  await server.close();
});

Deno.test("options that would let everybody in, or nobody, are refused", async () => {
  const server = new Server();
  const wrong: readonly [address: string, tls: TlsOptions, message: string][] = [
    ["tcp@127.0.0.1:0", asked, "tls.clientCaCerts is for tls@ addresses"],
    ["tls@127.0.0.1:0", { ...asked, clientCaCerts: [] }, "nobody could be let in"],
    ["tls@127.0.0.1:0", { ...serverIdentity, requireClientCert: true }, "needs tls.clientCaCerts"],
    ["tls@127.0.0.1:0", { clientCaCerts: [ours.cert] }, "tls.cert and tls.key"],
  ];
  for (const [address, tls, message] of wrong) {
    await assertRejects(() => server.listen(address, { tls }), TypeError, message);
    await assertRejects(() => server.listen(address, { tls: () => tls }), TypeError, message);
  }
  const rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  for (
    const [tls, message] of [
      [{ ...asked, key: clientIdentity.key }, "tls.key is not the key of tls.cert"],
      [{ ...asked, cert: rubbish }, "tls.cert"],
      [{ ...asked, clientCaCerts: [rubbish] }, "tls.clientCaCerts[0] is no certificate"],
    ] as [TlsOptions, string][]
  ) {
    const listening = server.listen("tls@127.0.0.1:0", { tls });
    await assertFails(listening, { code: "invalid_argument", message });
  }
  await assertRejects(
    () => dial("tls@127.0.0.1:1", { tls: { cert: clientIdentity.cert } }),
    TypeError,
    "tls.cert needs tls.key",
  );
  await assertFails(
    dial("tls@127.0.0.1:1", { tls: { ...clientIdentity, key: serverIdentity.key } }),
    { code: "invalid_argument", message: "tls.key is not the key of tls.cert" },
  );
  await server.close();
});

Deno.test("a server of others that asks for a certificate gets ours, and says so if it gets none", async () => {
  const names: unknown[] = [];
  const server = createTlsServer({
    ...serverIdentity,
    ca: [ours.cert],
    requestCert: true,
    rejectUnauthorized: true,
  }, (socket) => {
    names.push(socket.getPeerCertificate().subject.CN);
    socket.on("error", () => {});
    socket.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `tls@127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = await dial(address, { tls: { ...trust, ...clientIdentity } });
  await client.closed;
  assertEquals(names, ["orders, 1"]);
  const error = await failure(whoAmI(address, { tls: trust }));
  assert(/asks for a client's certificate|certificate required/i.test(String(error)), `${error}`);
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("an abort while a client with a certificate shakes hands closes its socket", async () => {
  const greeted = deferred();
  const gone = deferred();
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => greeted.resolve());
    socket.once("close", () => gone.resolve());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const controller = new AbortController();
  const dialling = failure(
    dial(`tls@127.0.0.1:${(server.address() as AddressInfo).port}`, {
      tls: { ...trust, ...clientIdentity },
      signal: controller.signal,
    }),
  );
  await greeted.promise;
  controller.abort("enough");
  assertEquals(await dialling, "enough");
  await gone.promise;
  await new Promise((resolve) => server.close(resolve));
});
