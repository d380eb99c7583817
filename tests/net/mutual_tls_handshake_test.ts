/** Mutual TLS: handshakes that come to no end, with peers that speak no TLS, hang up, or are too slow. */

import { Buffer } from "node:buffer";
import { connect as connectTcp, createServer as createTcpServer } from "node:net";
import type { AddressInfo } from "node:net";
import { assert, assertEquals } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { dial, Server, type ServerEvent } from "../../mod.ts";
import { assertFails, deferred, failure } from "../support/helpers.ts";
import { asked, clientIdentity, serve, trust, whoAmI } from "../support/mutual_tls.ts";

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
