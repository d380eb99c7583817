/**
 * A registry, servers that register with it, and a client that finds them:
 * `deno run -A examples/registry.ts`. With `--stay` it runs until it is
 * interrupted, so that you can look at the registry's page.
 */

import { SelectMode, Server, XClient } from "@geerpc/xclient";
import { register, Registry, RegistryDiscovery } from "@geerpc/xclient/registry";

// The registry. On Node: createServer(registry.nodeHandler).listen(9999, "127.0.0.1").
const registry = new Registry({ onEvent: ({ type, server }) => console.log(`${type}: ${server}`) });
const onListen = () => {};
const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, registry.fetch);
const url = `http://127.0.0.1:${http.addr.port}`;
console.log(`the fleet can be seen at ${url}/`);

/** Starts a server, which registers, and at its end deregisters before it drains. */
async function start(name: string) {
  const server = new Server();
  server.register("Node", { Name: () => name });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const heartbeat = await register(url, `${address}?name=${name}`, { timeoutMs: 10_000 });
  return {
    async stop() {
      await heartbeat.close();
      await server.close();
    },
  };
}
const servers = [await start("alpha"), await start("beta")];

// The client, which knows only the address of the registry.
const discovery = new RegistryDiscovery(url);
const xclient = new XClient(discovery, { mode: SelectMode.RoundRobin });

/** Makes calls until so many different servers have answered. */
async function ask(count: number): Promise<void> {
  const names = new Set<string>();
  while (names.size < count) names.add(await xclient.call<string>("Node.Name"));
  console.log(`answered by ${[...names].sort().join(", ")}`);
}
await ask(2);
servers.push(await start("gamma"));
await ask(3);
await servers.shift()!.stop();
await ask(2);

if (Deno.args.includes("--stay")) {
  await new Promise<void>((resolve) => Deno.addSignalListener("SIGINT", resolve));
}
await xclient.close();
await discovery.close();
for (const server of servers) await server.stop();
await registry.close();
await http.shutdown();
