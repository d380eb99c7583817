/**
 * Deno's sockets. Loaded only where they are used; in the npm package
 * `node.ts` stands in its place.
 *
 * @module
 */

import { formatHost, type ParsedAddress } from "../address.ts";
import type {
  ConnectOptions,
  ListenOptions,
  Receiver,
  Transport,
  TransportListener,
} from "../transport.ts";

/** What an idle connection keeps for reading; grows to `LARGEST_READ` under load. */
const SMALLEST_READ = 2 * 1024;
const LARGEST_READ = 256 * 1024;
/** How many microtasks the next read waits: what the last has set off is written first. */
const AFTER_MICROTASKS = 8;
/** How long to wait after an accept that failed. */
const ACCEPT_PAUSE_MS = 20;

class DenoTransport implements Transport {
  readonly remote: string;
  readonly #conn: Deno.Conn;
  #closed = false;

  constructor(conn: Deno.Conn, remote: string) {
    this.#conn = conn;
    this.remote = remote;
  }

  start(receiver: Receiver): void {
    this.#read(receiver).then(
      () => receiver.end(),
      (error) => receiver.end(this.#closed ? undefined : error),
    );
  }

  async #read(receiver: Receiver): Promise<void> {
    let buffer = new Uint8Array(SMALLEST_READ);
    for (;;) {
      const length = await this.#conn.read(buffer);
      if (length === null || this.#closed) return;
      const wait = receiver.data(buffer.subarray(0, length));
      if (wait !== undefined) await wait;
      for (let turn = 0; turn < AFTER_MICROTASKS; turn++) await undefined;
      if (length === buffer.length && length < LARGEST_READ) {
        buffer = new Uint8Array(Math.min(length * 4, LARGEST_READ));
      }
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    let written = await this.#conn.write(bytes);
    while (written < bytes.length) {
      written += await this.#conn.write(bytes.subarray(written));
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#conn.close();
    } catch {
      // The runtime has closed it already.
    }
  }
}

function tune(conn: Deno.TcpConn): void {
  conn.setNoDelay(true);
  conn.setKeepAlive(true);
}

/**
 * Opens a connection.
 *
 * @param endpoint `tcp`, `http`, `tls` or `unix`.
 * @param options Signal and TLS settings.
 * @returns The connection.
 * @throws The runtime's own error, or the signal's reason.
 */
export async function connect(
  endpoint: ParsedAddress,
  options: ConnectOptions = {},
): Promise<Transport> {
  const { signal, tls = {} } = options;
  signal?.throwIfAborted();
  if (endpoint.scheme === "unix") {
    const conn = await Deno.connect({ transport: "unix", path: endpoint.path });
    if (signal?.aborted) conn.close();
    signal?.throwIfAborted();
    return new DenoTransport(conn, endpoint.address);
  }
  const { hostname, port } = endpoint;
  const tcp = await Deno.connect({ hostname, port, signal });
  // From here on an abort closes what is open, which fails what waits on it.
  let conn: Deno.TcpConn | Deno.TlsConn = tcp;
  const abort = () => conn.close();
  try {
    signal?.throwIfAborted();
    tune(tcp);
    if (endpoint.scheme === "tls") {
      signal?.addEventListener("abort", abort, { once: true });
      conn = await Deno.startTls(tcp, {
        hostname: tls.serverName ?? hostname,
        caCerts: tls.caCerts,
      });
      await conn.handshake();
    }
    signal?.throwIfAborted();
    return new DenoTransport(conn, endpoint.address);
  } catch (error) {
    try {
      conn.close();
    } catch {
      // Closed by the abort, or consumed by the handshake.
    }
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/**
 * Accepts connections.
 *
 * @param endpoint `tcp`, `http`, `tls` or `unix`.
 * @param accept Called with each connection.
 * @param options TLS certificate and key.
 * @returns The listening socket.
 * @throws The runtime's own error.
 */
export function listen(
  endpoint: ParsedAddress,
  accept: (transport: Transport) => void,
  options: ListenOptions = {},
): TransportListener {
  const { scheme, hostname, port, path } = endpoint;
  const { cert = "", key = "" } = options.tls ?? {};
  const listener: Deno.Listener = scheme === "unix"
    ? Deno.listen({ transport: "unix", path })
    : scheme === "tls"
    ? Deno.listenTls({ hostname, port, cert, key })
    : Deno.listen({ hostname, port });
  let open = true;
  const accepting = (async () => {
    while (open) {
      let conn: Deno.Conn;
      try {
        conn = await listener.accept();
      } catch {
        // One connection that failed, or we closed, or too many files are open:
        // the last would fail again at once, so it waits a little.
        if (open) await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
        continue;
      }
      if (scheme !== "unix" && scheme !== "tls") tune(conn as Deno.TcpConn);
      accept(new DenoTransport(conn, remoteOf(conn, endpoint)));
    }
  })();
  return {
    address: scheme === "unix"
      ? endpoint.address
      : `${scheme}@${formatHost(hostname, (listener.addr as Deno.NetAddr).port)}`,
    async close(): Promise<void> {
      if (open) {
        open = false;
        listener.close();
        if (scheme === "unix") await Deno.remove(path).catch(() => {});
      }
      await accepting;
    },
  };
}

function remoteOf(conn: Deno.Conn, endpoint: ParsedAddress): string {
  const addr = conn.remoteAddr;
  return addr.transport === "tcp"
    ? `${endpoint.scheme}@${formatHost(addr.hostname, addr.port)}`
    : endpoint.address;
}
