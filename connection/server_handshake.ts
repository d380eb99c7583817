/**
 * How a connection begins at the server: HTTP CONNECT, if the client sends it,
 * then GeeRPC's option, if the protocol has one. Bytes that are pipelined
 * behind them are kept.
 *
 * @module
 */

import type { Limits, Protocol, ServerCodec } from "../protocol/codec.ts";
import { RpcError } from "../errors.ts";
import { ChunkBuffer } from "../internal/buffer.ts";
import { skipSpaces } from "../protocol/ascii.ts";
import { atFaultPoint } from "../internal/fault_points.ts";
import { beginningOf, beginsWithOption, foreign } from "../protocol/foreign.ts";
import { OptionReader } from "../protocol/handshake.ts";
import { HeadReader } from "../net/http_connect.ts";
import { openServerCodec } from "../protocol/protocols.ts";
import { answerHttp } from "./http_answers.ts";
import type { Services } from "./services.ts";

/** A connection that is ready for calls. */
export interface Opened {
  /** The protocol's half for it. */
  readonly codec: ServerCodec;
  /** How long each call may take, in milliseconds; 0: no limit. */
  readonly handleTimeoutMs: number;
  /** Whether the client knows our extensions, and waits for the answer that says that we do too. */
  readonly isExtended: boolean;
  /** The bytes that came behind the handshake. */
  readonly rest: Uint8Array;
}

type Opening = Opened | Promise<Opened>;
/** What a client asks for in its handshake. */
type Asked = Pick<Opened, "handleTimeoutMs" | "isExtended">;

const PLAIN: Asked = { handleTimeoutMs: 0, isExtended: false };

const encoder = new TextEncoder();

/** What a handshake needs of the server. */
export interface HandshakeContext {
  /** For the codec. */
  readonly limits: Limits;
  /** What the debug pages list. */
  readonly services: Services;
  /** Further paths of HTTP CONNECT, with the protocol that each leads to. */
  readonly connectPaths: Readonly<Record<string, Protocol>>;
}

/** Reads the beginning of one connection. */
export class Handshake {
  readonly #context: HandshakeContext;
  readonly #protocol: Protocol;
  readonly #write: (bytes: Uint8Array) => void;
  /** The first bytes, while too few have come to tell what they are. */
  readonly #begun = new ChunkBuffer();
  /** How many spaces they begin with. */
  #spaces = 0;
  #head: HeadReader | undefined;
  #option: OptionReader | undefined;
  #isRefused = false;

  /**
   * @param protocol What is spoken where no CONNECT says otherwise.
   * @param context What it needs of the server.
   * @param write Writes the answer to HTTP.
   */
  constructor(
    protocol: Protocol,
    context: HandshakeContext,
    write: (bytes: Uint8Array) => void,
  ) {
    this.#protocol = protocol;
    this.#context = context;
    this.#write = write;
  }

  /** Whether it has been refused in HTTP, which says all there is to say. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /**
   * Reads on.
   *
   * @param chunk The bytes that have come.
   * @returns The opened connection, or a promise of it if its protocol has to
   * be loaded; `undefined` while the handshake is not complete.
   * @throws {RpcError} If this is no handshake of ours.
   */
  push(chunk: Uint8Array): Opening | undefined {
    if (chunk.length === 0) return undefined; // it does not tell what the first byte will be
    if (this.#option !== undefined) return this.#readOption(this.#option, chunk);
    let bytes = chunk;
    if (this.#head === undefined) {
      if (this.#begun.length > 0) {
        this.#begun.add(chunk);
        bytes = this.#begun.view();
      }
      const isHttp = this.#isHttp(bytes);
      if (isHttp === undefined) {
        if (this.#begun.length === 0) this.#begun.add(chunk);
        return undefined;
      }
      if (!isHttp) return this.#begin(this.#protocol, bytes);
      this.#head = new HeadReader();
    }
    const read = this.#head.push(bytes);
    return read && this.#begin(this.#connect(read.head), read.rest);
  }

  /**
   * Whether it begins with HTTP; `undefined` while too few bytes have come to tell.
   *
   * @throws {RpcError} If it begins with what is neither HTTP nor the protocol that is spoken here.
   * GeeRPC's handshake is read first, which finds that out.
   */
  #isHttp(bytes: Uint8Array): boolean | undefined {
    const protocol = this.#protocol;
    const beginning = beginningOf(bytes);
    if (beginning === undefined || beginning === "http") return beginning && true;
    if (protocol === "netrpc/gob" && beginning !== "gob") throw this.#foreign(bytes);
    if (protocol === "netrpc/json") {
      if (beginning !== "json") throw this.#foreign(bytes);
      this.#spaces = skipSpaces(bytes, this.#spaces);
      const isGeeRpc = beginsWithOption(bytes, this.#spaces);
      if (isGeeRpc === undefined) return undefined;
      if (isGeeRpc) throw this.#foreign(bytes);
    }
    return false;
  }

  #foreign(bytes: Uint8Array): RpcError {
    const protocol = this.#protocol;
    const what = foreign(new TextDecoder("latin1").decode(bytes.subarray(0, 600)), protocol);
    return new RpcError("data_loss", `this address speaks ${protocol}, got ${what}`);
  }

  #begin(protocol: Protocol, bytes: Uint8Array): Opening | undefined {
    if (!protocol.startsWith("geerpc/")) return this.#open(protocol, PLAIN, bytes);
    this.#option = new OptionReader();
    return this.#readOption(this.#option, bytes);
  }

  #readOption(reader: OptionReader, bytes: Uint8Array): Opening | undefined {
    const read = reader.push(bytes);
    if (read === undefined) return undefined;
    const { option, rest } = read;
    const protocol = option.codecType === "application/gob" ? "geerpc/gob" : "geerpc/json";
    return this.#open(protocol, option, rest);
  }

  #open(protocol: Protocol, asked: Asked, rest: Uint8Array): Opening {
    const { handleTimeoutMs, isExtended } = asked;
    const opened = openServerCodec(protocol, this.#context.limits);
    const wait = atFaultPoint("handshake_read");
    const codec = wait === undefined ? opened : wait.then(() => opened);
    if (!(codec instanceof Promise)) return { codec, handleTimeoutMs, isExtended, rest };
    const kept = rest.slice(); // the transport uses its buffer again
    return codec.then((codec) => ({ codec, handleTimeoutMs, isExtended, rest: kept }));
  }

  #connect(head: string): Protocol {
    const { services, connectPaths } = this.#context;
    const { text, protocol, error } = answerHttp(head, services, connectPaths);
    this.#write(encoder.encode(text));
    if (protocol !== undefined) return protocol;
    this.#isRefused = true;
    throw error;
  }
}
