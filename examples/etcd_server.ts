/**
 * A server that registers itself with etcd:
 * `deno run -A examples/etcd_server.ts alpha http://127.0.0.1:2379`.
 *
 * It says on its standard output where it listens and that it is registered,
 * and ends when its standard input does.
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

// Nothing is written to the standard input: it ends, and so does this.
await Deno.stdin.readable.pipeTo(new WritableStream());
await registration.close(); // clients hear of it first
await server.close({ graceMs: 1000 });
