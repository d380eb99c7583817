/** Where servers come from, and TLS: the options that all subcommands share. */

import { assert, assertEquals } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { Server } from "../../server.ts";
import type { Network } from "../../transport.ts";
import { command, CommandWorld } from "../support/command.ts";
import { asked, clientIdentity, ours, serverIdentity } from "../support/mutual_tls.ts";
import { inWorld } from "../support/helpers.ts";

const sum = ["Arith.Sum", '{"A": 1, "B": 2}'];
const Sum = ({ A, B }: { A: number; B: number }) => A + B;

Deno.test("servers come from etcd", async () => {
  await inWorld(async (world) => {
    await world.serve("a", {}, { Arith: { Sum } });
    const urls: string[] = [];
    const fetch = (url: string) => {
      urls.push(url);
      if (!url.endsWith("/v3/kv/range")) {
        return Promise.resolve(new Response('{"result":{}}\n'));
      }
      const kvs = [{ key: btoa("arith/a"), value: btoa("memory@a") }];
      return Promise.resolve(Response.json({ header: { revision: "7" }, kvs }));
    };
    const options = { ...world.options, fetch };
    const called = command(options, "call", "--etcd", "http://etcd:2379=arith/", ...sum);
    await world.clock.advance(0);
    assertEquals(await called, { code: 0, out: "3\n", err: "" });
    assertEquals(urls[0], "http://etcd:2379/v3/kv/range");
  });
});

Deno.test("servers come from DNS, and host:port is short for tcp@", async () => {
  const server = new Server();
  server.register("Arith", { Sum });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const port = address.split(":").at(-1)!;
  const dns = [`127.0.0.1:${port}`, `dns@127.0.0.1:${port}`, `http@127.0.0.1:${port}`];
  const sources = [...dns.map((name) => ["--dns", name]), [`:${port}`], [`127.0.0.1:${port}`]];
  for (const from of sources) {
    assertEquals(await command({}, "call", ...from, ...sum), { code: 0, out: "3\n", err: "" });
  }
  await server.close();
});

Deno.test("a source that does not answer is given up in time, and said", async () => {
  await inWorld(async ({ options, clock }) => {
    const fetch = () => new Promise<Response>(() => {});
    const registry = ["--registry", "http://registry:9999", "--timeout", "3s"];
    for (const [name, ...words] of [["list"], ["top"], ["call", ...sum]]) {
      const ended = command({ ...options, fetch }, name, ...words, ...registry);
      await clock.advance(3000);
      const { code, err } = await ended;
      assertEquals(code, 4, `${name}: ${err}`);
      assert(err.startsWith("error: deadline_exceeded: "), err);
    }
  });
});

Deno.test("TLS on both sides: whom to trust, our certificate, the server's name", async () => {
  const files = {
    "ca.pem": ours.cert,
    "client.pem": clientIdentity.cert,
    "client.key": clientIdentity.key,
    "server.pem": serverIdentity.cert,
    "server.key": serverIdentity.key,
  };
  const serving = new CommandWorld({ files, modules: { "arith.js": { Sum } } });
  const ended = serving.run(
    ...["serve", "arith.js", "--listen", "tls@127.0.0.1:0", "--client-ca", "ca.pem"],
    ...["--listen-cert", "server.pem", "--listen-key", "server.key"],
  );
  await serving.untilOut("listens at");
  const [address] = /tls@\S+/.exec(serving.out)!;
  const trust = ["--tls-ca", "ca.pem"];
  const own = ["--tls-cert", "client.pem", "--tls-key", "client.key"];
  assert(asked.cert === serverIdentity.cert);
  assertEquals(await command({ files }, "call", address, ...sum, ...trust, ...own), {
    code: 0,
    out: "3\n",
    err: "",
  });
  const token = ["--token", "secret"]; // over TLS it may be sent
  assertEquals(
    (await command({ files }, "call", address, ...sum, ...trust, ...own, ...token)).out,
    "3\n",
  );
  const wrongName = await command(
    { files },
    ...["call", address, ...sum, ...trust, ...own, "--tls-name", "other.example"],
  );
  assertEquals(wrongName.code, 3, wrongName.err);
  const untrusted = await command({ files }, "call", address, ...sum, ...own);
  assertEquals(untrusted.code, 3, untrusted.err);
  serving.interrupt();
  assertEquals((await ended).code, 0);
});

Deno.test("a token is not sent to another machine in the clear", async () => {
  await inWorld(async ({ network, clock }) => {
    // Whatever the address, there is a server.
    const server = new Server({ clock });
    let calls = 0;
    server.register("Arith", { Sum: () => ++calls });
    await server.listen("memory@any", { network });
    const anywhere: Network = {
      connect: () => network.connect(parseAddress("memory@any")),
      listen: () => Promise.reject(new Error("nobody listens")),
    };
    const options = { network: anywhere, clock };
    const { code, err } = await command(
      options,
      ...["call", "tcp@192.0.2.1:9", ...sum, "--token", "secret"],
    );
    assertEquals([code, calls], [1, 0]);
    assert(err.startsWith("error: unauthenticated: ") && err.includes("in the clear"), err);
    assert(!err.includes("secret"), err);
    assertEquals((await command(options, "call", "tcp@192.0.2.1:9", ...sum)).out, "1\n");
    await server.close();
  });
});
