/**
 * Records the calls of a client: a span over all attempts of a call, one for
 * each attempt, and their metrics.
 *
 * @module
 */

import {
  type Attributes,
  type Context,
  context,
  type Link,
  type Span,
  SpanKind,
  trace,
} from "@opentelemetry/api";
import { RpcError } from "../errors.ts";
import type { ClientAttempt, ClientCall, Next } from "../connection/interceptor.ts";
import { isAsyncIterable } from "../connection/streams/stream.ts";
import { errorAttributes, failSpan, methodAttributes } from "./attributes.ts";
import type { Instruments } from "./instruments.ts";
import { ATTRIBUTE } from "./names.ts";
import type { Recorder } from "./recorder.ts";
import { ItemCounts, type StreamEnd } from "./streams.ts";

/** How what nobody waits for any more ends, which is no error. */
const CANCELED: Attributes = { [ATTRIBUTE.status]: "canceled" };
/** Why an attempt is made while another one is still in flight. */
const HEDGES = ["hedge", "stalled"];

/** The hooks around a client's calls and their attempts. */
export class ClientTelemetry {
  readonly #recorder: Recorder;
  /** The calls that are recorded, for their attempts: which may begin in any context. */
  readonly #calls = new WeakMap<ClientCall, RecordedCall>();
  /** Whether there may be any of them. */
  #isUsed = false;

  /** @param recorder Options and instruments. */
  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  /** Around a call, over all of its attempts. */
  call(call: ClientCall, next: Next<ClientCall>): unknown {
    const instruments = this.#recorder.instrumentsFor(call.serviceMethod);
    if (instruments === undefined) return next(call);
    this.#isUsed = true;
    // Taken out at its end: a WeakMap with many entries costs the garbage collector much.
    const recorded = new RecordedCall(this.#recorder, instruments, call, () => {
      if (this.#calls.get(call) === recorded) this.#calls.delete(call);
    });
    this.#calls.set(call, recorded);
    call.args = recorded.items.args(call.args, recorded.context, true);
    return settled(recorded, recorded.context, call, next);
  }

  /** Around one attempt. */
  attempt(attempt: ClientAttempt, next: Next<ClientAttempt>): unknown {
    const call = this.#isUsed ? this.#calls.get(attempt.call) : undefined;
    if (call === undefined) return next(attempt);
    const recorded = call.begin(attempt);
    return settled(recorded, recorded.context, attempt, next);
  }
}

/** Something that ends with a reply or an error, or with the stream that is the reply. */
interface Recorded extends StreamEnd {
  /** A stream has been opened; what it returns is read in its place. */
  opened(stream: AsyncIterable<unknown>): AsyncIterable<unknown>;
}

/** Goes on in a context, and says how that has ended. */
export function settled<C>(
  recorded: Recorded,
  within: Context,
  call: C,
  next: Next<C>,
): Promise<unknown> {
  return context.with(within, next, undefined, call).then((reply) => {
    if (isAsyncIterable(reply)) return recorded.opened(reply);
    recorded.succeed();
    return reply;
  }, (error) => {
    recorded.fail(error);
    throw error;
  });
}

/** A call of a client that is recorded. */
class RecordedCall implements Recorded {
  /** What is active while the call is made. */
  readonly context: Context;
  readonly recorder: Recorder;
  readonly instruments: Instruments;
  /** The attributes of its metrics. */
  readonly attributes: Attributes;
  /** The attributes of its attempts' spans. */
  readonly spanAttributes: Attributes;
  /** What went through its streams, if it has any. */
  readonly items = new ItemCounts();
  readonly #serviceMethod: string;
  readonly #name: string;
  readonly #span: Span | undefined;
  readonly #beganAtMs: number;
  /** Those that have not ended, mostly none or one. */
  readonly #inFlight = new Set<RecordedAttempt>();
  #last: RecordedAttempt | undefined;
  #isAnswered = false;

