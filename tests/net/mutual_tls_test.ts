/** Mutual TLS: who is let in, what a handler knows of its caller, and which options it needs. */

import { Buffer } from "node:buffer";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { dial, Server, type TlsOptions, XClient } from "../../mod.ts";
import { assertFails, failure } from "../support/helpers.ts";
import {
  asked,
  clientIdentity,
  foreign,
  ours,
  serve,
  serverIdentity,
  theirs,
  trust,
  whoAmI,
} from "../support/mutual_tls.ts";

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
