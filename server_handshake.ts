/**
 * How a connection begins at the server: HTTP CONNECT if the client says so,
 * then GeeRPC's option. Whatever is pipelined behind them is kept.
 *
 * @module
 */

import { excerpt, type Limits, type ServerCodec } from "./codec.ts";
import { JsonServerCodec } from "./codec_json.ts";
import { RpcError } from "./errors.ts";
import { OptionReader } from "./geerpc.ts";
import { HeadReader } from "./http_connect.ts";
import type { Transport } from "./transport.ts";

/** A connection that is ready for calls. */
export interface Opened {
  /** The protocol's half for it. */
  readonly codec: ServerCodec;
  /** What each call is given; 0: no limit. */
  readonly handleTimeoutMs: number;
  /** What came behind the handshake. */
  readonly rest: Uint8Array;
}

const ANSWER = "HTTP/1.0 200 Connected to Gee RPC\n\n";
const REFUSAL = "HTTP/1.0 405 Method Not Allowed\nContent-Type: text/plain\n\n405 must CONNECT\n";

/** Reads the beginning of a connection. */
export class Handshake {
  readonly #limits: Limits;
  readonly #transport: Transport;
  #head: HeadReader | undefined;
  #option: OptionReader | undefined;

  /**
   * @param limits For the codec.
   * @param transport Where CONNECT is answered.
   */
  constructor(limits: Limits, transport: Transport) {
    this.#limits = limits;
    this.#transport = transport;
  }

  /**
   * Reads on.
   *
   * @param chunk What has come.
   * @returns The opened connection, or nothing yet.
   * @throws {RpcError} If it is no handshake of ours.
   */
  push(chunk: Uint8Array): Opened | undefined {
    let bytes = chunk;
    if (this.#option === undefined) {
      // GeeRPC's option begins with a brace or a space, HTTP with a method's letter.
      if (this.#head === undefined && isLetter(chunk[0])) this.#head = new HeadReader();
      if (this.#head !== undefined) {
        const read = this.#head.push(chunk);
        if (read === undefined) return undefined;
        this.#connect(read.head);
        bytes = read.rest;
      }
      this.#option = new OptionReader();
    }
    const read = this.#option.push(bytes);
    if (read === undefined) return undefined;
    const { codecType, handleTimeoutMs } = read.option;
    if (codecType !== "application/json") {
      throw new RpcError("unimplemented", `rpc server: codec ${codecType} is not served here`);
    }
    return { codec: new JsonServerCodec(this.#limits), handleTimeoutMs, rest: read.rest };
  }

  #connect(head: string): void {
    const [method, path] = head.split(" ", 2);
    if (method !== "CONNECT") {
      this.#transport.write(new TextEncoder().encode(REFUSAL)).catch(() => {});
      throw new RpcError("data_loss", `expected CONNECT, got ${excerpt(head)}`);
    }
    if (path !== "/_geeprc_") {
      throw new RpcError("unimplemented", `HTTP CONNECT ${path} is not served here`);
    }
    // One write at a time: the answer is out before any reply can be, since
    // the client waits for it.
    this.#transport.write(new TextEncoder().encode(ANSWER)).catch(() => {});
  }
}

function isLetter(byte: number): boolean {
  return byte >= 65 && byte <= 90;
}
