/**
 * HTTP CONNECT, as GeeRPC and Go's `net/rpc` use it: a request line, an
 * answer, and then the protocol on the same connection.
 *
 * @module
 */

import { excerpt } from "../internal/excerpt.ts";
import { RpcError } from "../errors.ts";
import type { Receiver, Transport } from "../transport.ts";

/** A longer answer is no answer to CONNECT. */
const LONGEST_HEAD = 8192;

/** Gathers bytes until an empty line ends them. */
export class HeadReader {
  #bytes = new Uint8Array(0);

  /**
   * Reads on.
   *
   * @param chunk What has come.
   * @returns The head as text and the bytes behind it, or nothing yet.
   * @throws {RpcError} `data_loss` if it gets too long.
   */
  push(chunk: Uint8Array): { head: string; rest: Uint8Array } | undefined {
    const bytes = new Uint8Array(this.#bytes.length + chunk.length);
    bytes.set(this.#bytes);
    bytes.set(chunk, this.#bytes.length);
    this.#bytes = bytes;
    const text = new TextDecoder("latin1").decode(bytes.subarray(0, LONGEST_HEAD));
    const end = /\r?\n\r?\n/.exec(text);
    if (end !== null) {
      const length = end.index + end[0].length;
      return { head: text.slice(0, end.index), rest: bytes.subarray(length) };
    }
    if (bytes.length >= LONGEST_HEAD) {
      throw new RpcError("data_loss", `expected the head of HTTP CONNECT, got ${excerpt(text)}`);
    }
    return undefined;
  }
}

/** A connection whose CONNECT has been answered: what came behind the answer comes first. */
class ConnectedTransport implements Transport {
  readonly remote: string;
  receiver: Receiver | undefined;
  readonly #early: Uint8Array[] = [];
  #ended: { error?: unknown } | undefined;

  constructor(readonly inner: Transport) {
    this.remote = inner.remote;
  }

  keep(early: Uint8Array): void {
    if (early.length > 0) this.#early.push(early.slice());
  }

  end(error: unknown): void {
    if (this.receiver) this.receiver.end(error);
    else this.#ended = { error };
  }

  start(receiver: Receiver): void {
    this.receiver = receiver;
    for (const early of this.#early.splice(0)) receiver.data(early);
    if (this.#ended) receiver.end(this.#ended.error);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.inner.write(bytes);
  }

  close(): void {
    this.inner.close();
  }
}

/**
 * Asks a server by HTTP CONNECT to speak RPC.
 *
 * @param transport A fresh connection; closed if it fails.
 * @param path The server's path.
 * @param signal Gives it up.
 * @returns The connection to speak RPC on.
 * @throws {RpcError} `unavailable`, `not_sent` if the server answers otherwise.
 * @throws The signal's reason, if it aborts first.
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
    const settle = () => signal.removeEventListener("abort", abort);
    const fail = (error: unknown) => {
      settle();
      transport.close();
      reject(error);
    };
    const abort = () => fail(signal.reason);
    if (signal.aborted) return abort();
    const refuse = (what: string, cause?: unknown) => {
      const message = `${address}: HTTP CONNECT ${path}: ${what}`;
      fail(new RpcError("unavailable", message, { address, execution: "not_sent", cause }));
    };
    let answered = false;
    transport.start({
      data(chunk) {
        if (connected.receiver) return connected.receiver.data(chunk);
        if (answered) return connected.keep(chunk);
        try {
          const answer = head.push(chunk);
          if (answer === undefined) return;
          answered = true;
          const status = answer.head.split(/\r?\n/, 1)[0];
          if (!/^HTTP\/1\.\d 200 /.test(status)) return refuse(`the answer was ${excerpt(status)}`);
          connected.keep(answer.rest);
          settle();
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
    signal.addEventListener("abort", abort, { once: true });
    transport.write(new TextEncoder().encode(`CONNECT ${path} HTTP/1.0\n\n`)).catch((error) =>
      refuse("the request could not be written", error)
    );
  });
}
