/**
 * What a protocol has to be able to do: turn calls and replies into bytes and
 * back. One implementation for each protocol; `protocol.ts` picks it by name.
 *
 * @module
 */

import type { RpcCode } from "../errors.ts";
import { atLeast } from "../internal/validate.ts";
import type { AnySchema, MethodSchema } from "../schema.ts";

/** The protocols, by name: handshake and encoding. */
export type Protocol = "geerpc/json" | "geerpc/gob" | "netrpc/gob" | "netrpc/json";

/** What a peer may make us hold. */
export interface Limits {
  /** The largest message, in bytes, in each direction. */
  readonly maxMessageBytes: number;
  /** How deep arrays and objects may be nested in a message that comes. */
  readonly maxDepth: number;
}

/**
 * The limits that options say: 4 MiB a message and nesting of 100 otherwise.
 *
 * @param options What may be said of them.
 * @throws {RangeError} If one of them is less than 1.
 */
export function limitsOf(options: Partial<Limits> = {}): Limits {
  const { maxMessageBytes = 4 * 1024 * 1024, maxDepth = 100 } = options;
  return {
    maxMessageBytes: atLeast(1, "maxMessageBytes", maxMessageBytes),
    maxDepth: atLeast(1, "maxDepth", maxDepth),
  };
}

/** What may go along with a call. */
export interface RequestExtras {
  /** Milliseconds left until the caller gives up; for protocols that can say so. */
  readonly timeoutMs?: number;
  /** Metadata for the server; for protocols that can carry it. */
  readonly meta?: Readonly<Record<string, string>>;
  /** The types of argument and reply; for protocols whose values don't tell them. */
  readonly schema?: MethodSchema;
}

/** A call that waits for its reply, as its codec sees it. One of the three is called, once. */
export interface PendingReply {
  /** What it calls. */
  readonly serviceMethod: string;
  /** The types of argument and reply, if the caller said them. */
  readonly schema?: MethodSchema;
  /** Gives it the reply. */
  resolve(value: unknown): void;
  /** Fails it with the server's own words. */
  fail(code: RpcCode, message: string, execution: "answered" | "rejected"): void;
  /** Fails it because its reply, which has come, can't be used. */
  failDecode(code: RpcCode, what: string, cause?: unknown): void;
}

/** What a client's codec tells of what it has read. */
export interface ReplySink {
  /**
   * Takes the call a reply belongs to, when all of the reply has come.
   *
   * @returns `undefined` if nobody waits for it any more: the reply is dropped.
   */
  take(seq: number): PendingReply | undefined;
  /**
   * The server takes no new calls on this connection.
   *
   * @param why Default: it has said so.
   */
  drain(why?: string): void;
}

/** The client's half of a protocol, for one connection. */
export interface ClientCodec {
  /**
   * Adds a call to what {@linkcode take} returns. What throws adds nothing.
   *
   * @throws {RpcError} `invalid_argument` for arguments that can't be encoded,
   * `resource_exhausted` over the limit.
   */
  request(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void;
  /** Adds word that nobody waits for a call any more, where the protocol can say so. */
  cancel?(seq: number): void;
  /** Adds a question that proves the peer alive: its answer is a reply to `seq`. */
  ping?(seq: number): void;
  /** How many bytes {@linkcode take} would return. */
  readonly bufferedBytes: number;
  /**
   * All that has been added since the last time, the handshake first.
   *
   * @returns Valid until the next call.
   */
  take(): Uint8Array;
  /**
   * Reads replies.
   *
   * @throws {RpcError} If the stream is broken and the connection can't go on.
   */
  receive(chunk: Uint8Array, sink: ReplySink): void;
  /**
   * The stream has ended.
   *
   * @throws {RpcError} `data_loss` if it ended in the middle of a reply.
   */
  end(): void;
}

/** What a server's codec tells of what it has read. */
export interface RequestSink {
  /** The types of a method's argument and reply, if the server said them. */
  schemaOf?(serviceMethod: string): MethodSchema | undefined;
  /** A call has come. */
  call(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void;
  /** A call has come whose arguments can't be taken: it is answered so, and did not run. */
  refuse(seq: number, serviceMethod: string, code: RpcCode, message: string): void;
  /** Nobody waits for that call any more. */
  cancel(seq: number): void;
  /** The codec has added an answer of its own, which is to be written. */
  answered(): void;
}

/** The server's half of a protocol, for one connection. */
export interface ServerCodec {
  /**
   * Reads calls.
   *
   * @throws {RpcError} If the stream is broken and the connection can't go on.
   */
  receive(chunk: Uint8Array, sink: RequestSink): void;
  /**
   * Adds a reply to what {@linkcode take} returns. What throws adds nothing.
   *
   * @param schema The reply's type, if the server said it.
   * @throws {RpcError} `internal` for a reply that can't be encoded,
   * `resource_exhausted` over the limit.
   */
  reply(seq: number, serviceMethod: string, value: unknown, schema?: AnySchema): void;
  /** Adds an error as the reply. `rejected`: the call did not run. */
  fail(seq: number, serviceMethod: string, message: string, code: RpcCode, rejected: boolean): void;
  /** Adds word that no new calls are taken, where the protocol can say so. */
  drain?(): void;
  /** Adds why the connection is given up, where the protocol can say so. */
  giveUp?(message: string, code: RpcCode): void;
  /** How many bytes {@linkcode take} would return. */
  readonly bufferedBytes: number;
  /** All that has been added since the last time. Valid until the next call. */
  take(): Uint8Array;
}

const encoder = new TextEncoder();

/**
 * Whether a text is over so many bytes in UTF-8.
 *
 * @param text The text.
 * @param maxBytes The limit.
 * @returns `true` if it is longer.
 */
export function isLongerThan(text: string, maxBytes: number): boolean {
  if (text.length * 3 <= maxBytes) return false;
  return text.length > maxBytes || encoder.encode(text).length > maxBytes;
}
