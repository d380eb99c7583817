/**
 * Node's sockets, which Bun has too. Loaded on these runtimes only.
 *
 * @module
 */

import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { formatHost, type ParsedAddress } from "../address.ts";
import type { ConnectOptions, ListenOptions, Transport, TransportListener } from "../transport.ts";
import { untilQuiet } from "./accept_loop.ts";
import { bind, connected, nextTurn, NodeTransport, TUNING } from "./node_sockets.ts";
import { connectTls, listenTls } from "./node_tls.ts";
import { closeAt, listenAt, type SocketFiles } from "./unix_socket.ts";

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
  const { signal } = options;
  const { scheme, hostname: host, port, path, address } = endpoint;
  if (scheme === "tls") return await connectTls(endpoint, options);
  signal?.throwIfAborted();
  const socket = scheme === "unix"
    ? connectTcp({ path, allowHalfOpen: true })
    : connectTcp({ ...TUNING, host, port });
  await connected(socket, "connect", signal);
  return new NodeTransport(socket, address);
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
  if (scheme === "tls") return await listenTls(endpoint, accept, options);
  let connections = 0;
  const server = createServer(TUNING, (socket: Socket) => {
    connections++;
    const { remoteAddress, remotePort } = socket;
    const remote = remoteAddress === undefined
      ? endpoint.address
      : `${scheme}@${formatHost(remoteAddress, remotePort ?? 0)}`;
    accept(new NodeTransport(socket, remote));
  });
  if (scheme === "unix") {
    await listenAt(path, socketFiles, {
      bind: (path) => bind(server, { path }).catch((error) => inMissing(path, error)),
      undo: () => server.close(),
    }, options);
  } else await bind(server, { host: hostname, port });
  server.on("error", () => {}); // a connection failed; the listener goes on
  const socketId = scheme === "unix" ? socketFiles.idOf(path) : undefined;
  let closing: Promise<void> | undefined;
  const close = async () => {
    await untilQuiet(() => connections, nextTurn);
    // The port is free at once; connections that were accepted are their owners' to close.
    const stop = () => void server.close(() => {});
    if (scheme === "unix") closeAt(path, socketFiles, socketId, stop).finish();
    else stop();
  };
  const where = server.address();
  return {
    address: where === null || typeof where === "string"
      ? endpoint.address
      : `${scheme}@${formatHost(hostname, where.port)}`,
    close: () => closing ??= close(),
  };
}

/** libuv calls it EACCES if the folder of a path is missing. */
function inMissing(path: string, cause: Error & { code?: string }): never {
  if (cause.code !== "EACCES" || existsSync(dirname(path))) throw cause;
  throw new Error("ENOENT: no such file or directory", { cause });
}

const socketFiles: SocketFiles = {
  idOf(path) {
    try {
      const stat = lstatSync(path);
      return stat.isSocket() ? `${stat.dev} ${stat.ino} ${stat.mtimeMs}` : undefined;
    } catch {
      return undefined;
    }
  },
  answers(path) {
    return new Promise((resolve) => {
      const socket = connectTcp({ path });
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", ({ code }: NodeJS.ErrnoException) => {
        resolve(code !== "ECONNREFUSED" && code !== "ENOENT");
      });
    });
  },
  link: linkSync,
  rename: renameSync,
  setMode: chmodSync,
  makeFolder: (path) => mkdirSync(path, { mode: 0o700 }),
  removeFolder: rmdirSync,
  remove(path) {
    try {
      rmSync(path, { force: true });
    } catch {
      // It may not be removed.
    }
  },
};
