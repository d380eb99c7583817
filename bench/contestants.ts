/** The contestants: clients in processes of their own, with the servers that they call. */

import type { Program } from "./program.ts";
import type { Launch, Stage } from "./stage.ts";

/** One client that is compared. */
export interface Contestant {
  readonly name: string;
  /** What it can do. */
  readonly works: readonly string[];
  /** Starts its server, unless that runs already for another contestant, and its client. */
  start(): Promise<Program>;
}

/** The contestants' names, which the ratios refer to. */
export const NAMES = {
  rawDeno: "raw echo, Deno",
  rawNode: "raw echo, Node",
  client: "Client, json, Deno",
  xclientOne: "XClient, 1 server, json, Deno",
  xclient: "XClient, 3 servers, json, Deno",
  clientGob: "Client, gob, Deno",
  clientToGo: "Client, gob, Deno to Go",
  nodeClient: "Client, json, Node",
  nodeXClient: "XClient, 3 servers, json, Node",
  nodeClientGob: "Client, gob, Node",
  goGob: "net/rpc, gob, Go",
  goJson: "net/rpc, jsonrpc, Go",
  rpcx: "rpcx, Go",
  arpc: "arpc, Go",
  grpc: "grpc-js, Node",
  connect: "connect-node, Node",
  moleculer: "moleculer, Node",
  capnweb: "capnweb, Node",
  trpc: "tRPC over WebSocket, Node",
  redis: "redis: PING, Node",
} as const;

/** What can be measured: calls, calls with bytes, and streams. */
const CALLS = ["add", "echo1k", "echo64k"];
const BYTES = [...CALLS, "bytes1k", "bytes64k", "bytes1m"];
const ALL = [...BYTES, "items", "chunks"];

/** All kinds of work, each with how many calls are in flight, or how many streams there are. */
export const WORKS: Readonly<Record<string, readonly number[]>> = {
  add: [1, 64, 256],
  echo1k: [1, 64, 256],
  echo64k: [1, 64, 256],
  bytes1k: [1, 64, 256],
  bytes64k: [1, 64, 256],
  bytes1m: [1, 16],
  items: [1, 64],
  chunks: [1],
};

const JSON_PROTOCOL = "geerpc/json";
const GOB_PROTOCOL = "netrpc/gob";

/** All contestants. */
export function contestants(stage: Stage): Contestant[] {
  const pair = async (launch: Launch, file: string) =>
    await launch(file, "call", (await launch(file, "serve")).firstLine);

  const server = (runtime: "deno" | "node", protocol: string, number: number) =>
    stage.once(`${runtime} ${protocol} ${number}`, async () => {
      return (await stage[runtime]("peers/server.ts", protocol, "1")).firstLine;
    });
  const ours = async (
    runtime: "deno" | "node",
    kind: "client" | "xclient",
    protocol: string,
    servers = 1,
  ) => {
    const numbers = Array.from({ length: servers }, (_, index) => index);
    const addresses = await Promise.all(numbers.map((each) => server(runtime, protocol, each)));
    return await stage[runtime]("peers/client.ts", kind, protocol, ...addresses);
  };

  const goServers = () =>
    stage.once("net/rpc", async () => {
      return (await stage.start(await stage.go("go"), ["serve"])).firstLine.split(" ");
    });
  const go = async (kind: "gob" | "json") => {
    const [inGob, inJson] = await goServers();
    return stage.start(await stage.go("go"), ["load", kind, kind === "gob" ? inGob : inJson]);
  };
  const goPair = async (folder: string) => {
    const path = await stage.go(folder);
    return stage.start(path, ["call", (await stage.start(path, ["serve"])).firstLine]);
  };
  const redis = async () => {
    const port = `${freePort()}`;
    const options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    await stage.start("redis-server", ["--port", port, ...options]);
    return await stage.npm("peers/npm/redis.ts", "call", port);
  };

  return [
    {
      name: NAMES.rawDeno,
      works: [...BYTES, "chunks"],
      start: () => pair(stage.deno, "peers/raw_deno.ts"),
    },
    { name: NAMES.client, works: ALL, start: () => ours("deno", "client", JSON_PROTOCOL) },
    { name: NAMES.xclientOne, works: CALLS, start: () => ours("deno", "xclient", JSON_PROTOCOL) },
    { name: NAMES.xclient, works: CALLS, start: () => ours("deno", "xclient", JSON_PROTOCOL, 3) },
    { name: NAMES.clientGob, works: CALLS, start: () => ours("deno", "client", GOB_PROTOCOL) },
    {
      name: NAMES.clientToGo,
      works: CALLS,
      start: async () =>
        stage.deno("peers/client.ts", "client", GOB_PROTOCOL, (await goServers())[0]),
    },
    { name: NAMES.goGob, works: BYTES, start: () => go("gob") },
    { name: NAMES.goJson, works: CALLS, start: () => go("json") },
    { name: NAMES.rpcx, works: BYTES, start: () => goPair("rpcx") },
    { name: NAMES.arpc, works: BYTES, start: () => goPair("arpc") },
    {
      name: NAMES.rawNode,
      works: [...BYTES, "chunks"],
      start: () => pair(stage.node, "peers/raw_node.ts"),
    },
    { name: NAMES.nodeClient, works: ALL, start: () => ours("node", "client", JSON_PROTOCOL) },
    {
      name: NAMES.nodeXClient,
      works: CALLS,
      start: () => ours("node", "xclient", JSON_PROTOCOL, 3),
    },
    { name: NAMES.nodeClientGob, works: CALLS, start: () => ours("node", "client", GOB_PROTOCOL) },
    { name: NAMES.grpc, works: ALL, start: () => pair(stage.npm, "peers/npm/grpc.ts") },
    { name: NAMES.connect, works: ALL, start: () => pair(stage.npm, "peers/npm/connect.ts") },
    { name: NAMES.moleculer, works: CALLS, start: () => pair(stage.npm, "peers/npm/moleculer.ts") },
    { name: NAMES.capnweb, works: ALL, start: () => pair(stage.npm, "peers/npm/capnweb.ts") },
    {
      name: NAMES.trpc,
      works: [...CALLS, "items"],
      start: () => pair(stage.npm, "peers/npm/trpc.ts"),
    },
    { name: NAMES.redis, works: CALLS, start: redis },
  ];
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
