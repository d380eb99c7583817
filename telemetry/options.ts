/**
 * The options of {@linkcode telemetry}.
 *
 * @module
 */

import type * as api from "@opentelemetry/api";
import type { Clock } from "../clock.ts";
import type { ClientCall, ServerCall } from "../connection/interceptor.ts";
import { aClock, callback, type Checks, flag, having } from "../internal/options.ts";

/** Attributes of a span or a metric, by name: OpenTelemetry's type. */
export type Attributes = api.Attributes;
/** What makes metrics: OpenTelemetry's type. */
export type MeterProvider = api.MeterProvider;
/** What writes a context into metadata, and reads it there: OpenTelemetry's type. */
export type TextMapPropagator = api.TextMapPropagator;
/** What makes spans: OpenTelemetry's type. */
export type TracerProvider = api.TracerProvider;

/** A call at either end, as `spanName`, `attributes` and `metricAttributes` get it. */
export type TelemetryCall = ClientCall | ServerCall;

/** What is recorded, and with what. */
export interface TelemetryOptions {
  /** What makes spans. Default: the SDK that is registered globally, as soon as one is. */
  tracerProvider?: TracerProvider;
  /** What makes metrics. Default: the SDK that is registered globally, as soon as one is. */
  meterProvider?: MeterProvider;
  /**
   * What writes the trace's context into the metadata of a call, and reads it there. Default: the
   * propagator that is registered globally.
   */
  propagator?: TextMapPropagator;
  /**
   * Which methods are recorded: called with `Service.Method` for each call. One that is not has no
   * span, no metrics, and no context is sent with it. Default: all. If it throws, the call is recorded.
   */
  filter?: (serviceMethod: string) => boolean;
  /** Whether baggage travels with calls, and is taken from them. Default `true`. */
  baggage?: boolean;
  /** The name of a call's span. Default: `Service.Method`. If it throws, that is the name. */
  spanName?: (call: TelemetryCall) => string;
  /**
   * Attributes of a call's span, beside or in place of those that it has anyway. Default: none. If
   * it throws, the span has none of these.
   */
  attributes?: (call: TelemetryCall) => Attributes;
  /**
   * Attributes of a call's metrics, likewise. Each combination of values is a time series of its
   * own: let there be few. Default: none.
   */
  metricAttributes?: (call: TelemetryCall) => Attributes;
  /** Where durations are read from. Default: the system's clock. */
  clock?: Clock;
}

/** What the options may be. */
export const TELEMETRY_CHECKS: Checks<TelemetryOptions> = {
  tracerProvider: having("a TracerProvider, with getTracer", "getTracer"),
  meterProvider: having("a MeterProvider, with getMeter", "getMeter"),
  propagator: having("a TextMapPropagator, with inject and extract", "inject", "extract"),
  filter: callback,
  baggage: flag,
  spanName: callback,
  attributes: callback,
  metricAttributes: callback,
  clock: aClock,
};
