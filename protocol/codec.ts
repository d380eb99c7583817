/**
 * This file is one contract: what a protocol has to do, to turn calls and replies into bytes and
 * back. A codec is one half of a protocol, for one connection; `protocols.ts` makes it by the protocol's name.
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
  /**
   * The call runs only if no more than so many run or wait at the server; to be sent only to one
   * that has our extensions.
   */
  readonly expect?: number;
  /** Whether its caller wants to learn what became of it, also if the connection is lost. */
  readonly certain?: boolean;
  /** Names the call, so that its answer is kept; only `geerpc/json` sends it, to a server of ours. */
  readonly id?: string;
  /** Which of its two directions come item by item, if any does: only with our extensions. */
  readonly stream?: StreamExtras;
}

/**
 * The argument has in it what only a peer with our extensions can read. It is refused to one that
 * has none; while that is not known yet, the call waits for it.
 */
export class NeedsExtensions extends RpcError {}

/**
 * More calls run or wait at a server than the caller expected, which takes its call elsewhere. It
 * did not run.
 */
export class UnexpectedQueue extends RpcError {}

/** Where a server's codec learns how much the server has to do, to tell its client. */
export interface LoadSource {
  /** How many calls run or wait now, on all connections, or what the server says in place of that. */
  current(): number;
}

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
  /** Whether it did not run because more calls run or wait here than its caller expected. */
  readonly isUnexpected?: boolean;
  /** What the handler has attached; sent only to one of our own ends. */
  readonly details?: unknown;
}

/** What may come with an error. */
export interface FailureExtras {
  /** After how many milliseconds there may be room for the call. */
  readonly retryAfterMs?: number;
  /** Whether more calls run or wait there than was expected. */
  readonly isUnexpected?: boolean;
  /** What the handler has attached. */
  readonly details?: unknown;
  /** Why there are no details, if they can't be decoded. */
  readonly cause?: unknown;
}

/** A call in flight, as its codec sees it. Exactly one of its methods is called, once. */
export interface PendingReply {
  /** The method that was called. */
  readonly serviceMethod: string;
  /** The types of argument and reply, if the caller gave them. */
  readonly schema?: MethodSchema | undefined;
  /** Ends the call with its reply. */
  resolve(value: unknown): void;
  /**
   * Fails the call with the server's error.
   *
   * @param execution `unknown` if the server itself knows nothing of the call.
   * @param more What comes with it.
   */
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
  /**
   * The server tells how many calls run or wait there, once the call is off that was last taken.
   * It is told before that call ends.
   */
  loaded?(load: number): void;
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
   * The last words of a connection, written past all that is buffered: which calls are cancelled, and
   * which answers are here. Absent where its end says as much.
   *
   * @returns The bytes; none if there is nothing to say.
   */
  lastWords?(cancelled: readonly number[]): Uint8Array;
  /**
   * Adds a ping: the server's reply to `seq` proves that it is alive. Absent where the protocol
   * has none that is safe.
   */
  ping?(seq: number): void;
  /** Adds a question for the answer to a call that was sent with this id. Absent where there are none. */
  recall?(seq: number, id: string): void;
  /**
   * The answer to the call with this id is here: the server is told with the next ping, or the next
   * call that has an id.
   *
   * @returns How many are to be told of.
   */
  acknowledge?(id: string): number;
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
  /** The client asks for the answer to a call with this id. */
  recall?(seq: number, id: string): void;
  /** The client has the answers to the calls with these ids. */
  acknowledged?(ids: readonly string[]): void;
}

/** The server's half of a protocol, for one connection. */
export interface ServerCodec {
  /**
   * Adds that this server knows our extensions, as the client does: they may be used from here on.
   * Absent where the protocol has none.
   *
   * @param instance Names the server's process.
   * @param load How many calls run or wait there: the client is told now, and with the replies
   * whenever that has changed.
   */
  extend?(instance: string, load: LoadSource): void;
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
  /** Adds a reply or an error that was encoded before; see `geerpc_json/answer_encoder.ts`. */
  answer?(seq: number, serviceMethod: string, answer: Uint8Array): void;
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
