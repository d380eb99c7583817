/**
 * Node's sockets, which Bun has too. Loaded on these runtimes only.
 *
 * @module
 */

import { linkSync, lstatSync, renameSync, rmSync } from "node:fs";
import { connect as connectTcp, createServer, isIP, type Server, type Socket } from "node:net";
import {
  checkServerIdentity,
  connect as connectTls,
  createServer as createTlsServer,
  rootCertificates,
} from "node:tls";
import { formatHost, type ParsedAddress } from "../address.ts";
import { abortWith, releaseFrom } from "../internal/abort.ts";
import type {
  ConnectOptions,
  ListenOptions,
  Receiver,
  Transport,
  TransportListener,
} from "../transport.ts";
import { closeAt, listenAt, type SocketFiles } from "./unix_socket.ts";

const TUNING = { noDelay: true, keepAlive: true, allowHalfOpen: true } as const;

class NodeTransport implements Transport {
  readonly remote: string;
  readonly #socket: Socket;
  #error: unknown;

  constructor(socket: Socket, remote: string) {
    this.#socket = socket;
    this.remote = remote;
    socket.on("error", (error) => this.#error = error);
  }

  start(receiver: Receiver): void {
    const socket = this.#socket;
    let ended = false;
    const end = () => {
      if (ended) return;
      ended = true;
      receiver.end(this.#error);
    };
    socket.on("data", (chunk: Uint8Array) => {
      const wait = receiver.data(chunk);
      if (wait === undefined) return;
      socket.pause();
      wait.then(() => socket.resume());
    });
    socket.on("end", end);
    socket.on("close", end);
    if (socket.destroyed) end();
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve());
    });
  }

  close(): void {
    this.#error = undefined;
    this.#socket.destroy();
  }
}

/**
 * Opens a connection.
 *
 * @param endpoint An address of scheme `tcp`, `http`, `tls` or `unix`.
 * @param options Signal and TLS settings.
 * @returns The connection.
 * @throws The runtime's own error if it can't connect, or the signal's reason.
 */
export function connect(
  endpoint: ParsedAddress,
  options: ConnectOptions = {},
): Promise<Transport> {
  const { signal, tls = {} } = options;
  const { scheme, hostname: host, port, path } = endpoint;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const serverName = tls.serverName ?? host;
    const socket = scheme === "unix"
      ? connectTcp({ path, allowHalfOpen: true })
      : scheme === "tls"
      ? connectTls({
        ...TUNING,
        host,
        port,
        ca: tls.caCerts && [...rootCertificates, ...tls.caCerts],
        cert: tls.cert,
        key: tls.key,
        // TLS can ask for a name by SNI, not for an IP address; the certificate has to be for either.
        ...(isIP(serverName) ? {} : { servername: serverName }),
        checkServerIdentity: (_host, peer) => checkServerIdentity(serverName, peer),
      })
      : connectTcp({ ...TUNING, host, port });
    const connecting = {
      abort(reason: unknown) {
        socket.destroy();
        reject(reason);
      },
    };
    const release = () => {
      if (signal !== undefined) releaseFrom(signal, connecting);
    };
    const fail = (error: Error) => {
      release();
      reject(error);
    };
    if (signal !== undefined) abortWith(signal, connecting);
    socket.once("error", fail);
    socket.once(scheme === "tls" ? "secureConnect" : "connect", () => {
      release();
      socket.removeListener("error", fail);
      if (scheme === "tls") socket.setNoDelay(true).setKeepAlive(true);
      resolve(new NodeTransport(socket, endpoint.address));
    });
  });
}

/**
 * Listens for connections.
 *
 * @param endpoint An address of scheme `tcp`, `http`, `tls` or `unix`.
 * @param accept Called with each connection.
 * @param options TLS certificate and key.
 * @returns The listener.
 * @throws The runtime's own error if it can't listen.
 */
export function listen(
  endpoint: ParsedAddress,
  accept: (transport: Transport) => void,
  options: ListenOptions = {},
): Promise<TransportListener> {
  const { scheme, hostname, port, path } = endpoint;
  return new Promise((resolve, reject) => {
    const onSocket = (socket: Socket) => {
      const { remoteAddress, remotePort } = socket;
      const remote = remoteAddress === undefined
        ? endpoint.address
        : `${scheme}@${formatHost(remoteAddress, remotePort ?? 0)}`;
      accept(new NodeTransport(socket, remote));
    };
    const server: Server = scheme === "tls"
      ? createTlsServer({ ...TUNING, cert: options.tls?.cert, key: options.tls?.key }, onSocket)
      : createServer(TUNING, onSocket);
    const handshakes = scheme === "tls" ? handshakesOf(server) : undefined;
    const bind = () =>
      new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(scheme === "unix" ? { path } : { host: hostname, port }, () => {
          server.removeListener("error", reject);
          resolve();
        });
      });
    const binding = scheme === "unix" ? listenAt(path, socketFiles, bind) : bind();
    binding.then(() => {
      server.on("error", () => {}); // a connection failed; the listener goes on
      const socketId = scheme === "unix" ? socketFiles.idOf(path) : undefined;
      const bound = server.address();
      resolve({
        address: bound === null || typeof bound === "string"
          ? endpoint.address
          : `${scheme}@${formatHost(hostname, bound.port)}`,
        close: (): Promise<void> => {
          // The port is free at once; connections that were accepted are their owners' to close.
          const close = () => void server.close(() => {});
          if (scheme === "unix") closeAt(path, socketFiles, socketId, close).finish();
          else close();
          for (const socket of handshakes?.values() ?? []) socket.destroy();
          return Promise.resolve();
        },
      });
    }, reject);
  });
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
  remove(path) {
    try {
      rmSync(path, { force: true });
    } catch {
      // It may not be removed.
    }
  },
};

/** The sockets that are still in their TLS handshake, by peer: they have no other owner yet. */
function handshakesOf(server: Server): Map<string, Socket> {
  const handshakes = new Map<string, Socket>();
  const peerOf = (socket: Socket) => `${socket.remoteAddress} ${socket.remotePort}`;
  server.on("connection", (socket) => {
    const peer = peerOf(socket);
    handshakes.set(peer, socket);
    socket.once("close", () => {
      if (handshakes.get(peer) === socket) handshakes.delete(peer);
    });
  });
  server.on("secureConnection", (socket: Socket) => handshakes.delete(peerOf(socket)));
  return handshakes;
}
