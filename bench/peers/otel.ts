/**
 * OpenTelemetry's SDK as a program in production has it, for Deno and Node: spans
 * in batches, metrics once a second, and an exporter that drops both.
 */

// deno-lint-ignore-file no-import-prefix -- in deno.json all users would load them
import { context, metrics, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "npm:@opentelemetry/context-async-hooks@2.12.0";
import { W3CTraceContextPropagator } from "npm:@opentelemetry/core@2.12.1";
import {
  MeterProvider,
  PeriodicExportingMetricReader,
} from "npm:@opentelemetry/sdk-metrics@2.12.1";
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from "npm:@opentelemetry/sdk-trace-base@2.12.1";

const METRICS_MS = 1000;
const SUCCESS = 0;

/**
 * Registers the SDK.
 *
 * @param share The share of traces that are recorded, from 0 to 1.
 */
export function startSdk(share: number): void {
  const dropped = {
    export: (_all: unknown, done: (result: { code: number }) => void) => done({ code: SUCCESS }),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) }),
      spanProcessors: [new BatchSpanProcessor(dropped)],
    }),
  );
  const reader = new PeriodicExportingMetricReader({
    exporter: dropped,
    exportIntervalMillis: METRICS_MS,
  });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
}

/** What is recorded: nothing without telemetry, or with no SDK; all, or one trace in a hundred. */
export type Recording = "off" | "no-sdk" | "sampled" | "sdk";

/** The share of traces that is recorded; `undefined` without an SDK. */
export const SHARES: Readonly<Record<Recording, number | undefined>> = {
  "off": undefined,
  "no-sdk": undefined,
  "sampled": 0.01,
  "sdk": 1,
};
