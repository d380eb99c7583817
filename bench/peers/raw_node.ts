/** The raw echo on Node's sockets: `raw_node.js serve`, `raw_node.js call PORT`. */

import { type AddressInfo, connect as connectTo, createServer, type Socket } from "node:net";
import process from "node:process";
import { answerRaw, ASKS_FOR_CHUNKS, CHUNK, type RawConnection } from "./raw.ts";
import { answerLines } from "./measured.ts";

const [command, port] = process.argv.slice(2);
if (command === "serve") {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      if (chunk[0] === ASKS_FOR_CHUNKS.charCodeAt(0)) stream(socket);
      else socket.write(chunk);
    });
  });
  server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
  answerLines(() => {});
} else await answerRaw(connect);

function stream(socket: Socket): void {
  const fill = () => {
    while (!socket.destroyed && socket.write(CHUNK));
  };
  socket.on("drain", fill);
  fill();
}

function connect(): Promise<RawConnection> {
  const socket = connectTo({ host: "127.0.0.1", port: Number(port), noDelay: true });
  let unread = 0;
  let wake = () => {};
  socket.on("data", (chunk) => {
    unread += chunk.length;
    wake();
  });
  const connection: RawConnection = {
    write: (bytes) => new Promise((resolve) => socket.write(bytes, resolve)),
    async read() {
      if (unread === 0) await new Promise<void>((resolve) => wake = resolve);
      const length = unread;
      unread = 0;
      return length;
    },
    close: () => socket.destroy(),
  };
  return new Promise((resolve) => socket.once("connect", () => resolve(connection)));
}
