/**
 * Deno's sockets. Loaded on Deno only; in the npm package `node.ts` takes its place.
 *
 * @module
 */

import { formatHost, type ParsedAddress } from "../address.ts";
import { abortWith, releaseFrom } from "../internal/abort.ts";
import type {
  ConnectOptions,
  ListenOptions,
  Receiver,
  Transport,
  TransportListener,
} from "../transport.ts";
import { AcceptLoop } from "./accept_loop.ts";
import { closeAt, listenAt, type SocketFiles } from "./unix_socket.ts";

/** The read buffer of a connection at first, so that idle ones take little memory. */
const MIN_READ_BYTES = 2 * 1024;
/** The largest read buffer: it grows while reads fill it. */
const MAX_READ_BYTES = 256 * 1024;
/** How many microtasks pass before the next read, so that replies to the last one leave first. */
const MICROTASKS_BETWEEN_READS = 8;

class DenoTransport implements Transport {
  readonly remote: string;
  readonly #conn: Deno.Conn;
  #closed = false;

  /**
   * @param conn The connection.
   * @param remote The peer's address.
   */
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
    let buffer = new Uint8Array(MIN_READ_BYTES);
    for (;;) {
      const length = await this.#conn.read(buffer);
      if (length === null || this.#closed) return;
      const wait = receiver.data(buffer.subarray(0, length));
      if (wait !== undefined) await wait;
      for (let turn = 0; turn < MICROTASKS_BETWEEN_READS; turn++) await undefined;
      if (length === buffer.length && length < MAX_READ_BYTES) {
        buffer = new Uint8Array(Math.min(length * 4, MAX_READ_BYTES));
      }
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    let written = await this.#conn.write(bytes);
    while (written < bytes.length) {
      written += await this.#conn.write(bytes.subarray(written));
    }
  }

  closeWrite(): Promise<void> {
    return this.#conn.closeWrite();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeQuietly(this.#conn);
  }
}

function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already, by the runtime or an abort, or consumed by `Deno.startTls`.
  }
}

function tune(conn: Deno.TcpConn): void {
  conn.setNoDelay(true);
  conn.setKeepAlive(true);
}

/**
 * Opens a connection.
 *
 * @param endpoint An address of scheme `tcp`, `http`, `tls` or `unix`.
 * @param options Signal and TLS settings.
 * @returns The connection.
 * @throws The runtime's own error if it can't connect, or the signal's reason.
 */
export async function connect(
  endpoint: ParsedAddress,
  options: ConnectOptions = {},
): Promise<Transport> {
  const { signal, tls = {} } = options;
  signal?.throwIfAborted();
  if (endpoint.scheme === "unix") {
    const conn = await Deno.connect({ transport: "unix", path: endpoint.path });
    if (signal?.aborted) closeQuietly(conn);
    signal?.throwIfAborted();
    return new DenoTransport(conn, endpoint.address);
  }
  if (endpoint.scheme === "tls" && tls.cert !== undefined) {
    // `Deno.startTls` takes no certificate, and `Deno.connectTls` neither signal nor server name.
    const { connectTls } = await nodeTls();
    return await connectTls(endpoint, options).catch((error) =>
      whyUntrusted(endpoint, options, error)
    );
  }
  const { hostname, port } = endpoint;
  const tcp = await Deno.connect({ hostname, port, signal });
  let conn: Deno.TcpConn | Deno.TlsConn = tcp;
  // `Deno.startTls` takes no signal: closing the connection fails a handshake that is under way.
  const handshake = { abort: () => closeQuietly(conn) };
  try {
    signal?.throwIfAborted();
    tune(tcp);
    if (endpoint.scheme === "tls") {
      if (signal !== undefined) abortWith(signal, handshake);
      conn = await Deno.startTls(tcp, {
        hostname: tls.serverName ?? hostname,
        caCerts: tls.caCerts,
      });
      signal?.throwIfAborted();
      await conn.handshake();
    }
    signal?.throwIfAborted();
    return new DenoTransport(conn, endpoint.address);
  } catch (error) {
    closeQuietly(conn);
    signal?.throwIfAborted();
    throw error;
  } finally {
    if (signal !== undefined) releaseFrom(signal, handshake);
  }
}

