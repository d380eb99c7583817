/**
 * Records the calls that a server's handlers run: a span whose parent is the
 * caller's attempt, and metrics.
 *
 * @module
 */

import { type Attributes, type Context, type Span, SpanKind, trace } from "@opentelemetry/api";
import { type RpcCode, RpcError } from "../errors.ts";
import type { Next, ServerCall } from "../connection/interceptor.ts";
import { failSpan, methodAttributes } from "./attributes.ts";
import { settled } from "./client.ts";
import type { Instruments } from "./instruments.ts";
import { ATTRIBUTE } from "./names.ts";
import type { Recorder } from "./recorder.ts";
import { ItemCounts } from "./streams.ts";

/**
 * The codes that are the server's own failures, as the conventions have it for gRPC. With any other
 * one the server has done its work, and the caller has made the mistake.
 */
const SERVER_ERRORS: readonly RpcCode[] = [
  "unknown",
  "deadline_exceeded",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
];

/** The hook around a server's calls. */
export class ServerTelemetry {
  readonly #recorder: Recorder;

  /** @param recorder Options and instruments. */
  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  /** Around a handler. */
  handle(call: ServerCall, next: Next<ServerCall>): unknown {
    const instruments = this.#recorder.instrumentsFor(call.serviceMethod);
    if (instruments === undefined) return next(call);
    const recorded = new RecordedHandler(this.#recorder, instruments, call);
    call.args = recorded.items.args(call.args, recorded.context, false);
    return settled(recorded, recorded.context, call, next);
  }
}

/** A call at the server that is recorded. */
class RecordedHandler {
  /** What is active while the handler runs. */
  readonly context: Context;
  /** What went through its streams, if it has any. */
  readonly items = new ItemCounts();
  readonly #recorder: Recorder;
  readonly #instruments: Instruments;
  readonly #serviceMethod: string;
  readonly #attributes: Attributes;
  readonly #span: Span | undefined;
  readonly #beganAtMs: number;

  constructor(recorder: Recorder, instruments: Instruments, call: ServerCall) {
    const { tracer, meters } = instruments;
    const { serviceMethod } = call;
    this.#recorder = recorder;
    this.#instruments = instruments;
    this.#serviceMethod = serviceMethod;
    this.#attributes = methodAttributes(serviceMethod, recorder.metricAttributes(call));
    const parent = recorder.extract(call.context.meta);
    if (tracer === undefined) {
      this.context = parent;
    } else {
      const { peer } = recorder.places.of(call.context.remote);
      const attributes = methodAttributes(serviceMethod, {
        ...peer,
        ...recorder.spanAttributes(call),
      });
      const options = { kind: SpanKind.SERVER, attributes };
      this.#span = tracer.startSpan(recorder.nameOf(call), options, parent);
      this.context = trace.setSpan(parent, this.#span);
    }
    meters?.serverInFlight.add(serviceMethod, 1);
    this.#beganAtMs = recorder.clock.now();
  }

  opened(stream: AsyncIterable<unknown>): AsyncIterable<unknown> {
    return this.items.answer(stream, this.context, true, this);
  }

  /** Its caller has left the stream: the server has done what was wanted of it. */
  stop(): void {
    const outcome = { [ATTRIBUTE.status]: "canceled" };
    this.#end(outcome);
    this.#span?.setAttributes(outcome).end();
  }

  succeed(): void {
    this.#end({});
    this.#span?.end();
  }

  fail(error: unknown): void {
    const span = this.#span;
    if (error instanceof RpcError && !SERVER_ERRORS.includes(error.code)) {
      const outcome = { [ATTRIBUTE.status]: error.code };
      this.#end(outcome);
      span?.setAttributes(outcome).end();
      return;
    }
    // The caller gets the code `unknown` for what is no `RpcError`.
    const code = error instanceof RpcError ? error.code : "unknown";
    const outcome = { [ATTRIBUTE.status]: code, [ATTRIBUTE.errorType]: code };
    this.#end(outcome);
    if (span === undefined) return;
    // Nobody else sees where an error came from that the handler did not mean to throw.
    if (error instanceof Error && !(error instanceof RpcError)) span.recordException(error);
    failSpan(span, error, outcome);
  }

  #end(outcome: Attributes): void {
    const { meters } = this.#instruments;
    if (meters === undefined) return;
    const seconds = this.#recorder.secondsSince(this.#beganAtMs);
    meters.serverDuration.record(seconds, { ...this.#attributes, ...outcome }, this.context);
    meters.serverInFlight.add(this.#serviceMethod, -1);
    this.items.record(meters.serverItems, this.#attributes, this.context);
  }
}
