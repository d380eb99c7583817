/**
 * What a connection can do, whatever carries it: sockets of Deno, sockets of
 * Node, or memory.
 *
 * @module
 */

import type { ParsedAddress } from "./address.ts";

/** Receives what a {@linkcode Transport} reads. */
export interface Receiver {
  /**
   * Called with the next bytes.
   *
   * @param chunk Valid during the call only; copy what is to be kept.
   * @returns A promise to pause reading until it resolves, or nothing to go on.
   */
  data(chunk: Uint8Array): Promise<void> | void;
  /**
   * Called once, when there is nothing more to read. What is written may still
   * be read by the peer, if it has ended only its own side.
   *
   * @param error Why the connection was lost; absent if the peer ended its side, or `close` was
   * called.
   */
  end(error?: unknown): void;
}

/** One connection: a stream of bytes in each direction. */
export interface Transport {
  /** The peer's address, for error messages. */
  readonly remote: string;
  /** The peer's certificate, if it was asked for one, and the one that it gave has been verified. */
  readonly peer?: PeerCertificate;
  /**
   * Starts reading. Called once.
   *
   * @param receiver Called with bytes as they come, and with the end.
   */
  start(receiver: Receiver): void;
  /**
   * Writes all of the bytes. The next write must not begin before this one has ended.
   *
   * @param bytes Must not be changed until the promise is settled.
   * @returns Resolves when the system has taken them; rejects if the connection is lost.
   */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Ends this side: the peer reads the end behind what was written, and is
   * still read from. No write may be under way, and none follows. Where it is
   * absent the connection is closed instead, and what the peer has sent and
   * nobody has read may then reach it as a reset, before it has read the rest.
   */
  closeWrite?(): Promise<void>;
  /** Closes the connection at once, in both directions. Idempotent. */
  close(): void;
}

/**
 * A verified certificate of the other end: it is within its dates, and an
 * authority that is trusted here has issued it.
 */
export interface PeerCertificate {
  /**
   * Whom it was issued to, as RFC 4514 writes it: `CN=orders,O=Acme`, the last
   * part of the certificate first. Empty if it has none.
   */
  readonly subject: string;
  /** The authority that has issued it, written in the same way. */
  readonly issuer: string;
  /**
   * All names that it is for: `DNS:orders.example`, `IP:10.0.0.1`,
   * `URI:spiffe://example/orders`, `email:a@example`. None of another kind.
   */
  readonly sans: readonly string[];
  /** SHA-256 of the whole certificate: 64 hexadecimal digits in lower case. */
  readonly fingerprint: string;
  /** The number that its authority has given it, in hexadecimal digits in lower case. */
  readonly serialNumber: string;
  /** When it begins to be valid. */
  readonly validFrom: Date;
  /** When it ceases to be valid. */
  readonly validTo: Date;
}

/** A socket that accepts connections. */
export interface TransportListener {
  /** The address that it listens on, with the actual port. */
  readonly address: string;
  /**
   * Stops listening. Connections that wait to be accepted are accepted before;
   * those that were accepted stay open. Idempotent.
   */
  close(): Promise<void>;
  /**
   * Uses another certificate from the next handshake on. Connections that are
   * established stay as they are. Absent where there is no TLS.
   *
   * @param tls All settings, as for listening.
   * @throws {RpcError} `invalid_argument` if certificate and key are of no use: then nothing changes.
   */
  renew?(tls: TlsOptions): Promise<void>;
}

/** Settings of TLS. Certificates and keys are PEM texts. */
export interface TlsOptions {
  /** Certificate authorities to trust beside the runtime's own. Default: none. */
  caCerts?: string[];
  /** The name that the server's certificate must have. Default: the host of the address. */
  serverName?: string;
  /**
   * This side's certificate, and the authorities between it and one that the
   * other side trusts. Required to listen. A client needs one where the
   * server asks for it. Default for clients: none.
   */
  cert?: string;
  /** The certificate's private key; required with `cert`. */
  key?: string;
  /**
   * Asks clients for a certificate, when listening: the authorities that may
   * have issued it, and no others, so the runtime's own are not among them. A
   * client whose certificate can't be verified is refused before a byte of it
   * is read. Default: clients are not asked.
   */
  clientCaCerts?: string[];
  /**
   * Whether a client without a certificate is refused, too, where
   * `clientCaCerts` asks for one. If not, `ctx.peer` is absent. Default `true`.
   */
  requireClientCert?: boolean;
}

/**
 * Settings of TLS, or a function that gives them: asked for each dial, so that
 * new connections use a certificate that was renewed meanwhile.
 */
export type TlsSource = TlsOptions | (() => TlsOptions | Promise<TlsOptions>);

/** Options of {@linkcode Network.connect}. */
export interface ConnectOptions {
  /** Gives the attempt up, and closes what was opened for it. */
  signal?: AbortSignal;
  /** For `tls@` addresses. */
  tls?: TlsOptions;
}

/** Options of {@linkcode Network.listen}. */
export interface ListenOptions {
  /** For `tls@` addresses, which require `cert` and `key`. */
  tls?: TlsOptions;
  /** How long a TLS handshake may take, in milliseconds. Default 10,000. */
  handshakeTimeoutMs?: number;
  /**
   * Called when a TLS handshake has failed, or a client's certificate is refused.
   *
   * @param remote The client's address.
   * @param reason Why, in one line.
   * @returns What the client is sent before its connection is closed, where the
   * handshake was complete. Default: nothing.
   */
  onRefused?(remote: string, reason: string): Uint8Array | void;
  /** The permissions of a Unix domain socket, as `0o600`. Default: what the process's umask leaves. */
  mode?: number;
  /** Whether to take the place of a server that listens at a Unix domain socket. Default `false`. */
  takeOver?: boolean;
}

/** Connects and listens: the machine's network by default, a `MemoryNetwork` in tests. */
export interface Network {
  /**
   * Opens a connection.
   *
   * @param endpoint Where to connect to.
   * @param options Signal and TLS settings.
   * @returns The connection, which is the caller's to close.
   * @throws {RpcError} `unavailable`, `not_sent` if it can't connect.
   * @throws The signal's reason if it aborts first.
   */
  connect(endpoint: ParsedAddress, options?: ConnectOptions): Promise<Transport>;
  /**
   * Listens for connections.
   *
   * @param endpoint Where to listen.
   * @param accept Called with each connection, which is then its own to close.
   * @param options TLS certificate and key.
   * @returns The listener.
   * @throws {RpcError} `unavailable` if it can't listen there.
   */
  listen(
    endpoint: ParsedAddress,
    accept: (transport: Transport) => void,
    options?: ListenOptions,
  ): Promise<TransportListener>;
}
