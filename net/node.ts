/**
 * Node's sockets, which Bun has too. Loaded on these runtimes only.
 *
 * @module
 */

import { linkSync, lstatSync, renameSync, rmSync } from "node:fs";
import { setImmediate } from "node:timers";
import { connect as connectTcp, createServer, isIP, type Server, type Socket } from "node:net";
import {
  checkServerIdentity,
  connect as connectTls,
  createServer as createTlsServer,
  rootCertificates,
} from "node:tls";
import { formatHost, type ParsedAddress } from "../address.ts";
import { LONGEST_TIMER_MS } from "../clock.ts";
import { abortWith, releaseFrom } from "../internal/abort.ts";
import type {
  ConnectOptions,
  ListenOptions,
  Receiver,
  Transport,
  TransportListener,
} from "../transport.ts";
import { closeAt, listenAt, type SocketFiles } from "./unix_socket.ts";
import { untilQuiet } from "./accept_loop.ts";
import { HANDSHAKE_TIMEOUT_MS, MAX_HANDSHAKES } from "./limits.ts";

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

  closeWrite(): Promise<void> {
    return new Promise((resolve) => this.#socket.end(resolve));
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
      ? createTlsServer({
        ...TUNING,
        cert: options.tls?.cert,
        key: options.tls?.key,
        handshakeTimeout: Math.min(
          options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
          LONGEST_TIMER_MS,
        ),
      }, onSocket)
      : createServer(TUNING, onSocket);
    let connections = 0;
    server.on("connection", () => connections++);
    let socketId: string | undefined;
    let closing: Promise<void> | undefined;
    const close = async () => {
      await untilQuiet(() => connections, nextTurn);
      // The port is free at once; connections that were accepted are their owners' to close.
      const stop = () => void server.close(() => {});
      if (scheme === "unix") closeAt(path, socketFiles, socketId, stop).finish();
      else stop();
      for (const socket of handshakes?.values() ?? []) socket.destroy();
    };
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
      if (scheme === "unix") socketId = socketFiles.idOf(path);
      const bound = server.address();
      resolve({
        address: bound === null || typeof bound === "string"
          ? endpoint.address
          : `${scheme}@${formatHost(hostname, bound.port)}`,
        close: () => closing ??= close(),
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

/** Waits until sockets have been looked at once more. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** The sockets that are still in their TLS handshake, by peer: they have no other owner yet. */
function handshakesOf(server: Server): Map<string, Socket> {
  const handshakes = new Map<string, Socket>();
  const peerOf = (socket: Socket) => `${socket.remoteAddress} ${socket.remotePort}`;
  server.on("connection", (socket) => {
    const peer = peerOf(socket);
    if (handshakes.size >= MAX_HANDSHAKES) return void socket.destroy();
    handshakes.set(peer, socket);
    socket.once("close", () => {
      if (handshakes.get(peer) === socket) handshakes.delete(peer);
    });
  });
  // A handshake that fails or takes too long is Node's to tell, and ours to end.
  server.on("tlsClientError", (_error: Error, socket: Socket) => socket.destroy());
  server.on("secureConnection", (socket: Socket) => handshakes.delete(peerOf(socket)));
  return handshakes;
}
