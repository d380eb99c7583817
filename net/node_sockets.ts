/**
 * What all sockets of Node have in common. Deno has them too, and uses them for
 * the TLS that its own sockets can't do.
 *
 * @module
 */

import type { ListenOptions as Where, Server, Socket } from "node:net";
import { setImmediate } from "node:timers";
import { abortWith, releaseFrom } from "../internal/abort.ts";
import type { PeerCertificate, Receiver, Transport } from "../transport.ts";

/** How sockets are set up. */
export const TUNING = { noDelay: true, keepAlive: true, allowHalfOpen: true } as const;

/** A connection on a socket of Node. */
export class NodeTransport implements Transport {
  readonly remote: string;
  readonly peer?: PeerCertificate;
  readonly #socket: Socket;
  #error: unknown;
  #isClosed = false;

  /**
   * @param socket The socket, connected.
   * @param remote The peer's address.
   * @param peer Its certificate, verified.
   */
  constructor(socket: Socket, remote: string, peer?: PeerCertificate) {
    this.#socket = socket;
    this.remote = remote;
    this.peer = peer;
    socket.on("error", (error) => {
      if (!this.#isClosed) this.#error = error;
    });
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
    const socket = this.#socket;
    this.#error = undefined;
    this.#isClosed = true;
    // TLS says that it ends; without that the other side takes it for cut off.
    if ("encrypted" in socket && socket.writableLength === 0) socket.destroySoon();
    else socket.destroy();
  }
}

/**
 * Waits until a socket is connected.
 *
 * @param socket The socket, which begins to connect.
 * @param event The event that says that it is.
 * @param signal Gives it up, and closes the socket.
 * @throws The socket's error, or the signal's reason.
 */
export function connected(
  socket: Socket,
  event: "connect" | "secureConnect",
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
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
    socket.once(event, () => {
      release();
      socket.removeListener("error", fail);
      resolve();
    });
  });
}

/**
 * Begins to listen.
 *
 * @param server What listens.
 * @param where Path, or host and port.
 * @throws The server's error.
 */
export function bind(server: Server, where: Where): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

/** Waits until sockets have been looked at once more. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
