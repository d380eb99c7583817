/** Servers that ask for certificates, and the identities that their clients show. */

import { assert, assertEquals } from "@std/assert";
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
} from "../../mod.ts";
import { deferred } from "./helpers.ts";
import { Authority } from "./certificates.ts";

/** The authority whose certificates both ends take, and another. */
export const ours = new Authority("ours");
export const theirs = new Authority("theirs");
/** What a server shows, and what a client does. */
export const serverIdentity = ours.issue({ name: "server", purposes: ["server"] });
export const clientIdentity = ours.issue({
  name: "orders, 1",
  subject: [["2.5.4.6", "NL"], ["2.5.4.10", "Acme"]],
  sans: ["DNS:orders.example", "IP:10.0.0.7", "URI:spiffe://acme/orders, DNS:admin"],
  validTo: new Date(Date.UTC(2071, 6, 14)),
});
/** What nobody takes. */
export const expired = ours.issue({ name: "late", validTo: new Date(Date.UTC(2021, 0, 1)) });
export const early = ours.issue({ name: "early", validFrom: new Date(Date.UTC(2100, 0, 1)) });
export const forServers = ours.issue({ name: "server", purposes: ["server"] });
export const foreign = theirs.issue({ name: "orders" });
/** The options of a client that takes our servers, and of a server that takes our clients. */
export const trust: TlsOptions = { caCerts: [ours.cert] };
export const asked: TlsOptions = { ...serverIdentity, clientCaCerts: [ours.cert] };

/** A server that asks for certificates, what it was told, and who has called. */
export async function serve(tls: TlsOptions = asked, protocol?: Protocol) {
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

/** Whom a server takes a client for. */
export const whoAmI = async (address: string, options: DialOptions) => {
  const client = await dial(address, options);
  try {
    return await client.call<string>("Who.Am");
  } finally {
    await client.close();
  }
};
