/** TLS on this runtime's own sockets: certificates, server names, and handshakes that do not end. */

import { connect as connectTcp, createServer as createTcpServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { dial } from "../../client.ts";
import { systemNetwork } from "../../net/network.ts";
import { Server } from "../../server.ts";
import type { TlsOptions } from "../../transport.ts";
import { assertFails, deferred, failure, RawPeer } from "../support/helpers.ts";
import { finish, fixture, tls, trust } from "../support/transports.ts";

Deno.test("an abort during the handshake closes the socket", async () => {
  const sockets: Socket[] = [];
  const greeted = deferred();
  const gone = deferred();
  const server = createTcpServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.once("data", () => greeted.resolve());
    socket.once("close", () => gone.resolve());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const controller = new AbortController();
  const connecting = failure(
    systemNetwork.connect(parseAddress(`tls@127.0.0.1:${port}`), { signal: controller.signal }),
  );
  await greeted.promise;
  controller.abort("enough");
  assertEquals(await connecting, "enough");
  // Deno 2.9 keeps a socket whose TLS handshake was given up until the peer closes it.
  if ("Deno" in globalThis) { for (const socket of sockets) socket.destroy(); }
  await gone.promise;
  await new Promise((resolve) => server.close(resolve));
});

for (
  const [what, address, options] of [
    ["a certificate of an unknown authority", "localhost", {}],
    ["a certificate for another name", "127.0.0.1", {
      ...trust,
      serverName: "elsewhere.example",
    }],
  ] as const
) {
  Deno.test(`${what} is refused`, async () => {
    const accepted: RawPeer[] = [];
    const listener = await systemNetwork.listen(parseAddress("tls@localhost:0"), (transport) => {
      accepted.push(new RawPeer(transport));
    }, { tls });
    const { port } = parseAddress(listener.address);
    const endpoint = parseAddress(`tls@${address}:${port}`);
    await assertRejects(() => systemNetwork.connect(endpoint, { tls: options }));
    await finish(...accepted);
    await listener.close();
  });
}

Deno.test("serverName takes the place of the address's host", async () => {
  const other = { cert: fixture("other.example.pem"), key: fixture("other.example.key") };
  const accepted = deferred<RawPeer>();
  const listener = await systemNetwork.listen(
    parseAddress("tls@127.0.0.1:0"),
    (transport) => accepted.resolve(new RawPeer(transport)),
    { tls: other },
  );
  const options = { ...trust, serverName: "other.example" };
  const ours = new RawPeer(
    await systemNetwork.connect(parseAddress(listener.address), { tls: options }),
  );
  await ours.write("hello");
  const theirs = await accepted.promise;
  await theirs.until(({ text }) => text === "hello");
  await finish(ours, theirs);
  await listener.close();
});

Deno.test("the certificate has to be for serverName, be that a name or an IP address", async () => {
  const server = new Server();
  server.register("Echo", { Say: (text: string) => text });
  const listener = await server.listen("tls@127.0.0.1:0", { tls }); // localhost and 127.0.0.1
  const { port } = parseAddress(listener.address);
  for (const host of ["localhost", "127.0.0.1"]) {
    const address = `tls@${host}:${port}`;
    for (const serverName of [undefined, "localhost", "LOCALHOST", "127.0.0.1"]) {
      const client = await dial(address, { tls: { ...trust, serverName } });
      assertEquals(await client.call("Echo.Say", "hello"), "hello");
      await client.close();
    }
    for (const serverName of ["10.9.9.9", "127.0.0.2", "::1", "::ffff:10.9.9.9", "a.example"]) {
      await assertFails(dial(address, { tls: { ...trust, serverName } }), {
        code: "unavailable",
        execution: "not_sent",
        address,
        message: "tls.serverName",
      });
    }
  }
  await server.close();
});

Deno.test("what is wrong with TLS is said in one line, with what to do", async () => {
  const server = new Server();
  server.register("Echo", { Say: (text: string) => text });
  const { port } = parseAddress((await server.listen("tls@localhost:0", { tls })).address);
  const plain = parseAddress((await server.listen("tcp@localhost:0")).address);
  for (
    const [address, options, message] of [
      [`tls@localhost:${port}`, {}, "give its certificate as tls.caCerts"],
      [`tls@localhost:${plain.port}`, trust, "the server does not speak TLS"],
    ] as const
  ) {
    const error = await assertFails(dial(address, { tls: options }), {
      code: "unavailable",
      execution: "not_sent",
      address,
      message,
    });
    assert(!error.message.includes("\n"), error.message);
  }
  await server.close();
});

Deno.test("TLS options that are no PEM texts are refused by name, and nothing is shown of a key", async () => {
  const secret = tls.key!.replace(/-----[^-]*-----/g, "");
  const wrong: readonly [keyof TlsOptions, unknown, string][] = [
    ["caCerts", ["/etc/ssl/ca.pem"], 'tls.caCerts[0] is no certificate in PEM: "/etc/ssl/ca.pem"'],
    ["caCerts", [fixture("ca.pem"), "ca.crt"], "tls.caCerts[1]"],
    ["caCerts", [""], "tls.caCerts[0]"],
    ["cert", "./server.pem", "looks like a path; give the file's text"],
    ["cert", tls.key, "it has -----BEGIN PRIVATE KEY-----"],
    ["key", "C:\\keys\\server.key", "looks like a path"],
    ["key", tls.cert, "it has -----BEGIN CERTIFICATE-----"],
    ["key", secret, "without the -----BEGIN line"],
    ["serverName", "", "tls.serverName"],
    ["serverName", "[::1]", "without brackets"],
    ["serverName", "rpc.example:9001", "no port belongs to it"],
  ];
  for (const [name, value, message] of wrong) {
    const options = { ...tls, ...trust, [name]: value };
    const expected = { code: "invalid_argument", execution: "not_sent", message } as const;
    const connecting = systemNetwork.connect(parseAddress("tls@localhost:1"), { tls: options });
    const error = await assertFails(connecting, expected);
    assert(!error.message.includes(secret.trim().slice(0, 8)), error.message);
    const listening = systemNetwork.listen(parseAddress("tls@localhost:0"), () => {}, {
      tls: options,
    });
    await assertFails(listening, expected);
  }
  for (const [name, value] of [["caCerts", fixture("ca.pem")], ["cert", 1], ["serverName", 1]]) {
    await assertRejects(
      () =>
        systemNetwork.connect(parseAddress("tls@localhost:1"), {
          tls: { [name]: value } as TlsOptions,
        }),
      TypeError,
      `tls.${name} must be`,
    );
  }
});

Deno.test("a client that never ends its handshake is disconnected when the server closes", async () => {
  const server = new Server();
  server.register("Echo", { Say: (text: string) => text });
  const { address } = await server.listen("tls@localhost:0", { tls });
  const silent = connectTcp(parseAddress(address).port, "localhost");
  const gone = deferred();
  silent.on("error", () => {}); // a reset is as good
  silent.on("close", () => gone.resolve());
  await new Promise<void>((resolve) => silent.once("connect", resolve));
  // Connections are accepted in order, so the silent one was accepted before.
  const client = await dial(address, { tls: trust });
  assertEquals(await client.call("Echo.Say", "hello"), "hello");
  await client.close();
  await server.close();
  await gone.promise;
});
