/**
 * A server of the chaos test. It writes down every call before it runs it, and
 * takes its mode, `work` or `reject`, from the lines of its standard input.
 *
 * Arguments: the address, and the file to write to. With `mute@host:port` it
 * accepts connections and never answers.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { type CallContext, Server } from "../../server.ts";

const [address, file] = Deno.args;
const log = Deno.openSync(file, { append: true, create: true });
const encoder = new TextEncoder();
let mode = "work";

const server = new Server();
server.register("Work", {
  async Do(id: number, context: CallContext): Promise<number> {
    if (mode === "reject") {
      await new Promise((resolve) => setTimeout(resolve, 1));
      throw context.reject("nothing works here");
    }
    log.writeSync(encoder.encode(`${id}\n`));
    await new Promise((resolve) => setTimeout(resolve, 5));
    return id;
  },
});

if (address.startsWith("mute@")) {
  const [hostname, port] = address.slice("mute@".length).split(":");
  const listener = Deno.listen({ hostname, port: Number(port) });
  console.log("ready");
  for await (const connection of listener) {
    connection.readable.pipeTo(new WritableStream()).catch(() => {});
  }
} else {
  await server.listen(address);
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) mode = line;
}