/** Deno's `node:tls` says the same of all certificates that it does not trust; Deno's own says which. */
async function whyUntrusted(
  endpoint: ParsedAddress,
  options: ConnectOptions,
  error: unknown,
): Promise<never> {
  const { code } = error as { code?: string };
  if (code === "UNABLE_TO_VERIFY_LEAF_SIGNATURE") {
    const { caCerts, serverName } = options.tls ?? {};
    const tls = { caCerts, serverName };
    (await connect(endpoint, { ...options, tls })).close(); // never with what is not trusted
  }
  throw error;
}

/** Deno's own listener does not ask for certificates, and keeps the one that it has. */
function nodeTls() {
  return import("./node_tls.ts");
}

/**
 * Listens for connections.
 *
 * @param endpoint An address of scheme `tcp`, `http`, `tls` or `unix`.
 * @param accept Called with each connection.
 * @param options TLS settings, and those of Unix domain sockets.
 * @returns The listener.
 * @throws The runtime's own error if it can't listen.
 */
export async function listen(
  endpoint: ParsedAddress,
  accept: (transport: Transport) => void,
  options: ListenOptions = {},
): Promise<TransportListener> {
  const { scheme, hostname, port, path } = endpoint;
  if (scheme === "tls") {
    const { listenTls } = await nodeTls();
    return await listenTls(endpoint, accept, options);
  }
  const listener: Deno.Listener = scheme === "unix"
    ? await listenAt(path, socketFiles, {
      bind: (path) => Deno.listen({ transport: "unix", path }),
      undo: (bound) => bound.close(),
    }, options)
    : Deno.listen({ hostname, port });
  const socketId = scheme === "unix" ? socketFiles.idOf(path) : undefined;
  const loop = new AcceptLoop(listener, (conn) => {
    try {
      if (scheme !== "unix") tune(conn as Deno.TcpConn);
    } catch {
      return closeQuietly(conn); // it was reset since, which some systems show here
    }
    accept(new DenoTransport(conn, remoteOf(conn, endpoint)));
  });
  let closing: Promise<void> | undefined;
  const close = async () => {
    await loop.stop();
    if (scheme === "unix") {
      const file = closeAt(path, socketFiles, socketId, () => listener.close());
      await loop.ended; // until then Deno holds the listener
      return file.finish();
    }
    listener.close();
    await loop.ended;
  };
  return {
    address: scheme === "unix"
      ? endpoint.address
      : `${scheme}@${formatHost(hostname, (listener.addr as Deno.NetAddr).port)}`,
    close: () => closing ??= close(),
  };
}

const socketFiles: SocketFiles = {
  idOf(path) {
    try {
      const { isSocket, dev, ino, mtime } = Deno.lstatSync(path);
      return isSocket ? `${dev} ${ino} ${mtime?.getTime()}` : undefined;
    } catch {
      return undefined;
    }
  },
  async answers(path) {
    try {
      closeQuietly(await Deno.connect({ transport: "unix", path }));
      return true;
    } catch (error) {
      const { ConnectionRefused, NotFound } = Deno.errors;
      return !(error instanceof ConnectionRefused || error instanceof NotFound);
    }
  },
  link: Deno.linkSync,
  rename: Deno.renameSync,
  setMode: Deno.chmodSync,
  makeFolder: (path) => Deno.mkdirSync(path, { mode: 0o700 }),
  removeFolder: (path) => Deno.removeSync(path),
  remove(path) {
    try {
      Deno.removeSync(path);
    } catch {
      // It is gone already, or may not be removed.
    }
  },
};

function remoteOf(conn: Deno.Conn, endpoint: ParsedAddress): string {
  const addr = conn.remoteAddr;
  return addr.transport === "tcp"
    ? `${endpoint.scheme}@${formatHost(addr.hostname, addr.port)}`
    : endpoint.address;
}
