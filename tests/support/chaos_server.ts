/**
 * A server to be treated badly: it writes down every call that it runs, before
 * it runs it, and does as it is told on its standard input.
 *
 * Arguments: the address, and the file to write to.
 */

import { createInterface } from "node:readline";
import { type CallContext, Server } from "../../server.ts";

const [address, file] = Deno.args;
const log = Deno.openSync(file, { append: true, create: true });
const encoder = new TextEncoder();
let mood = "work";

const server = new Server();
server.register("Work", {
  async Do(id: number, context: CallContext): Promise<number> {
    if (mood === "reject") {
      await new Promise((resolve) => setTimeout(resolve, 1));
      throw context.reject("nothing works here");
    }
    log.writeSync(encoder.encode(`${id}\n`));
    await new Promise((resolve) => setTimeout(resolve, 5));
    return id;
  },
});

if (address.startsWith("mute@")) {
  // It accepts, and never answers.
  const [hostname, port] = address.slice("mute@".length).split(":");
  const listener = Deno.listen({ hostname, port: Number(port) });
  console.log("ready");
  for await (const connection of listener) {
    connection.readable.pipeTo(new WritableStream()).catch(() => {});
  }
} else {
  const listener = await server.listen(address);
  console.log(listener.address);
  for await (const line of createInterface({ input: (await import("node:process")).stdin })) {
    mood = line;
  }
}
