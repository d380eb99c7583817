/**
 * HTTP CONNECT as GeeRPC and Go's `net/rpc` use it: a request, an answer, and
 * then RPC on the same connection.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import { abortWith, releaseFrom } from "../internal/abort.ts";
import { ChunkBuffer } from "../internal/buffer.ts";
import { excerpt } from "../internal/excerpt.ts";
import type { Receiver, Transport } from "../transport.ts";

/** The most bytes of a request or an answer, its empty line included. */
const MAX_HEAD_BYTES = 8192;

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

/** Buffers the head of an HTTP message until the empty line that ends it has come. */
export class HeadReader {
  readonly #buffer = new ChunkBuffer();
  /** Where the line begins whose end has not come, and how far that was looked for. */
  #lineStart = 0;
  #searched = 0;

  /**
   * Adds bytes.
   *
   * @param chunk The next bytes; they are copied.
   * @returns The head as text and the bytes behind it; `undefined` until all of the head has come.
   * @throws {RpcError} `data_loss` if the head is longer than 8,192 bytes.
   */
  push(chunk: Uint8Array): { head: string; rest: Uint8Array } | undefined {
    this.#buffer.add(chunk);
    const bytes = this.#buffer.view(MAX_HEAD_BYTES);
    for (;;) {
      const newline = bytes.indexOf(NEWLINE, this.#searched);
      if (newline < 0) break;
      const start = this.#lineStart;
      this.#lineStart = this.#searched = newline + 1;
      if (start > 0 && endOfLine(bytes, newline) === start) {
        const head = latin1(bytes.subarray(0, endOfLine(bytes, start - 1)));
        return { head, rest: this.#buffer.view().subarray(newline + 1) };
      }
    }
    this.#searched = bytes.length;
    if (bytes.length === MAX_HEAD_BYTES) {
      const what = excerpt(latin1(bytes));
      throw new RpcError("data_loss", `expected the head of HTTP CONNECT, got ${what}`);
    }
    return undefined;
  }
}

/** Where the line ends that has this newline, which may have a carriage return before it. */
function endOfLine(bytes: Uint8Array, newline: number): number {
  return bytes[newline - 1] === CARRIAGE_RETURN ? newline - 1 : newline;
}

function latin1(bytes: Uint8Array<ArrayBuffer>): string {
  return new TextDecoder("latin1").decode(bytes);
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
    let hasFailed = false;
    const fail = (error: unknown) => {
      hasFailed = true;
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
        if (hasFailed) return; // it is closed, and what comes all the same is not kept
        if (answered) return connected.data(chunk);
        try {
          const answer = head.push(chunk);
          if (answer === undefined) return;
          answered = true;
          const status = answer.head.split("\n", 1)[0].replace(/\r$/, "");
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
