/** The bytes on a real socket, whose other end is none of ours. */

import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import { assertEquals } from "@std/assert";
import { dial } from "../../client.ts";
import { type CallContext, Server } from "../../server.ts";
import { option, request } from "../support/helpers.ts";
import { HANDSHAKE } from "../support/wire.ts";

/** Reads a socket of node:net until what has come ends so. */
function readUntil(socket: Socket, end: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("utf-8");
      if (text.endsWith(end)) resolve(text);
    });
    socket.on("error", reject);
  });
}

Deno.test("on a socket: what our client writes to a peer that is none of ours", async () => {
  let onSocket = (_socket: Socket) => {};
  const accepted = new Promise<Socket>((resolve) => onSocket = resolve);
  const listener = createServer((socket) => onSocket(socket));
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const client = await dial(`tcp@127.0.0.1:${(listener.address() as AddressInfo).port}`);
  const calls = [1, 2].map((n) => client.call("Arith.Sum", { n }));
  const socket = await accepted;
  const text = await readUntil(socket, '{"n":2}\n');
  assertEquals(
    text,
    HANDSHAKE.padStart(512) + '{"ServiceMethod":"Arith.Sum","Seq":1}\n{"n":1}\n' +
      '{"ServiceMethod":"Arith.Sum","Seq":2}\n{"n":2}\n',
  );
  socket.write('{"ServiceMethod":"Arith.Sum","Seq":2,"Error":""}\n"b"\n');
  socket.write('{"ServiceMethod":"Arith.Sum","Seq":1,"Error":""}\n"a"\n');
  assertEquals(await Promise.all(calls), ["a", "b"]);
  const over = new Promise((resolve) => socket.on("close", resolve));
  await client.close();
  await over;
  await new Promise((resolve) => listener.close(resolve));
});

Deno.test("on a socket: what our server answers to a peer that is none of ours", async () => {
  const server = new Server();
  server.register("Who", { Am: (_: unknown, ctx: CallContext) => ctx.remote });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const port = Number(address.split(":")[1]);
  const socket = connectSocket({ host: "127.0.0.1", port });
  socket.write(option() + request(1, "Who.Am", null));
  const text = await readUntil(socket, '"\n');
  assertEquals(
    text,
    `{"ServiceMethod":"Who.Am","Seq":1,"Error":""}\n"tcp@127.0.0.1:${socket.localPort}"\n`,
  );
  const over = new Promise((resolve) => socket.on("close", resolve));
  socket.end();
  await over;
  await server.close();
});
