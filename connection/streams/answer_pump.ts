/**
 * The items that a handler yields, on their way to the caller.
 *
 * @module
 */

import { codeOf, type ErrorDetails, errorText, RpcError } from "../../errors.ts";
import { badItem } from "../bad_reply.ts";
import type { Replies } from "../replies.ts";
import type { RunningCall } from "../running_call.ts";
import type { ItemPumpOwner } from "./item_pump.ts";
import type { ServerStreams } from "./server_streams.ts";

/** What a stream that has sent its last item has settled with. */
export const STREAM_ENDED: unique symbol = Symbol("stream ended");

/** What learns how a handler's stream has ended. */
export interface AnswerPumpOwner {
  /** It has, with {@linkcode STREAM_ENDED} or an error. */
  streamEnded(call: RunningCall, isFulfilled: boolean, result: unknown): void;
}

/** Sends what a handler yields as the items of one call. */
export class AnswerPump implements ItemPumpOwner {
  readonly #call: RunningCall;
  readonly #streams: ServerStreams;
  readonly #replies: Replies;
  readonly #owner: AnswerPumpOwner;
  #sent = 0;

  /**
   * @param call The call.
   * @param streams Those of its connection.
   * @param replies Knows whether there is room for more.
   * @param owner Learns of the end.
   */
  constructor(
    call: RunningCall,
    streams: ServerStreams,
    replies: Replies,
    owner: AnswerPumpOwner,
  ) {
    this.#call = call;
    this.#streams = streams;
    this.#replies = replies;
    this.#owner = owner;
  }

  get isFull(): boolean {
    const { isFull } = this.#replies;
    if (isFull) this.#streams.waitForRoom();
    return isFull;
  }

  send(value: unknown, mostBytes: number): number {
    let bytes: number;
    try {
      bytes = this.#streams.send(this.#call.seq, value, mostBytes);
    } catch (error) {
      const code = codeOf(error) === "resource_exhausted" ? "resource_exhausted" : "internal";
      const message = `rpc server: item ${this.#sent} is refused: ${errorText(error)}`;
      throw badItem(code, message, error);
    }
    if (bytes > 0) this.#sent++;
    return bytes;
  }

  ended(): void {
    this.#owner.streamEnded(this.#call, true, STREAM_ENDED);
  }

  failed(error: unknown): void {
    // Who has sent items can't say any more that the call has done nothing.
    const isLate = this.#sent > 0 && this.#call.hasRejectedWith(error);
    const result = isLate ? new RpcError(error.code, error.message, answered(error)) : error;
    this.#owner.streamEnded(this.#call, false, result);
  }

  left(error?: unknown): void {
    if (error === undefined) this.ended();
    else this.failed(error);
  }
}

function answered(error: RpcError): ErrorDetails {
  const { details, retryAfterMs } = error;
  return { details, retryAfterMs, cause: error, execution: "answered" };
}

/** What a handler is told whose caller has given it up. */
export function givenUp(serviceMethod: string, why?: string): RpcError {
  const because = why === undefined ? "" : `: ${why}`;
  return new RpcError("canceled", `the caller gave ${serviceMethod} up${because}`);
}

/** The error of a call that was not opened as a stream, and whose method returns one. */
export function notAskedFor(serviceMethod: string): RpcError {
  return new RpcError(
    "failed_precondition",
    `rpc server: ${serviceMethod} answers with a stream: call it by stream(), on geerpc/json and ` +
      "with a client of this library",
  );
}
