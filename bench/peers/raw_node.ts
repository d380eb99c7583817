/** The raw echo on Node's sockets: `raw_node.js serve`, `raw_node.js call PORT`. */

import { type AddressInfo, connect, createServer } from "node:net";
import process from "node:process";
import { answerRaw } from "./raw.ts";
import { answerLines } from "./measured.ts";

const [command, port] = process.argv.slice(2);
if (command === "serve") {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("data", (chunk) => socket.write(chunk));
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
  answerLines(() => {});
} else {
  const socket = connect({ host: "127.0.0.1", port: Number(port), noDelay: true });
  let unread = 0;
  let wake = () => {};
  socket.on("data", (chunk) => {
    unread += chunk.length;
    wake();
  });
  await answerRaw({
    write: (bytes) => new Promise((resolve) => socket.write(bytes, resolve)),
    async read() {
      if (unread === 0) await new Promise<void>((resolve) => wake = resolve);
      const length = unread;
      unread = 0;
      return length;
    },
  });
}
