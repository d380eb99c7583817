/** The contestants: clients in processes of their own, with the servers that they call. */

import type { Program } from "./program.ts";
import type { Launch, Stage } from "./stage.ts";

/** One client that is compared. */
export interface Contestant {
  readonly name: string;
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
  grpc: "grpc-js, Node",
  connect: "connect-node, Node",
  moleculer: "moleculer, Node",
} as const;

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
  const rpcx = async () => {
    const path = await stage.go("rpcx");
    return stage.start(path, ["call", (await stage.start(path, ["serve"])).firstLine]);
  };

  return [
    { name: NAMES.rawDeno, start: () => pair(stage.deno, "peers/raw_deno.ts") },
    { name: NAMES.client, start: () => ours("deno", "client", JSON_PROTOCOL) },
    { name: NAMES.xclientOne, start: () => ours("deno", "xclient", JSON_PROTOCOL) },
    { name: NAMES.xclient, start: () => ours("deno", "xclient", JSON_PROTOCOL, 3) },
    { name: NAMES.clientGob, start: () => ours("deno", "client", GOB_PROTOCOL) },
    {
      name: NAMES.clientToGo,
      start: async () =>
        stage.deno("peers/client.ts", "client", GOB_PROTOCOL, (await goServers())[0]),
    },
    { name: NAMES.goGob, start: () => go("gob") },
    { name: NAMES.goJson, start: () => go("json") },
    { name: NAMES.rpcx, start: rpcx },
    { name: NAMES.rawNode, start: () => pair(stage.node, "peers/raw_node.ts") },
    { name: NAMES.nodeClient, start: () => ours("node", "client", JSON_PROTOCOL) },
    { name: NAMES.nodeXClient, start: () => ours("node", "xclient", JSON_PROTOCOL, 3) },
    { name: NAMES.nodeClientGob, start: () => ours("node", "client", GOB_PROTOCOL) },
    { name: NAMES.grpc, start: () => pair(stage.npm, "peers/npm/grpc.ts") },
    { name: NAMES.connect, start: () => pair(stage.npm, "peers/npm/connect.ts") },
    { name: NAMES.moleculer, start: () => pair(stage.npm, "peers/npm/moleculer.ts") },
  ];
}
