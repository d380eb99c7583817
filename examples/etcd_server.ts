/**
 * A server that registers itself with etcd:
 * `deno run -A examples/etcd_server.ts alpha http://127.0.0.1:2379`.
 *
 * It prints the address that it listens on and when it is registered, and ends
 * when its standard input does.
 */

import { Server } from "@geerpc/xclient";
import { EtcdRegistration } from "@geerpc/xclient/etcd";
import { Node } from "./demo_server.ts";

const [, endpoints = "http://127.0.0.1:2379"] = Deno.args;

const server = new Server();
server.register("Node", new Node());
const { address } = await server.listen("tcp@127.0.0.1:0");
console.log(`listening ${address}`);

const registration = new EtcdRegistration("nodes/", address, {
  endpoints: endpoints.split(","),
  ttlMs: 2000,
  onEvent: ({ type }) => console.log(`${type} ${address}`),
});

// The standard input has no content. When it ends, so does this program.
await Deno.stdin.readable.pipeTo(new WritableStream());
await registration.close(); // first, so that clients send no more calls
await server.close({ graceMs: 1000 });
