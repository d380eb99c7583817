/** Certificates that are renewed: while a server listens, and between the dials of a client. */

import { connect as connectTls } from "node:tls";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { parseAddress } from "../../address.ts";
import {
  type CallContext,
  dial,
  type Network,
  Server,
  type TlsOptions,
  XClient,
} from "../../mod.ts";
import { systemNetwork } from "../../net/network.ts";
import { MemoryNetwork } from "../../testing.ts";
import { assertFails, deferred } from "../support/helpers.ts";
import { Authority } from "../support/certificates.ts";

const ours = new Authority("ours");
const theirs = new Authority("theirs");
const identity = (name: string, authority = ours) => authority.issue({ name });
const trust: TlsOptions = { caCerts: [ours.cert] };

/** The name in the certificate that a server shows to a new connection. */
function shownAt(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { port } = parseAddress(address);
    const options = { port, host: "127.0.0.1", ca: [ours.cert, theirs.cert] };
    const socket = connectTls(options, () => {
      const { subject } = socket.getPeerCertificate();
      socket.on("close", () => resolve(String(subject.CN)));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

function whoServer(): Server {
  const server = new Server();
  server.register("Who", { Am: (_: unknown, ctx: CallContext) => ctx.peer?.subject ?? "nobody" });
  return server;
}

Deno.test("a renewed certificate is shown from the next handshake on; connections stay", async () => {
  const server = whoServer();
  const listener = await server.listen("tls@127.0.0.1:0", { tls: identity("first") });
  const client = await dial(listener.address, { tls: trust });
  assertEquals(await shownAt(listener.address), "first");
  await listener.renew(identity("second"));
  assertEquals(await shownAt(listener.address), "second");
  assertEquals(await client.call("Who.Am"), "nobody");
  assert(client.available);
  await client.close();
  await server.close();
});

Deno.test("a renewal that can't be meant changes nothing", async () => {
  const server = whoServer();
  const first = identity("first");
  const listener = await server.listen("tls@127.0.0.1:0", { tls: first });
  const rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  for (
    const [tls, message] of [
      [{ cert: identity("second").cert }, "tls.key is not the key of tls.cert"],
      [{ ...first, cert: rubbish }, "tls.cert is no certificate in PEM"],
      [{ ...first, cert: "server.pem" }, "looks like a path"],
    ] as const
  ) await assertFails(listener.renew(tls), { code: "invalid_argument", message });
  for (
    const [tls, message] of [
      [undefined, "renew needs { cert, key }"],
      [{ certificate: "" } as TlsOptions, 'no option "certificate"'],
      [{ clientCaCerts: [ours.cert] }, "only where it was given to listen"],
    ] as [TlsOptions | undefined, string][]
  ) await assertRejects(() => listener.renew(tls), TypeError, message);
  assertEquals(await shownAt(listener.address), "first");
  const plain = await server.listen("tcp@127.0.0.1:0");
  await assertRejects(() => plain.renew(first), TypeError, "has no certificate to renew");
  await server.close();
});

Deno.test("the authorities of clients are renewed, too: new connections need one of the new ones", async () => {
  const server = whoServer();
  const listener = await server.listen("tls@127.0.0.1:0", {
    tls: { ...identity("server"), clientCaCerts: [ours.cert] },
  });
  const { address } = listener;
  const old = await dial(address, { tls: { ...trust, ...identity("old") } });
  assertEquals(await old.call("Who.Am"), "CN=old");
  await listener.renew({ clientCaCerts: [theirs.cert] });
  const next = await dial(address, { tls: { ...trust, ...identity("next", theirs) } });
  assertEquals(await next.call("Who.Am"), "CN=next");
  const late = await dial(address, { tls: { ...trust, ...identity("old") } });
  await assertFails(late.call("Who.Am"), { code: "unauthenticated", execution: "rejected" });
  assertEquals(await old.call("Who.Am"), "CN=old");
  await Promise.all([old.close(), next.close()]);
  await server.close();
});

Deno.test("a function gives the listener its certificate, and the next one when it is renewed", async () => {
  const server = whoServer();
  const names = ["first", "second"];
  let failing = false;
  const tls = async () => {
    await undefined;
    if (failing) throw new Error("the vault is sealed");
    return identity(names.shift()!);
  };
  const listener = await server.listen("tls@127.0.0.1:0", { tls });
  assertEquals(await shownAt(listener.address), "first");
  await listener.renew();
  assertEquals(await shownAt(listener.address), "second");
  failing = true;
  await assertFails(listener.renew(), {
    code: "unavailable",
    message: `${listener.address}: the function tls has failed: the vault is sealed`,
  });
  assertEquals(await shownAt(listener.address), "second");
  await assertFails(server.listen("tls@127.0.0.1:0", { tls }), {
    code: "unavailable",
    message: "the function tls has failed: the vault is sealed",
  });
  await server.close();
});

Deno.test("a client's function is asked for each dial, and for no other address than one of TLS", async () => {
  const server = whoServer();
  const { address } = await server.listen("tls@127.0.0.1:0", {
    tls: { ...identity("server"), clientCaCerts: [ours.cert] },
  });
  const plain = await server.listen("tcp@127.0.0.1:0");
  let asked = 0;
  const tls = () => ({ ...trust, ...identity(`client ${++asked}`) });
  for (const name of ["CN=client 1", "CN=client 2"]) {
    const client = await dial(address, { tls });
    assertEquals(await client.call("Who.Am"), name);
    await client.close();
  }
  const client = await dial(plain.address, { tls });
  assertEquals(await client.call("Who.Am"), "nobody");
  await client.close();
  assertEquals(asked, 2);
  await server.close();
});

Deno.test("a client's function that fails, or is too slow, fails the dial", async () => {
  const address = "tls@127.0.0.1:1";
  const failing = () => Promise.reject(new Error("no such secret"));
  await assertFails(dial(address, { tls: failing }), {
    code: "unavailable",
    execution: "not_sent",
    address,
    message: `${address}: the function tls has failed: no such secret`,
  });
  await assertFails(dial(address, { tls: () => ({ cert: "./client.pem" }) }), {
    code: "invalid_argument",
    message: "looks like a path",
  });
  await assertRejects(
    () => dial(address, { tls: () => ({ certs: [] }) as TlsOptions }),
    TypeError,
    'tls has no option "certs"',
  );
  const never = () => new Promise<TlsOptions>(() => {});
  await assertFails(dial(address, { tls: never, connectTimeoutMs: 5 }), {
    code: "unavailable",
    message: "no connection within 5 ms",
  });
  const signal = AbortSignal.abort("enough");
  const aborted = await dial(address, { tls: never, signal }).catch((reason) => reason);
  assertEquals(aborted, "enough");
});

Deno.test("renewed again and again under load: no call fails, and new connections show the new one", async () => {
  const server = whoServer();
  const tls = { clientCaCerts: [ours.cert] };
  const listener = await server.listen("tls@127.0.0.1:0", {
    tls: { ...identity("server 0"), ...tls },
  });
  let dials = 0;
  const network: Network = {
    ...systemNetwork,
    connect(endpoint, options) {
      dials++;
      return systemNetwork.connect(endpoint, options);
    },
  };
  const options = { network, tls: () => ({ ...trust, ...identity(`client ${dials}`) }) };
  const xclient = new XClient([listener.address], options);
  let calls = 0;
  let isOver = false;
  const enough = deferred();
  const caller = async () => {
    while (!isOver) {
      assert(/^CN=client \d+$/.test(await xclient.call<string>("Who.Am")));
      if (++calls % 500 === 0) enough.resolve();
    }
  };
  /** Connects anew all the time, as clients do that are started. */
  const newcomer = async () => {
    while (!isOver) {
      const client = await dial(listener.address, options);
      assert(/^CN=client \d+$/.test(await client.call<string>("Who.Am")));
      await client.close();
    }
  };
  const all = [...Array.from({ length: 8 }, caller), newcomer(), newcomer()];
  for (let round = 1; round <= 20; round++) {
    await listener.renew(identity(`server ${round}`));
    assertEquals(await shownAt(listener.address), `server ${round}`);
  }
  await enough.promise;
  isOver = true;
  await Promise.all(all);
  assert(dials > 10, String(dials));
  await xclient.close();
  await server.close();
});

Deno.test("a network of one's own that can't renew says so", async () => {
  const server = whoServer();
  const network = new MemoryNetwork();
  const listener = await server.listen("memory@a", { network });
  await assertRejects(
    () => listener.renew(identity("a")),
    TypeError,
    "memory@a has no certificate",
  );
  await server.close();
});
