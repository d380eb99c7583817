/**
 * HTTP CONNECT as GeeRPC and Go's `net/rpc` use it: a request, an answer, and
 * then RPC on the same connection.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import { abortWith, releaseFrom } from "../internal/abort.ts";
import { excerpt } from "../internal/excerpt.ts";
import type { Receiver, Transport } from "../transport.ts";

/** The most bytes of a request or an answer, its empty line included. */
const MAX_HEAD_BYTES = 8192;

/** Buffers the head of an HTTP message until the empty line that ends it has come. */
export class HeadReader {
  #bytes = new Uint8Array(0);

  /**
   * Adds bytes.
   *
   * @param chunk The next bytes; they are copied.
   * @returns The head as text and the bytes behind it; `undefined` until all of the head has come.
   * @throws {RpcError} `data_loss` if the head is longer than 8,192 bytes.
   */
  push(chunk: Uint8Array): { head: string; rest: Uint8Array } | undefined {
    const bytes = new Uint8Array(this.#bytes.length + chunk.length);
    bytes.set(this.#bytes);
    bytes.set(chunk, this.#bytes.length);
    this.#bytes = bytes;
    const text = new TextDecoder("latin1").decode(bytes.subarray(0, MAX_HEAD_BYTES));
    const end = /\r?\n\r?\n/.exec(text);
    if (end !== null) {
      const length = end.index + end[0].length;
      return { head: text.slice(0, end.index), rest: bytes.subarray(length) };
    }
    if (bytes.length >= MAX_HEAD_BYTES) {
      throw new RpcError("data_loss", `expected the head of HTTP CONNECT, got ${excerpt(text)}`);
    }
    return undefined;
  }
}

/**
 * A connection whose CONNECT is answered. Bytes and an end that come before it
 * is started are kept until then.
 */
class ConnectedTransport implements Transport {
  readonly remote: string;
  #receiver: Receiver | undefined;
  readonly #early: Uint8Array[] = [];
  #earlyEnd: { error?: unknown } | undefined;

  constructor(readonly inner: Transport) {
    this.remote = inner.remote;
  }

  /** Bytes from the peer. */
  data(chunk: Uint8Array): Promise<void> | void {
    if (this.#receiver) return this.#receiver.data(chunk);
    if (chunk.length > 0) this.#early.push(chunk.slice());
  }

  /** The end of the connection. */
  end(error: unknown): void {
    if (this.#receiver) this.#receiver.end(error);
    else this.#earlyEnd = { error };
  }

  start(receiver: Receiver): void {
    this.#receiver = receiver;
    for (const chunk of this.#early.splice(0)) receiver.data(chunk);
    if (this.#earlyEnd) receiver.end(this.#earlyEnd.error);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.inner.write(bytes);
  }

  close(): void {
    this.inner.close();
  }
}

/**
 * Asks a server, by HTTP CONNECT, to speak RPC on a connection.
 *
 * @param transport A fresh connection. It is closed if this fails.
 * @param path The path at which the server offers RPC.
 * @param signal Gives it up.
 * @returns The connection, ready for RPC.
 * @throws {RpcError} `unavailable`, `not_sent` if the server's answer is not status 200.
 * @throws The signal's reason if it aborts first.
 */
export function connectThrough(
  transport: Transport,
  path: string,
  signal: AbortSignal,
): Promise<Transport> {
  const address = transport.remote;
  return new Promise((resolve, reject) => {
    const connected = new ConnectedTransport(transport);
    const head = new HeadReader();
    const fail = (error: unknown) => {
      releaseFrom(signal, connecting);
      transport.close();
      reject(error);
    };
    const connecting = { abort: fail };
    const refuse = (what: string, cause?: unknown) => {
      const message = `${address}: HTTP CONNECT ${path}: ${what}`;
      fail(new RpcError("unavailable", message, { address, execution: "not_sent", cause }));
    };
    abortWith(signal, connecting);
    if (signal.aborted) return;
    let answered = false;
    transport.start({
      data(chunk) {
        if (answered) return connected.data(chunk);
        try {
          const answer = head.push(chunk);
          if (answer === undefined) return;
          answered = true;
          const status = answer.head.split(/\r?\n/, 1)[0];
          if (!/^HTTP\/1\.\d 200 /.test(status)) {
            const hint = / 404 /.test(status)
              ? "; its path is the option connectPath, or ?path="
              : "";
            const quote = status.startsWith("HTTP/") ? JSON.stringify(status) : excerpt(status);
            return refuse(`the answer was ${quote}${hint}`);
          }
          connected.data(answer.rest);
          releaseFrom(signal, connecting);
          resolve(connected);
        } catch (error) {
          refuse("the answer is not HTTP", error);
        }
      },
      end(error) {
        if (answered) return connected.end(error);
        refuse("the server closed the connection without an answer", error);
      },
    });
    transport.write(new TextEncoder().encode(`CONNECT ${path} HTTP/1.0\n\n`)).catch((error) =>
      refuse("the request could not be written", error)
    );
  });
}
