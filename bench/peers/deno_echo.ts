/** An echo server on a raw socket: what a socket can do at best. */

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(`tcp@127.0.0.1:${listener.addr.port}`);
Deno.stdin.readable.pipeTo(new WritableStream()).then(() => Deno.exit());

for await (const conn of listener) echo(conn);

async function echo(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  const buffer = new Uint8Array(4096);
  for (;;) {
    const length = await conn.read(buffer);
    if (length === null) break;
    await conn.write(buffer.subarray(0, length));
  }
  conn.close();
}
