/**
 * What a protocol has to do: turn calls and replies into bytes and back. A codec is one half of a
 * protocol, for one connection; `protocols.ts` makes it by the protocol's name.
 *
 * @module
 */

import { type RpcCode, RpcError } from "../errors.ts";
import { type Checks, flag, whole, wholeFrom } from "../internal/options.ts";
import type { AnySchema, MethodSchema } from "../internal/schema.ts";
import type { ClientItems, ItemStream, ServerItems, StreamExtras } from "./streams.ts";

/** The protocols by name: the handshake, and the encoding. */
export type Protocol = "geerpc/json" | "geerpc/gob" | "netrpc/gob" | "netrpc/json";

/** How much memory and nesting a peer may cause, and how large integers are read. */
export interface Limits {
  /** The largest message in bytes, in each direction. */
  readonly maxMessageBytes: number;
  /** How deep arrays and objects may be nested in a message that arrives. */
  readonly maxDepth: number;
  /**
   * Whether integers beyond ±(2^53 − 1) are bigints to and from peers that know JSON alone. Default
   * `false`: such numbers are rounded, and a bigint is refused.
   */
  readonly bigints?: boolean;
}

/** Values that are nested deeper take more stack than there is. */
const MOST_DEPTH = 1000;

/** What the limits may be among options. */
export const LIMIT_CHECKS: Checks<Partial<Limits>> = {
  maxMessageBytes: whole(1),
  maxDepth: wholeFrom(1, MOST_DEPTH),
  bigints(name, value) {
    flag(name, value);
    if (value === true && !("rawJSON" in JSON)) {
      throw new TypeError(
        `${name} needs a runtime with JSON.rawJSON, as Node 22, Deno and Bun have it`,
      );
    }
  },
};

/**
 * Fills in the limits that are not given.
 *
 * @param options The limits. Default: messages of 4 MiB, nesting of 100, no bigints.
 * @returns All of them.
 */
export function limitsOf(options: Partial<Limits> = {}): Limits {
  const { maxMessageBytes = 4 * 1024 * 1024, maxDepth = 100, bigints = false } = options;
  return { maxMessageBytes, maxDepth, bigints };
}

/** What may be sent along with a call. */
export interface RequestExtras {
  /** Milliseconds left until the caller's deadline; only `geerpc/json` sends it. */
  readonly timeoutMs?: number;
  /** Metadata for the handler; only `geerpc/json` sends it. */
  readonly meta?: Readonly<Record<string, string>>;
  /** The types of argument and reply, for gob: its values do not always show them. */
  readonly schema?: MethodSchema;
  /** Whether it is not sent before it is known if the server has our extensions. */
  readonly awaitsExtensions?: boolean;
  /** Which of its two directions come item by item, if any does: only with our extensions. */
  readonly stream?: StreamExtras;
}

/**
 * The argument has in it what only a peer with our extensions can read. It is refused to one that
 * has none; while that is not known yet, the call waits for it.
 */
export class NeedsExtensions extends RpcError {}

/** What a server tells of itself to a client that knows our extensions. */
export interface Extensions {
  /** Names the server's process among all, those before it at its address included. */
  readonly instance: string;
  /** How many calls run or wait there now. */
  readonly load: number;
}

/** The extras of a call that has none. */
export const NO_EXTRAS: RequestExtras = {};

/** An error as the answer to a call. */
export interface Failure {
  /** The kind of error. */
  readonly code: RpcCode;
  /** The text, as the caller is to see it. */
  readonly message: string;
  /** Whether the call did not run. */
  readonly rejected: boolean;
  /** Whether the server ends before the handler has: it has run in part, perhaps. */
  readonly interrupted?: boolean;
  /** After how many milliseconds there may be room for it, if the server knows. */
  readonly retryAfterMs?: number;
  /** What the handler has attached; sent only to one of our own ends. */
  readonly details?: unknown;
}

/** What may come with an error. */
export interface FailureExtras {
  /** After how many milliseconds there may be room for the call. */
  readonly retryAfterMs?: number;
  /** What the handler has attached. */
  readonly details?: unknown;
  /** Why there are no details, if they can't be decoded. */
  readonly cause?: unknown;
}

/** A call in flight, as its codec sees it. Exactly one of its three methods is called, once. */
export interface PendingReply {
  /** The method that was called. */
  readonly serviceMethod: string;
  /** The types of argument and reply, if the caller gave them. */
  readonly schema?: MethodSchema | undefined;
  /** Ends the call with its reply. */
  resolve(value: unknown): void;
  /** Fails the call with the server's error. */
  fail(
    code: RpcCode,
    message: string,
    execution: "answered" | "rejected" | "unknown",
    more?: FailureExtras,
  ): void;
  /** Fails the call because its reply has arrived and can't be decoded. */
  failDecode(code: RpcCode, what: string, cause?: unknown): void;
}

/** Where a client's codec delivers what it has read. */
export interface ReplySink {
  /**
   * Takes the call that a reply belongs to, once all of the reply has arrived.
   *
   * @returns `undefined` if the call is no longer in flight: the reply is dropped.
   */
  take(seq: number): PendingReply | undefined;
  /** Finds a call of which an item or a word about items has come; `undefined` drops it. */
  stream?(seq: number): ItemStream | undefined;
  /**
   * The server takes no new calls on this connection.
   *
   * @param why The reason. Default: the server has said so.
   */
  drain(why?: string): void;
  /**
   * Whether the server knows our extensions: the first thing that one says which does. Called once.
   *
   * @param server What it says; absent if it does not know them.
   */
  extended?(server?: Extensions): void;
  /** The server runs nothing more of this connection: a call without a reply has not run. */
  ended?(): void;
}

