/**
 * A process of the fleet test: `registry <port>`, or `server <name> <registry>
 * <lease>`. It prints one event a line, and ends when its standard input does,
 * so it can't outlive the process that started it.
 */

import { register, Registry } from "../../registry.ts";
import { Server } from "../../server.ts";

const [role, ...args] = Deno.args;
const end = role === "registry" ? await runRegistry(args) : await runServer(args);
await Deno.stdin.readable.pipeTo(new WritableStream());
await end();

async function runRegistry([port]: string[]): Promise<() => Promise<void>> {
  const registry = new Registry();
  const onListen = () => {};
  const http = Deno.serve({ hostname: "127.0.0.1", port: +port, onListen }, registry.fetch);
  console.log(`listening ${http.addr.port}`);
  await Promise.resolve();
  return async () => {
    await registry.close();
    await http.shutdown();
  };
}

async function runServer([name, url, lease]: string[]): Promise<() => Promise<void>> {
  const server = new Server();
  server.register("Node", { Name: () => name });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const heartbeat = await register(url, `${address}?name=${name}`, { timeoutMs: Number(lease) });
  console.log(`registered ${Date.now()} ${address}`);
  return async () => {
    await heartbeat.close();
    console.log(`deregistered ${Date.now()}`);
    await server.close();
  };
}
