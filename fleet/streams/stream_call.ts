/**
 * The call that opens a stream: it ends when the first item has come, from
 * whichever of its attempts.
 *
 * @module
 */

import type { InterceptedCall } from "../../connection/intercepted_call.ts";
import type { Settler } from "../../connection/pending_calls.ts";
import { ItemReader } from "../../connection/streams/item_reader.ts";
import type { StreamSink } from "../../connection/streams/stream.ts";
import type { StreamExtras } from "../../protocol/streams.ts";
import type { AttemptEvent, AttemptOwner, FleetAttempt } from "../attempt.ts";
import { FleetCall, type FleetCallContext } from "../call.ts";
import type { Endpoint } from "../endpoint.ts";
import { InterceptedFleetAttempt } from "../intercepted_attempt.ts";
import type { Outcome } from "../load.ts";
import type { FleetStreamOptions, StreamBegin } from "./options.ts";
import { StreamAttempt, wasInterrupted } from "./stream_attempt.ts";

/** What a stream is opened for. */
export interface StreamOrigin extends StreamSink, Settler {
  /** Since when its time counts, on the clock's scale. */
  readonly startedAtMs: number;
  /** How it begins on a connection. */
  readonly extras: StreamExtras;
}

/** An attempt that has opened a stream. */
export interface OpenedAttempt extends FleetAttempt {
  /**
   * Nobody reads on. Does nothing if the stream has ended.
   *
   * @param outcome What that says of the endpoint.
   */
  cancel(outcome: Outcome): void;
}

/** Opens a stream, through as many attempts as it needs and is allowed. */
export class StreamCall extends FleetCall {
  readonly #origin: StreamOrigin;
  readonly #intercepted: InterceptedCall | undefined;
  #opener: OpenedAttempt | undefined;

  /**
   * @param context What all calls of the `XClient` share.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options The stream's. The signal is the stream's to follow.
   * @param origin The stream.
   * @param place Where it may be opened.
   */
  constructor(
    context: FleetCallContext,
    serviceMethod: string,
    args: unknown,
    options: FleetStreamOptions<never>,
    origin: StreamOrigin,
    { only, intercepted }: Pick<StreamBegin<unknown>, "only" | "intercepted">,
  ) {
    super(context, serviceMethod, args, { ...options, signal: undefined }, origin, only);
    this.#origin = origin;
    this.#intercepted = intercepted;
  }

  /** The attempt that has opened it. */
  get opener(): OpenedAttempt | undefined {
    return this.#opener;
  }

  override attemptChanged(attempt: FleetAttempt, event: AttemptEvent, detail?: unknown): void {
    if (event === "opened" || event === "intercepted") this.#opener = attempt as OpenedAttempt;
    super.attemptChanged(attempt, event, detail);
  }

  protected override get sinceMs(): number {
    return this.#origin.startedAtMs;
  }

  protected override attemptAt(endpoint: Endpoint, why: string): FleetAttempt {
    const { extras } = this.#origin;
    return this.#intercepted === undefined
      ? new StreamAttempt(this, endpoint, why, extras, this.#origin)
      : new InterceptedStreamAttempt(this, this.#intercepted, endpoint, why, extras);
  }
}

/** An attempt of a stream that interceptors stand around: they get what is read at the endpoint. */
class InterceptedStreamAttempt extends InterceptedFleetAttempt implements OpenedAttempt {
  readonly #extras: StreamExtras;
  readonly #streams: StreamAttempt[] = [];

  constructor(
    owner: AttemptOwner,
    call: InterceptedCall,
    endpoint: Endpoint,
    why: string,
    extras: StreamExtras,
  ) {
    super(owner, call, endpoint, why);
    this.#extras = extras;
  }

  /** Not the call's: a stream that goes on has another one. */
  override get args(): unknown {
    return this.owner.args;
  }

  /** What it has opened ends with it, also where another attempt has won. */
  override giveUp(outcome: Outcome, error?: unknown): void {
    const wasOver = this.isOver;
    super.giveUp(outcome, error);
    if (!wasOver) this.cancel(outcome);
  }

  cancel(outcome: Outcome): void {
    for (const stream of this.#streams) stream.cancel(outcome);
  }

  protected override attempt(): StreamAttempt {
    const reader = new ItemReader<unknown>({ cancel: () => stream.cancel("given_up") });
    const stream = new StreamAttempt(this, this.endpoint, this.why, this.#extras, reader);
    this.#streams.push(stream);
    return stream;
  }
}

/** An attempt that was answered in part, as the one that goes on behind it sees it. */
export class BrokenAttempt implements FleetAttempt {
  readonly endpoint: Endpoint;
  readonly why: string;
  readonly phase = "call";
  readonly client: FleetAttempt["client"];
  readonly isOver = true;
  readonly hadNoConnection = false;
  readonly recalls = 0;
  readonly startedAtMs: number;
  readonly tookMs: number;

  /**
   * @param attempt The attempt.
   * @param error What it has failed with.
   * @param nowMs The present time.
   */
  constructor(
    { endpoint, why, client, startedAtMs }: FleetAttempt,
    readonly error: unknown,
    nowMs: number,
  ) {
    this.endpoint = endpoint;
    this.why = why;
    this.client = client;
    this.startedAtMs = startedAtMs;
    this.tookMs = nowMs - startedAtMs;
  }

  get wasDrained(): boolean {
    return wasInterrupted(this.client, this.error);
  }

  get endedAtMs(): number {
    return this.startedAtMs + this.tookMs;
  }

  start(): void {}

  watchDial(): void {}

  giveUp(): void {}
}
