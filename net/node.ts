/**
 * Node's sockets, for Node and Bun.
 *
 * @module
 */

import { connect as connectTcp, createServer, isIP, type Server, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer, rootCertificates } from "node:tls";
import { formatHost, type ParsedAddress } from "../address.ts";
import type {
  ConnectOptions,
  ListenOptions,
  Receiver,
  Transport,
  TransportListener,
} from "../transport.ts";

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
 * @param endpoint `tcp`, `http`, `tls` or `unix`.
 * @param options Signal and TLS settings.
 * @returns The connection.
 * @throws The runtime's own error, or the signal's reason.
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
        ...(isIP(serverName) ? {} : { servername: serverName }),
      })
      : connectTcp({ ...TUNING, host, port });
    const settle = () => signal?.removeEventListener("abort", abort);
    const abort = () => {
      socket.destroy();
      reject(signal?.reason);
    };
    const failed = (error: Error) => {
      settle();
      reject(error);
    };
    signal?.addEventListener("abort", abort, { once: true });
    socket.once("error", failed);
    socket.once(scheme === "tls" ? "secureConnect" : "connect", () => {
      settle();
      socket.removeListener("error", failed);
      if (scheme === "tls") socket.setNoDelay(true).setKeepAlive(true);
      resolve(new NodeTransport(socket, endpoint.address));
    });
  });
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
    const greeting = scheme === "tls" ? handshakesOf(server) : undefined;
    server.once("error", reject);
    server.listen(scheme === "unix" ? { path } : { host: hostname, port }, () => {
      server.removeListener("error", reject);
      server.on("error", () => {}); // one connection that failed; the others go on
      const bound = server.address();
      resolve({
        address: bound === null || typeof bound === "string"
          ? endpoint.address
          : `${scheme}@${formatHost(hostname, bound.port)}`,
        close: (): Promise<void> => {
          // The port is free at once; connections end when their owner ends them.
          server.close(() => {});
          for (const socket of greeting?.values() ?? []) socket.destroy();
          return Promise.resolve();
        },
      });
    });
  });
}

/** The sockets whose TLS handshake has not ended, by their peer: nobody else knows of them yet. */
function handshakesOf(server: Server): Map<string, Socket> {
  const greeting = new Map<string, Socket>();
  const peerOf = (socket: Socket) => `${socket.remoteAddress} ${socket.remotePort}`;
  server.on("connection", (socket) => {
    const peer = peerOf(socket);
    greeting.set(peer, socket);
    socket.once("close", () => {
      if (greeting.get(peer) === socket) greeting.delete(peer);
    });
  });
  server.on("secureConnection", (socket: Socket) => greeting.delete(peerOf(socket)));
  return greeting;
}
