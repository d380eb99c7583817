/** HTTP CONNECT at every path and scheme, and what else a server answers to HTTP. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { dial } from "../client.ts";
import { MultiServerDiscovery } from "../discovery.ts";
import { RpcError } from "../errors.ts";
import type { Protocol } from "../protocol/codec.ts";
import { Server } from "../server.ts";
import { MemoryNetwork } from "../testing.ts";
import { XClient } from "../xclient.ts";
import { assertFails, rawClient } from "./support/helpers.ts";

const PROTOCOLS: readonly Protocol[] = ["geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"];

function echoServer(): Server {
  const server = new Server({
    connectPaths: { "/orders": "netrpc/gob", "/v1/rpc?a=b": "geerpc/json" },
  });
  server.register("Echo", { It: (args: unknown) => args, Other: () => 1 });
  server.register("<b>&", { "Go'": () => 1 });
  return server;
}

Deno.test("a path leads to its protocol, from the address and from the option", async () => {
  const network = new MemoryNetwork();
  const server = echoServer();
  await server.listen("memory@a", { network, protocol: "netrpc/json" });
  for (
    const [path, protocol] of [
      ["/_geeprc_", "geerpc/json"],
      ["/_geeprc_", "geerpc/gob"],
      ["/_geerpc_", "geerpc/json"],
      ["/_geerpc_", "geerpc/gob"],
      ["/_goRPC_", "netrpc/gob"],
      ["/_goRPC_json_", "netrpc/json"],
      ["/orders", "netrpc/gob"],
      ["/v1/rpc?a=b", "geerpc/json"],
      ["", "geerpc/gob"], // the option's, or the protocol's own
    ] as [string, Protocol][]
  ) {
    const query = new URLSearchParams({ path, protocol });
    const client = await dial(`memory@a?${query}`, {
      network,
      connectPath: path === "" ? undefined : "/none",
    });
    assertEquals(await client.call("Echo.It", "x"), "x", `${path} ${protocol}`);
    await client.close();
    const xclient = new XClient(new MultiServerDiscovery([`memory@a?${query}`]), { network });
    assertEquals(await xclient.call("Echo.It", "x"), "x", `${path} ${protocol}`);
    await xclient.close();
  }
  await server.close();
});

Deno.test("CONNECT over TCP and over a unix socket, at the default path and at another", async () => {
  const folder = mkdtempSync(join(tmpdir(), "xclient_connect_"));
  const server = echoServer();
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const places = [address.replace("tcp@", "http@"), `${address}?path=`];
  if (process.platform !== "win32") {
    places.push(`${(await server.listen(`unix@${folder}/a.sock`)).address}?path=`);
  }
  for (const place of places) {
    for (const protocol of PROTOCOLS) {
      const client = await dial(place, { protocol });
      assertEquals(await client.call("Echo.It", "x"), "x", `${place} ${protocol}`);
      await client.close();
    }
    const [where] = place.split("?");
    for (
      const client of [
        await dial(`${where}?path=/orders`, { protocol: "netrpc/gob" }),
        ...where.startsWith("http@")
          ? [await dial(where, { protocol: "netrpc/gob", connectPath: "/orders" })]
          : [],
      ]
    ) {
      assertEquals(await client.call("Echo.It", "x"), "x", place);
      await client.close();
    }
  }
  await server.close();
  rmSync(folder, { recursive: true });
});

Deno.test("a path that is not served is answered with 404, and the client says what to set", async () => {
  const network = new MemoryNetwork();
  const server = echoServer();
  await server.listen("memory@a", { network });
  for (const path of ["/none", "/orders/", "/toString", "/"]) {
    await assertFails(dial(`memory@a?path=${path}`, { network }), {
      code: "unavailable",
      execution: "not_sent",
      message: `HTTP CONNECT ${path}: the answer was "HTTP/1.0 404 Not Found"`,
    });
  }
  await assertFails(dial("memory@a?path=/none", { network }), { message: "connectPath" });
  const peer = await rawClient(network, "memory@a");
  await peer.write("CONNECT /none HTTP/1.0\n\n");
  await peer.ended;
  assert(
    /^HTTP\/1.0 404 Not Found\n[^]*\n\n404 .*\/_goRPC_.*\/orders.*\n$/.test(peer.text),
    peer.text,
  );
  await server.close();
});

Deno.test("the debug pages list the services; any other request is answered with 405", async () => {
  const network = new MemoryNetwork();
  const server = echoServer();
  await server.listen("memory@a", { network, protocol: "netrpc/gob" });
  for (
    const [path, title] of [
      ["/debug/rpc", "<title>Services</title>"],
      ["/debug/geerpc", "<title>GeeRPC Services</title>"],
    ]
  ) {
    const peer = await rawClient(network, "memory@a");
    await peer.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await peer.ended;
    const [head, body] = peer.text.split("\n\n", 2);
    assert(head.startsWith("HTTP/1.0 200 OK\nContent-Type: text/html"), head);
    assertEquals(Number(/Content-Length: (\d+)/.exec(head)?.[1]), body.length);
    for (const part of [title, "Service Echo", ">It<", ">Other<"]) {
      assert(body.includes(part), body);
    }
    assert(body.includes("Service &#60;b&#62;&#38;") && body.includes("Go&#39;"), body);
    assert(!body.includes("<b>"), body);
  }
  for (const request of ["GET / HTTP/1.1", "POST /debug/rpc HTTP/1.1", "GET /debug HTTP/1.0"]) {
    const peer = await rawClient(network, "memory@a");
    await peer.write(`${request}\r\n\r\n`);
    await peer.ended;
    assert(/^HTTP\/1.0 405 [^]*\n\n405 must CONNECT\n$/.test(peer.text), peer.text);
  }
  await server.close();
});

Deno.test("a path that can't be one is refused before anything is dialled", async () => {
  const network = new MemoryNetwork();
  for (const path of ["orders", "/a b", "/a\r\nX: y", "/☃"]) {
    const wrong = { code: "invalid_argument", execution: "not_sent", message: "/_goRPC_" } as const;
    await assertFails(dial(`memory@a?${new URLSearchParams({ path })}`, { network }), wrong);
    await assertFails(dial("http@127.0.0.1:1", { connectPath: path }), wrong);
    assertThrows(() => new Server({ connectPaths: { [path]: "netrpc/gob" } }), RpcError, "CONNECT");
  }
  assertThrows(
    () => new Server({ connectPaths: { "/a": "grpc" as Protocol } }),
    RpcError,
    "unknown protocol",
  );
});
