/**
 * The options of the streams of an `XClient`, and their checks.
 *
 * @module
 */

import type { InterceptedCall } from "../../connection/intercepted_call.ts";
import {
  checkStreamValues,
  OWN_STREAM_OPTIONS,
  STREAM_OPTIONS,
} from "../../connection/streams/options.ts";
import { checkCallNames, checkCallValues, NO_OPTIONS } from "../../internal/call_options.ts";
import { callback, flag } from "../../internal/options.ts";
import type { StreamIterator, StreamOptions } from "../../internal/service.ts";
import type { FleetCallContext } from "../call.ts";
import type { Endpoint } from "../endpoint.ts";
import {
  checkFleetCallValues,
  FLEET_CALL_OPTIONS,
  type FleetCallOptions,
} from "../call_options.ts";

/**
 * What a caller may give along with one stream of an `XClient`.
 *
 * @typeParam T The type of its items.
 */
export interface FleetStreamOptions<T = unknown> extends FleetCallOptions, StreamOptions {
  /**
   * Lets the stream go on at another server when the one that it reads is lost or drains: returns the
   * argument with which the method begins behind the last item that has come. A stream that has it
   * may be begun again, as an idempotent call may; while no item has come, its own argument is sent
   * again. Each time counts as a further attempt: for `maxAttempts` since the last item, and for the
   * retry budget. Default: a stream that has given an item fails with its server.
   *
   * @param last The last item that has come.
   */
  resume?: (last: T) => unknown;
}

/**
 * What a caller may give along with a stream of all servers.
 *
 * @typeParam T The type of the items.
 *
 * @example Every server's items, and which servers have failed
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Server, XClient } from "@geerpc/xclient";
 *
 * await using server = new Server();
 * server.register("Logs", {
 *   async *Tail({ last }: { last: number }) {
 *     for (let line = 10 - last; line < 10; line++) yield `line ${line}`;
 *   },
 * });
 * const { address } = await server.listen("tcp@127.0.0.1:0");
 *
 * await using xclient = new XClient([address, "tcp@127.0.0.1:1"]); // nobody listens at the second
 * const lines: string[] = [];
 * const failed: string[] = [];
 * const all = xclient.streamAll<string>("Logs.Tail", { last: 2 }, {
 *   onError: (_error, address) => failed.push(address),
 * });
 * for await (const { address, value } of all) lines.push(`${address} ${value}`);
 * assertEquals(lines, [`${address} line 8`, `${address} line 9`]);
 * assertEquals(failed, ["tcp@127.0.0.1:1"]);
 * ```
 */
export interface StreamAllOptions<T = unknown> extends StreamOptions {
  /** How long the stream may take as a whole, in milliseconds. Default: for ever. */
  timeoutMs?: number;
  /**
   * How long to wait for the next item of each server at most, in milliseconds: a server that takes
   * longer has failed. Default: for ever.
   */
  itemTimeoutMs?: number;
  /**
   * Whether the list of servers is followed: one that joins is read too, and one that fails is
   * asked again, after a backoff, as long as it is listed. One that leaves the list is read until its
   * stream ends. Such a stream ends when its reader leaves it, by signal or deadline, or with the
   * client. Default `false`: the servers that are listed when it begins, each once.
   */
  follow?: boolean;
  /**
   * For `follow`: returns the argument with which a server that failed is asked again. Default: the
   * argument that it had first.
   *
   * @param last The last item of that server.
   * @param address The server.
   */
  resume?: (last: T, address: string) => unknown;
  /**
   * Called when a server fails, in place of an item that says so. What it throws ends the stream,
   * which fails with that. Default: there is an item `{ address, error }`.
   *
   * @param error Why.
   * @param address The server.
   */
  onError?: (error: unknown, address: string) => void;
}

/**
 * An item of a stream of all servers: what one of them has given, or why it has failed.
 *
 * @typeParam T The type of the items.
 */
export type StreamAllItem<T> = ServerItem<T> | {
  /** The server. */
  readonly address: string;
  /** Absent. */
  readonly value?: undefined;
  /** Why it gives no more. */
  readonly error: unknown;
};

/**
 * What one of all servers has given.
 *
 * @typeParam T The type of the items.
 */
export interface ServerItem<T> {
  /** The server. */
  readonly address: string;
  /** The item. */
  readonly value: T;
  /** Absent. */
  readonly error?: undefined;
}

/** What a stream of an `XClient` is begun with. */
export interface StreamBegin<Options> {
  /** What all calls of the `XClient` share. */
  readonly context: FleetCallContext;
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** Its argument. */
  readonly args: unknown;
  /** Its options, checked, with the defaults filled in. */
  readonly options: Options;
  /** The endpoint that it is for, in a stream of all of them. */
  readonly only?: Endpoint;
  /** The call as interceptors see it, if there are some. */
  readonly intercepted?: InterceptedCall;
}

/** What reads a stream of an `XClient`. */
export interface StreamClass<Options, T> {
  /** Whether it reads all servers: then each of them has the time for its next item. */
  readonly isOfAll: boolean;
  new (begin: StreamBegin<Options>): {
    /** What the caller reads. */
    readonly reader: StreamIterator<T>;
  };
}

/**
 * Checks the options of a stream.
 *
 * @param options What the caller gave.
 * @throws {RpcError} `invalid_argument` for an unknown fail mode.
 * @throws {TypeError} If one does not exist, or is of the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function checkFleetStreamOptions(options: FleetStreamOptions<never>): void {
  if (options === NO_OPTIONS) return;
  const { itemTimeoutMs: _, windowBytes: _b, windowItems: _i, resume, ...ofCalls } = options;
  checkCallNames(ofCalls, [...FLEET_CALL_OPTIONS, ...OWN_STREAM_OPTIONS, "resume"]);
  checkFleetCallValues(options);
  checkStreamValues(options);
  if (resume !== undefined) callback("resume", resume);
}

/**
 * The options of a stream that says how it goes on: it may be begun again, unless it says otherwise.
 *
 * @param options What the caller gave, checked.
 */
export function withRepeats<T>(options: FleetStreamOptions<T>): FleetStreamOptions<T> {
  const { resume, idempotent } = options;
  return resume === undefined || idempotent !== undefined
    ? options
    : { ...options, idempotent: true };
}

/**
 * Checks the options of a stream of all servers.
 *
 * @param options What the caller gave.
 * @throws {TypeError} If one does not exist, or is of the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function checkStreamAllOptions(options: StreamAllOptions<never>): void {
  if (options === NO_OPTIONS) return;
  const { itemTimeoutMs: _, windowBytes: _b, windowItems: _i, ...others } = options;
  const { follow, resume, onError, ...ofCalls } = others;
  checkCallNames(ofCalls, [...STREAM_OPTIONS, "follow", "resume", "onError"]);
  checkCallValues(options);
  checkStreamValues(options);
  if (follow !== undefined) flag("follow", follow);
  if (resume !== undefined) callback("resume", resume);
  if (onError !== undefined) callback("onError", onError);
}