/** The client's half of a protocol, for one connection. */
export interface ClientCodec {
  /** Whether what a new codec has buffered is a handshake, for which the server waits. */
  readonly hasHandshake?: boolean;
  /** Whether the handshake asks the server for our extensions. */
  readonly asksForExtensions?: boolean;
  /**
   * Adds a call to the bytes that {@linkcode take} returns. What throws adds nothing.
   *
   * @throws {RpcError} `invalid_argument` for an argument that can't be encoded,
   * `resource_exhausted` for one over the limit.
   * @throws {NeedsExtensions} For an argument that can be encoded only with our extensions, until
   * the server has said that it knows them.
   */
  request(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void;
  /**
   * Adds that a call is cancelled. Absent where the protocol has no word for it.
   *
   * @param why What its handler is told. Default: nothing.
   */
  cancel?(seq: number, why?: string): void;
  /** What is said of streams. Absent where the protocol has none. */
  readonly items?: ClientItems;
  /**
   * Adds a ping: the server's reply to `seq` proves that it is alive. Absent where the protocol
   * has none that is safe.
   */
  ping?(seq: number): void;
  /** How many bytes {@linkcode take} would return. */
  readonly bufferedBytes: number;
  /**
   * Takes all that was added since the last time; at first the handshake.
   *
   * @returns The bytes, or, if they are many, the first of them. They are valid until the next call of
   * this method or of {@linkcode takeNext}.
   */
  take(): Uint8Array;
  /** Takes what is behind the bytes that were taken last, if there is more. */
  takeNext?(): Uint8Array | undefined;
  /**
   * Reads replies.
   *
   * @throws {RpcError} If the stream is broken, so that the connection can't go on.
   */
  receive(chunk: Uint8Array, sink: ReplySink): void;
  /**
   * The stream has ended.
   *
   * @throws {RpcError} `data_loss` if it ended in the middle of a reply.
   */
  end(): void;
}

/** Where a server's codec delivers what it has read. */
export interface RequestSink {
  /** The types of a method's argument and reply, if the server gave them. */
  schemaOf?(serviceMethod: string): MethodSchema | undefined;
  /** A call has arrived. */
  call(seq: number, serviceMethod: string, args: unknown, extras: RequestExtras): void;
  /**
   * A call has arrived whose argument can't be accepted: it is answered with an error, not run.
   * `isOfMethod`: that may depend on which methods there are, so the error may tell of it.
   */
  refuse(
    seq: number,
    serviceMethod: string,
    code: RpcCode,
    message: string,
    isOfMethod?: boolean,
  ): void;
  /**
   * The caller has cancelled a call.
   *
   * @param why What has made it do so, if it has said.
   */
  cancel(seq: number, why?: string): void;
  /** Finds a call of which an item or a word about items has come; `undefined` drops it. */
  stream?(seq: number): ItemStream | undefined;
  /** The codec has added an answer of its own, which is to be written. */
  answered(): void;
}

/** The server's half of a protocol, for one connection. */
export interface ServerCodec {
  /**
   * Adds that this server knows our extensions, as the client does: they may be used from here on.
   * Absent where the protocol has none.
   *
   * @param instance Names the server's process.
   * @param load How many calls run or wait there now.
   */
  extend?(instance: string, load: number): void;
  /**
   * Reads calls.
   *
   * @throws {RpcError} If the stream is broken, so that the connection can't go on.
   */
  receive(chunk: Uint8Array, sink: RequestSink): void;
  /**
   * Adds a reply to the bytes that {@linkcode take} returns. What throws adds nothing.
   *
   * @param schema The type of the reply, if the server gave it.
   * @throws {RpcError} `internal` for a reply that can't be encoded, `resource_exhausted` for one
   * over the limit.
   */
  reply(seq: number, serviceMethod: string, value: unknown, schema?: AnySchema): void;
  /** What is said of streams. Absent where the protocol has none. */
  readonly items?: ServerItems;
  /**
   * Adds an error as the reply. What throws adds nothing.
   *
   * @throws {RpcError} As {@linkcode reply}, for the error's details.
   */
  fail(seq: number, serviceMethod: string, failure: Failure): void;
  /** Adds that no new calls are taken. */
  drain(): void;
  /** Adds that nothing more is run, behind the replies to all that has run. */
  end(): void;
  /**
   * Adds why the connection is closed. Absent where the protocol has no word for it.
   *
   * @param hasRun Whether a call of the connection may have run. Default `true`.
   */
  giveUp?(message: string, code: RpcCode, hasRun?: boolean): void;
  /** Adds something that every client drops: it finds out whether the client is gone. */
  probe(): void;
  /** How many bytes {@linkcode take} would return. */
  readonly bufferedBytes: number;
  /**
   * Takes all that was added since the last time.
   *
   * @returns As {@linkcode ClientCodec.take}.
   */
  take(): Uint8Array;
  /** Takes what is behind the bytes that were taken last, if there is more. */
  takeNext?(): Uint8Array | undefined;
}
