/**
 * TLS on Node's sockets. Deno has `node:tls`, too, and takes it for what its
 * own sockets can't do: to ask clients for certificates, to renew a certificate
 * while listening, and to dial with one.
 *
 * @module
 */

import { constants, createPrivateKey, X509Certificate } from "node:crypto";
import { isIP, type Server, type Socket } from "node:net";
import {
  checkServerIdentity,
  connect as openTls,
  createServer,
  rootCertificates,
  type SecureContextOptions,
  type TLSSocket,
} from "node:tls";
import { formatHost, type ParsedAddress } from "../address.ts";
import { LONGEST_TIMER_MS } from "../clock.ts";
import { errorText } from "../errors.ts";
import { clearTimeout, setTimeout } from "../internal/platform.ts";
import type {
  ConnectOptions,
  ListenOptions,
  PeerCertificate,
  TlsOptions,
  Transport,
  TransportListener,
} from "../transport.ts";
import { untilQuiet } from "./accept_loop.ts";
import { readCertificate, refusalIn } from "./certificate.ts";
import { clientFailure } from "./failures.ts";
import { HANDSHAKE_TIMEOUT_MS, MAX_HANDSHAKES } from "./limits.ts";
import { bind, connected, nextTurn, NodeTransport, TUNING } from "./node_sockets.ts";

/** How long a client that is refused may take to read why, in milliseconds. */
const FAREWELL_MS = 1000;
/**
 * How long a handshake may go on when its listener closes, in milliseconds: for
 * its client it may be over, and a call be sent.
 */
const LINGER_MS = 250;

/**
 * Opens a connection with TLS.
 *
 * @param endpoint An address of scheme `tls`.
 * @param options Signal and TLS settings.
 * @returns The connection.
 * @throws The runtime's own error if it can't connect, or the signal's reason.
 */
export async function connectTls(
  endpoint: ParsedAddress,
  { signal, tls = {} }: ConnectOptions,
): Promise<Transport> {
  const { hostname: host, port, address } = endpoint;
  signal?.throwIfAborted();
  const { cert, key, caCerts, serverName = host } = tls;
  if (cert !== undefined && key !== undefined) checkKeyPair(cert, key);
  const socket = openTls({
    ...TUNING,
    host,
    port,
    ca: caCerts && [...rootCertificates, ...caCerts],
    cert,
    key,
    // TLS can ask for a name by SNI, not for an IP address; the certificate has to be for either.
    ...(isIP(serverName) ? {} : { servername: serverName }),
    checkServerIdentity: (_host, peer) => checkServerIdentity(serverName, peer),
  });
  await connected(socket, "secureConnect", signal);
  return new NodeTransport(socket.setNoDelay(true).setKeepAlive(true), address);
}

/**
 * Listens with TLS.
 *
 * @param endpoint An address of scheme `tls`.
 * @param accept Called with each connection whose client is who it has to be.
 * @param options TLS settings, and whom to tell of clients that are refused.
 * @returns The listener.
 * @throws The runtime's own error if it can't listen.
 */
export async function listenTls(
  { scheme, hostname, port }: ParsedAddress,
  accept: (transport: Transport) => void,
  options: ListenOptions,
): Promise<TransportListener> {
  let tls = options.tls ?? {};
  const asksClients = tls.clientCaCerts !== undefined;
  const { onRefused, handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = options;
  const remoteOf = (socket: Socket) => {
    const { remoteAddress, remotePort = 0 } = carrierOf(socket);
    return `${scheme}@${formatHost(remoteAddress ?? hostname, remotePort)}`;
  };
  const server = createServer({
    ...TUNING,
    allowHalfOpen: false, // in the handshake: Node does not end one whose client has gone
    ...contextOf(tls),
    requestCert: asksClients,
    // We decide: Node takes a client for authorized that resumes a session without a certificate,
    // and those that it refuses are not told why.
    rejectUnauthorized: false,
    handshakeTimeout: Math.min(handshakeTimeoutMs, LONGEST_TIMER_MS),
  }, (socket) => {
    socket.setNoDelay(true).setKeepAlive(true).allowHalfOpen = true;
    carrierOf(socket).allowHalfOpen = true;
    let peer: PeerCertificate | undefined;
    try {
      if (asksClients) peer = peerOf(socket, tls.requireClientCert ?? true);
    } catch (error) {
      return refuse(socket, onRefused?.(remoteOf(socket), errorText(error)));
    }
    handshakes.done(socket);
    accept(new NodeTransport(socket, remoteOf(socket), peer));
  });
  const handshakes = new Handshakes(server);
  server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
    onRefused?.(remoteOf(socket), clientFailure(error));
    socket.destroy();
  });
  let connections = 0;
  server.on("connection", () => connections++);
  await bind(server, { host: hostname, port });
  server.on("error", () => {}); // a connection failed; the listener goes on
  const bound = server.address() as { port: number };
  let closing: Promise<void> | undefined;
  const close = async () => {
    await untilQuiet(() => connections, nextTurn);
    // The port is free at once; connections that were accepted are their owners' to close.
    server.close(() => {});
    await handshakes.end();
  };
  return {
    address: `${scheme}@${formatHost(hostname, bound.port)}`,
    close: () => closing ??= close(),
    // deno-lint-ignore require-await -- what it throws is its promise's
    async renew(next) {
      if (asksClients !== (next.clientCaCerts !== undefined)) {
        throw new TypeError(
          "tls.clientCaCerts can be renewed only where it was given to listen, and not be left out",
        );
      }
      server.setSecureContext(contextOf(next));
      tls = next;
    },
  };
}

