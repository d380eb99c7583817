/** OpenTelemetry's own SDK, which keeps in memory what is recorded, for tests and the benchmark. */

// deno-lint-ignore-file no-import-prefix -- in deno.json all users would load them
import {
  type Context,
  context,
  metrics,
  propagation,
  type SpanContext,
  SpanKind,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "npm:@opentelemetry/context-async-hooks@2.12.0";
import {
  CompositePropagator,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from "npm:@opentelemetry/core@2.12.1";
import {
  AggregationTemporality,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "npm:@opentelemetry/sdk-metrics@2.12.1";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "npm:@opentelemetry/sdk-trace-base@2.12.1";

export { context, propagation, SpanKind, trace };
export type { Context, ReadableSpan, SpanContext };

/** One series of a metric: its attributes, and its sum or its histogram's values. */
export interface MetricPoint {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: number;
  /** How often a histogram has got a value; absent for a sum. */
  readonly count?: number;
  /** A histogram's bounds. */
  readonly bounds?: readonly number[];
}

/** A tracer, meters and a propagator that keep what they are given. */
export class Sdk implements AsyncDisposable {
  readonly #spans = new InMemorySpanExporter();
  readonly #exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly #reader = new PeriodicExportingMetricReader({
    exporter: this.#exporter,
    exportIntervalMillis: 2 ** 31 - 1,
  });
  readonly tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(this.#spans)],
  });
  readonly meterProvider = new MeterProvider({ readers: [this.#reader] });
  readonly propagator = new CompositePropagator({
    propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
  });

  /** The options that use it. */
  get options() {
    const { tracerProvider, meterProvider, propagator } = this;
    return { tracerProvider, meterProvider, propagator };
  }

  /** Registers it for the whole program, until it is disposed of. */
  register(): void {
    trace.setGlobalTracerProvider(this.tracerProvider);
    metrics.setGlobalMeterProvider(this.meterProvider);
    propagation.setGlobalPropagator(this.propagator);
    this.follow();
  }

  /** Lets the active context follow promises and timers. */
  follow(): void {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  }

  /** The spans that have ended, in this order. */
  get spans(): ReadableSpan[] {
    return this.#spans.getFinishedSpans();
  }

  /** The spans of a name and kind. */
  named(name: string, kind?: SpanKind): ReadableSpan[] {
    return this.spans.filter((span) =>
      span.name === name && (kind === undefined || span.kind === kind)
    );
  }

  /** The series of a metric. */
  async metric(name: string): Promise<MetricPoint[]> {
    await this.#reader.forceFlush();
    const [last] = this.#exporter.getMetrics().slice(-1);
    const found = last?.scopeMetrics.flatMap(({ metrics }) => metrics)
      .find(({ descriptor }) => descriptor.name === name);
    return (found?.dataPoints ?? []).map(({ attributes, value }) => {
      if (typeof value === "number") return { attributes, value };
      const { sum, count, buckets } = value as Histogram;
      return { attributes, value: sum ?? NaN, count, bounds: buckets.boundaries };
    });
  }

  /** The unit of a metric. */
  async unitOf(name: string): Promise<string | undefined> {
    await this.#reader.forceFlush();
    return this.#exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics)
      .flatMap(({ metrics }) => metrics).find(({ descriptor }) => descriptor.name === name)
      ?.descriptor.unit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const api of [trace, metrics, propagation, context]) api.disable();
    await this.tracerProvider.shutdown();
    await this.meterProvider.shutdown();
  }
}

/** Whether a span was made within another. */
export function isChild(span: ReadableSpan, parent: ReadableSpan): boolean {
  const { traceId, spanId } = parent.spanContext();
  return span.parentSpanContext?.spanId === spanId && span.spanContext().traceId === traceId;
}