  /**
   * @param recorder Options and instruments.
   * @param instruments What it is recorded with.
   * @param call The call.
   * @param ended Called at its end.
   */
  constructor(
    recorder: Recorder,
    instruments: Instruments,
    call: ClientCall,
    readonly ended: () => void,
  ) {
    const { tracer, meters } = instruments;
    this.recorder = recorder;
    this.instruments = instruments;
    this.#serviceMethod = call.serviceMethod;
    this.attributes = methodAttributes(call.serviceMethod, recorder.metricAttributes(call));
    this.spanAttributes = methodAttributes(call.serviceMethod, recorder.spanAttributes(call));
    this.#name = recorder.nameOf(call);
    const parent = recorder.parentOf(call.meta);
    if (tracer === undefined) {
      this.context = parent;
    } else {
      const options = { kind: SpanKind.CLIENT, attributes: this.spanAttributes };
      this.#span = tracer.startSpan(this.#name, options, parent);
      this.context = trace.setSpan(parent, this.#span);
    }
    meters?.clientInFlight.add(call.serviceMethod, 1);
    this.#beganAtMs = recorder.clock.now();
  }

  begin(attempt: ClientAttempt): RecordedAttempt {
    const { number, why } = attempt;
    const { meters } = this.instruments;
    const isHedge = HEDGES.includes(why);
    if (number > 1) {
      const attributes = { ...this.attributes, [ATTRIBUTE.attemptReason]: why };
      (isHedge ? meters?.hedges : meters?.retries)?.add(1, attributes, this.context);
    }
    const links = isHedge
      ? Array.from(this.#inFlight, ({ span }) => span).filter((span) => span !== undefined)
        .map((span): Link => ({ context: span.spanContext() }))
      : [];
    const recorded = new RecordedAttempt(this, `${this.#name} attempt`, attempt, links);
    this.#inFlight.add(recorded);
    this.#last = recorded;
    return recorded;
  }

  opened(stream: AsyncIterable<unknown>): AsyncIterable<unknown> {
    return this.items.answer(stream, this.context, false, this);
  }

  /** Whether an attempt has brought a reply, or an item: others that end now were given up for it. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** An attempt has brought a reply, or the first item of a stream. */
  answered(): void {
    this.#isAnswered = true;
  }

  /** Takes an attempt that has ended. */
  attemptEnded(attempt: RecordedAttempt): void {
    this.#inFlight.delete(attempt);
  }

  succeed(): void {
    for (const attempt of this.#inFlight) attempt.giveUp();
    this.#end({});
    this.#span?.end();
  }

  fail(error: unknown): void {
    for (const attempt of this.#inFlight) attempt.fail(error);
    const attributes = errorAttributes(error);
    this.#end(attributes);
    if (this.#span !== undefined) failSpan(this.#span, error, attributes);
  }

  stop(): void {
    for (const attempt of this.#inFlight) attempt.giveUp();
    this.#end(CANCELED);
    this.#span?.setAttributes(CANCELED).end();
  }

  #end(outcome: Attributes): void {
    this.ended();
    const { meters } = this.instruments;
    if (meters !== undefined) {
      const seconds = this.recorder.secondsSince(this.#beganAtMs);
      meters.clientDuration.record(seconds, { ...this.attributes, ...outcome }, this.context);
      meters.clientInFlight.add(this.#serviceMethod, -1);
      this.items.record(meters.clientItems, this.attributes, this.context);
    }
    if (this.#last === undefined || !this.#span?.isRecording()) return;
    this.#span.setAttributes(this.#last.place.peer);
    this.#span.setAttribute(ATTRIBUTE.attempts, this.#last.number);
  }
}

/** An attempt of a call that is recorded. */
class RecordedAttempt implements Recorded {
  readonly context: Context;
  readonly span: Span | undefined;
  readonly number: number;
  readonly place: ReturnType<Recorder["places"]["of"]>;
  readonly #call: RecordedCall;
  readonly #attempt: ClientAttempt;
  readonly #beganAtMs: number;
  readonly #items = new ItemCounts();
  #isOver = false;

  constructor(call: RecordedCall, name: string, attempt: ClientAttempt, links: Link[]) {
    const { recorder, instruments: { tracer } } = call;
    this.#call = call;
    this.#attempt = attempt;
    this.number = attempt.number;
    this.place = recorder.places.of(attempt.address);
    if (tracer === undefined) {
      this.context = call.context;
    } else {
      const attributes = {
        ...call.spanAttributes,
        ...this.place.server,
        ...this.place.peer,
        [ATTRIBUTE.attemptNumber]: attempt.number,
        [ATTRIBUTE.attemptReason]: attempt.why,
      };
      const options = { kind: SpanKind.CLIENT, attributes, links };
      this.span = tracer.startSpan(name, options, call.context);
      this.context = trace.setSpan(call.context, this.span);
    }
    recorder.inject(this.context, attempt.meta);
    this.#beganAtMs = recorder.clock.now();
  }

  opened(stream: AsyncIterable<unknown>): AsyncIterable<unknown> {
    this.#call.answered();
    return this.#items.answer(stream, this.context, false, this);
  }

  succeed(): void {
    this.#call.answered();
    if (this.#end({})) this.span?.end();
  }

  stop(): void {
    this.giveUp();
  }

  fail(error: unknown): void {
    if (this.#call.isAnswered && error instanceof RpcError && error.code === "canceled") {
      return this.giveUp();
    }
    const outcome = errorAttributes(error);
    if (this.#end(outcome) && this.span !== undefined) failSpan(this.span, error, outcome);
  }

  /** Ends it without a reply: the call has one. That is no error. */
  giveUp(): void {
    if (this.#end(CANCELED)) this.span?.setAttributes(CANCELED).end();
  }

  #end(outcome: Attributes): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#call.attemptEnded(this);
    const { recorder, attributes, instruments: { meters } } = this.#call;
    const { why, recalls = 0 } = this.#attempt;
    if (recalls > 0) this.span?.setAttribute(ATTRIBUTE.attemptRecalls, recalls);
    meters?.attemptDuration.record(recorder.secondsSince(this.#beganAtMs), {
      ...attributes,
      ...this.place.server,
      [ATTRIBUTE.attemptReason]: why,
      ...outcome,
    }, this.context);
    return true;
  }
}
