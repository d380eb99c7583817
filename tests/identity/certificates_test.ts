/** Who calls by the certificate of their connection, on every protocol: also where there is no metadata. */

import { assertEquals } from "@std/assert";
import {
  authorize,
  type CallContext,
  credentials,
  dial,
  Server,
  type TlsOptions,
} from "../../mod.ts";
import { PROTOCOLS } from "../../protocol/protocols.ts";
import { Authority, type Identity } from "../support/certificates.ts";
import { assertFails } from "../support/helpers.ts";

const ours = new Authority("ours");
const orders = ours.issue({ name: "orders", sans: ["URI:spiffe://acme/orders"] });
const reports = ours.issue({ name: "reports", sans: ["URI:spiffe://acme/reports"] });
const unnamed = ours.issue({ name: "spiffe://acme/orders", sans: ["DNS:orders.example"] });

for (const protocol of PROTOCOLS) {
  Deno.test(`${protocol}: who calls is known by the certificate`, async () => {
    const authorizer = authorize(
      ({ context: { peer } }) => peer?.sans.find((san) => san.startsWith("URI:spiffe://acme/")),
      { "Stock.*": "authenticated", "Stock.Take": (name) => name === "URI:spiffe://acme/orders" },
    );
    const ran: unknown[] = [];
    const method = (_args: unknown, ctx: CallContext) =>
      void ran.push([ctx.serviceMethod, authorizer.principal(ctx)]);
    await using server = new Server({ interceptors: [authorizer] });
    server.register("Stock", { Count: method, Take: method });
    const { address } = await server.listen("tls@localhost:0", {
      protocol,
      tls: {
        ...ours.issue({ name: "server" }),
        clientCaCerts: [ours.cert],
        requireClientCert: false,
      },
    });
    const client = async (identity?: Identity) => {
      const tls: TlsOptions = { caCerts: [ours.cert], ...identity };
      return await dial(address, { protocol, tls });
    };

    await using known = await client(orders);
    await known.call("Stock.Take");
    await using other = await client(reports);
    await other.call("Stock.Count");
    assertEquals(ran.splice(0), [
      ["Stock.Take", "URI:spiffe://acme/orders"],
      ["Stock.Count", "URI:spiffe://acme/reports"],
    ]);
    await assertFails(other.call("Stock.Take"), {
      code: "permission_denied",
      execution: "rejected",
    });
    // Without a certificate, and with one that is verified and names nobody we know.
    for (const identity of [undefined, unnamed]) {
      await using stranger = await client(identity);
      for (const name of ["Stock.Take", "Stock.Count", "Stock.Nothing"]) {
        await assertFails(stranger.call(name), { code: "unauthenticated", execution: "rejected" });
      }
    }
    assertEquals(ran, []);
  });
}

Deno.test("credentials are sent by TLS, to whatever host", async () => {
  await using server = new Server();
  server.register("Who", { Am: (_args: unknown, ctx: CallContext) => ctx.meta.token });
  const tls = ours.issue({ name: "server", sans: ["DNS:far.example"] });
  const { address } = await server.listen("tls@127.0.0.1:0", { tls });
  await using client = await dial(address, {
    tls: { caCerts: [ours.cert], serverName: "far.example" },
    interceptors: [credentials(() => ({ token: "s3cret" }))],
  });
  assertEquals(await client.call("Who.Am"), "s3cret");
});
