/**
 * One attempt of a stream at one endpoint. To its call it has succeeded when
 * the first item has come; at the endpoint it is in flight until the stream ends.
 *
 * @module
 */

import type { ClientConnection } from "../../connection/client_connection.ts";
import type { ItemSource, OutgoingStream, StreamSink } from "../../connection/streams/stream.ts";
import { RpcError } from "../../errors.ts";
import type { Abortable } from "../../internal/abort.ts";
import type { StreamExtras } from "../../protocol/streams.ts";
import { type AttemptOwner, CallAttempt } from "../attempt.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Outcome } from "../load.ts";

/** One attempt of a stream. */
export class StreamAttempt extends CallAttempt implements StreamSink {
  readonly #extras: StreamExtras;
  readonly #sink: StreamSink;
  #stream: OutgoingStream | undefined;
  /** Whether the stream goes on, behind its first item. */
  #isOpen = false;

  /**
   * @param call The call that it is made for.
   * @param endpoint Where.
   * @param why Why there, for the error message.
   * @param extras How the stream begins.
   * @param sink Where its items go, and what comes of it behind the first.
   */
  constructor(
    call: AttemptOwner,
    endpoint: Endpoint,
    why: string,
    extras: StreamExtras,
    sink: StreamSink,
  ) {
    super(call, endpoint, why);
    this.#extras = extras;
    this.#sink = sink;
  }

  override resolve(): void {
    if (this.finish("success")) this.call.attemptChanged(this, "opened", this.#sink);
  }

  item(value: unknown, bytes: number, from: ItemSource): void {
    if (!this.isOver) this.resolve();
    if (this.#isOpen) this.#sink.item(value, bytes, from);
  }

  /** The last item has come. */
  end(): void {
    if (!this.isOver) this.resolve();
    if (this.#over("success")) this.#sink.end();
  }

  fail(error: unknown, atOnce?: boolean): void {
    if (!this.isOver) return this.reject(error);
    if (this.#over(this.outcomeOf(error))) this.#sink.fail(error, atOnce);
  }

  /** Also behind its first item, if what was read of it has come to nothing. */
  override giveUp(outcome: Outcome, error?: unknown): void {
    if (!this.isOver) super.giveUp(outcome, error);
    else if (error !== undefined) this.cancel(outcome);
  }

  /**
   * Nobody reads on behind the first item. Does nothing if the stream has ended.
   *
   * @param outcome What that says of the endpoint.
   */
  cancel(outcome: Outcome): void {
    if (this.#over(outcome)) this.#stream!.cancel();
  }

  protected override begun(nowMs: number): void {
    this.endpoint.beginStream(this, nowMs);
  }

  protected override ended(nowMs: number, outcome: Outcome): void {
    if (outcome === "success" && this.error === undefined) {
      this.#isOpen = true;
      return this.endpoint.streamOpened(this, nowMs);
    }
    if (this.phase === "call") this.endpoint.endStream(this, nowMs, outcome);
    else super.ended(nowMs, outcome);
  }

  protected override transmit(client: ClientConnection): Abortable | undefined {
    const { call } = this;
    const extras = { ...call.requestExtras(), stream: this.#extras };
    const stream = client.openStream(call.serviceMethod, call.args, extras, this);
    this.#stream = stream;
    return stream && { abort: () => stream.cancel() };
  }

  protected override outcomeOf(error: unknown): Outcome {
    return wasInterrupted(this.client, error) ? "given_up" : super.outcomeOf(error);
  }

  /** The stream has ended, behind its first item. */
  #over(outcome: Outcome): boolean {
    if (!this.#isOpen) return false;
    this.#isOpen = false;
    this.endpoint.endStream(this, this.call.context.turnClock.now(), outcome);
    return true;
  }
}

/**
 * Whether a stream was ended by a server that drains.
 *
 * @param client The connection that it was opened on.
 * @param error What it has failed with.
 */
export function wasInterrupted(client: ClientConnection | undefined, error: unknown): boolean {
  return client?.isDrained === true && error instanceof RpcError && error.code === "unavailable";
}
