/**
 * What a connection has to be able to do, whatever carries it: sockets of
 * Deno, sockets of Node, or memory.
 *
 * @module
 */

import type { ParsedAddress } from "./address.ts";

/** What a transport tells the one who uses it. */
export interface Receiver {
  /**
   * Bytes have come.
   *
   * @param chunk Valid during the call only: what is kept has to be copied.
   * @returns A promise to read no further until it resolves, or nothing.
   */
  data(chunk: Uint8Array): Promise<void> | void;
  /**
   * Nothing more will come. Called once.
   *
   * @param error Why; absent if the peer ended the stream, or we closed it.
   */
  end(error?: unknown): void;
}

/** One connection: a stream of bytes in each direction. */
export interface Transport {
  /** The peer's address, for messages. */
  readonly remote: string;
  /**
   * Starts reading. Called once.
   *
   * @param receiver What is told of bytes and of the end.
   */
  start(receiver: Receiver): void;
  /**
   * Writes all of the bytes. One write at a time.
   *
   * @param bytes Not to be changed until the promise is settled.
   * @returns Resolves when they are handed over; rejects if the connection is lost.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Closes the connection at once, in both directions. Idempotent. */
  close(): void;
}

/** A socket that accepts connections. */
export interface TransportListener {
  /** Where it listens, with the port that was really taken. */
  readonly address: string;
  /** Accepts no more. Resolves when the socket is gone. Idempotent. */
  close(): Promise<void>;
}

/** What TLS needs to know; certificates and keys are PEM texts. */
export interface TlsOptions {
  /** Certificate authorities to trust beside the system's. */
  caCerts?: string[];
  /** The name that the server's certificate must bear. Default: the address's host. */
  serverName?: string;
  /** Our own certificate: required to listen. */
  cert?: string;
  /** Its private key: required to listen. */
  key?: string;
}

/** How to connect. */
export interface ConnectOptions {
  /** Gives the attempt up; what has been opened is closed. */
  signal?: AbortSignal;
  /** For `tls@` addresses. */
  tls?: TlsOptions;
}

/** How to listen. */
export interface ListenOptions {
  /** For `tls@` addresses; `cert` and `key` are required there. */
  tls?: TlsOptions;
}

/**
 * What connects and listens: the machine's network by default, a
 * `MemoryNetwork` in tests.
 */
export interface Network {
  /**
   * Opens a connection.
   *
   * @throws {RpcError} `unavailable`, `not_sent` if it can't be had.
   * @throws The signal's reason, if it aborts first.
   */
  connect(endpoint: ParsedAddress, options?: ConnectOptions): Promise<Transport>;
  /**
   * Accepts connections.
   *
   * @param accept Called with each.
   * @throws {RpcError} `unavailable` if the address can't be had.
   */
  listen(
    endpoint: ParsedAddress,
    accept: (transport: Transport) => void,
    options?: ListenOptions,
  ): Promise<TransportListener>;
}
