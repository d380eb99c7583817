/** The raw echo on Deno's sockets: `raw_deno.ts serve`, `raw_deno.ts call PORT`. */

import { answerRaw, ASKS_FOR_CHUNKS, BUFFER_BYTES, CHUNK, type RawConnection } from "./raw.ts";
import { answerLines } from "./measured.ts";

const [command, port] = Deno.args;
if (command === "serve") {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  console.log(listener.addr.port);
  answerLines(() => {});
  for await (const conn of listener) serve(conn);
} else await answerRaw(connect);

async function connect(): Promise<RawConnection> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  conn.setNoDelay(true);
  const buffer = new Uint8Array(BUFFER_BYTES);
  return {
    write: (bytes) => writeAll(conn, bytes),
    async read() {
      const length = await conn.read(buffer);
      if (length === null) throw new Error("the echo server closed the connection");
      return length;
    },
    close: () => conn.close(),
  };
}

async function serve(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  const buffer = new Uint8Array(BUFFER_BYTES);
  try {
    for (;;) {
      const length = await conn.read(buffer);
      if (length === null) break;
      while (buffer[0] === ASKS_FOR_CHUNKS.charCodeAt(0)) await writeAll(conn, CHUNK);
      await writeAll(conn, buffer.subarray(0, length));
    }
  } catch {
    // The client has ended a stream.
  }
  conn.close();
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