/** What a listener shows, and whom it trusts. */
function contextOf(tls: TlsOptions): SecureContextOptions {
  const { cert = "", key = "", clientCaCerts } = tls;
  checkKeyPair(cert, key);
  clientCaCerts?.forEach((pem, place) => certificateIn(`tls.clientCaCerts[${place}]`, pem));
  return {
    cert,
    key,
    ca: clientCaCerts,
    // A session that is resumed would let a client in by a certificate that was verified long ago.
    secureOptions: clientCaCerts && constants.SSL_OP_NO_TICKET,
  };
}

/** Deno takes any texts, and then fails with each handshake. */
function checkKeyPair(cert: string, key: string): void {
  const certificate = certificateIn("tls.cert", cert);
  let isItsKey: boolean;
  try {
    isItsKey = certificate.checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new Error(`tls.key is no private key in PEM: ${errorText(cause)}`, { cause });
  }
  if (!isItsKey) throw new Error("key values mismatch");
}

function certificateIn(name: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new Error(`${name} is no certificate in PEM: ${errorText(cause)}`, { cause });
  }
}

/**
 * Who a client is.
 *
 * @throws {Error} If it has given no certificate and must, or one that can't be verified.
 */
function peerOf(socket: TLSSocket, isRequired: boolean): PeerCertificate | undefined {
  const { raw, fingerprint256 } = socket.getPeerCertificate() ?? {};
  if (raw === undefined) {
    if (isRequired) throw new Error(clientFailure("CERTIFICATE_REQUIRED"));
    return undefined;
  }
  if (!socket.authorized) {
    throw new Error(clientFailure(refusalIn(raw, socket.authorizationError)));
  }
  if (socket.isSessionReused()) throw new Error("the client has resumed a session");
  return readCertificate(raw, fingerprint256);
}

/** Ends the connection of a client that is refused, behind a last message; what it sends is dropped. */
function refuse(socket: Socket, last: Uint8Array | void): void {
  if (last === undefined) return void socket.destroy();
  const timer = setTimeout(() => socket.destroy(), FAREWELL_MS);
  socket.on("error", () => {});
  carrierOf(socket).on("close", () => clearTimeout(timer)); // before the listener is told
  socket.end(last);
  socket.resume();
}

/** The TCP socket beneath one of TLS: it knows its peer when the other is closed. */
function carrierOf(socket: Socket): Socket {
  return (socket as { _parent?: Socket })._parent ?? socket;
}

/**
 * The sockets that are still in their TLS handshake, or refused: they have no
 * other owner. They are known by their peers, since the sockets of TLS, and
 * those beneath them, are not the same.
 */
class Handshakes {
  readonly #sockets = new Map<string, Socket>();
  #emptied = () => {};

  /** @param server Whose handshakes they are. */
  constructor(server: Server) {
    server.on("connection", (socket) => {
      const peer = peerName(socket);
      if (this.#sockets.size >= MAX_HANDSHAKES) return void socket.destroy();
      this.#sockets.set(peer, socket);
      socket.once("close", () => {
        if (this.#sockets.get(peer) === socket) this.#remove(peer);
      });
    });
  }

  /** A handshake has ended well: the connection has another owner now. */
  done(socket: Socket): void {
    this.#remove(peerName(socket));
  }

  /** Gives those that are under way some time, and then ends them. */
  async end(): Promise<void> {
    if (this.#sockets.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LINGER_MS);
      this.#emptied = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  #remove(peer: string): void {
    this.#sockets.delete(peer);
    if (this.#sockets.size === 0) this.#emptied();
  }
}

function peerName(socket: Socket): string {
  const { remoteAddress, remotePort } = carrierOf(socket);
  return `${remoteAddress} ${remotePort}`;
}
