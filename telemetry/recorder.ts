/**
 * What recording at both ends shares: options, instruments, and how a trace's
 * context travels in a call's metadata.
 *
 * @module
 */

import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  trace,
} from "@opentelemetry/api";
import { type Clock, systemClock } from "../clock.ts";
import { checkOptions } from "../internal/options.ts";
import { guarded, Places } from "./attributes.ts";
import { type Instruments, InstrumentSource } from "./instruments.ts";
import { TELEMETRY_CHECKS, type TelemetryCall, type TelemetryOptions } from "./options.ts";

const SETTER: TextMapSetter<Record<string, string>> = {
  set: (meta, key, value) => void (meta[key] = value),
};
const GETTER: TextMapGetter<Readonly<Record<string, string>>> = {
  keys: (meta) => Object.keys(meta),
  get: (meta, key) => Object.hasOwn(meta, key) ? meta[key] : undefined,
};

/** Options and instruments, as the hooks use them. */
export class Recorder {
  /** Where durations are read from. */
  readonly clock: Clock;
  /** Takes addresses apart. */
  readonly places: Places = new Places();
  readonly #options: TelemetryOptions;
  readonly #source: InstrumentSource;
  readonly #propagator: Pick<TextMapPropagator, "inject" | "extract">;

  /**
   * @param options What the program gave.
   * @throws {TypeError} If one does not exist, or is of the wrong type.
   */
  constructor(options: TelemetryOptions) {
    checkOptions("telemetry", options, TELEMETRY_CHECKS);
    this.#options = options;
    this.clock = options.clock ?? systemClock;
    this.#source = new InstrumentSource(options.tracerProvider, options.meterProvider);
    const { propagator } = options;
    this.#propagator = propagator ?? {
      inject: (context, meta, setter) => propagation.inject(context, meta, setter),
      extract: (context, meta, getter) => propagation.extract(context, meta, getter),
    };
  }

  /** What to record with at present; `undefined` if there is no SDK. */
  present(): Instruments | undefined {
    return this.#source.present();
  }

  /** What a method is recorded with; `undefined` if it is not. */
  instrumentsFor(serviceMethod: string): Instruments | undefined {
    const instruments = this.#source.present();
    if (instruments === undefined) return undefined;
    const { filter } = this.#options;
    if (filter === undefined) return instruments;
    return guarded("filter", () => filter(serviceMethod), true) ? instruments : undefined;
  }

  /** The name of a call's span. */
  nameOf(call: TelemetryCall): string {
    const { spanName } = this.#options;
    if (spanName === undefined) return call.serviceMethod;
    return guarded("spanName", () => spanName(call), call.serviceMethod);
  }

  /** What the program adds to a call's span. */
  spanAttributes(call: TelemetryCall): Attributes | undefined {
    const { attributes } = this.#options;
    return attributes && guarded("attributes", () => attributes(call), undefined);
  }

  /** What the program adds to a call's metrics. */
  metricAttributes(call: TelemetryCall): Attributes | undefined {
    const { metricAttributes } = this.#options;
    return metricAttributes && guarded("metricAttributes", () => metricAttributes(call), undefined);
  }

  /**
   * What a client's call belongs to: what is active, or else what its metadata says. That is so in a
   * handler's calls where no context manager is set: `ctx.inherit()` hands them the caller's context.
   */
  parentOf(meta: Readonly<Record<string, string>>): Context {
    const active = context.active();
    if (trace.getSpanContext(active) !== undefined) return active;
    return this.#carried(this.#propagator.extract(active, meta, GETTER));
  }

  /** Writes a context into metadata. */
  inject(context: Context, meta: Record<string, string>): void {
    this.#propagator.inject(this.#carried(context), meta, SETTER);
  }

  /** Reads the caller's context from metadata. */
  extract(meta: Readonly<Record<string, string>>): Context {
    // Not what is active: the connection's callbacks may run in the context of whoever opened it.
    return this.#carried(this.#propagator.extract(ROOT_CONTEXT, meta, GETTER));
  }

  /** The seconds since a time of the clock. */
  secondsSince(timeMs: number): number {
    return (this.clock.now() - timeMs) / 1000;
  }

  #carried(context: Context): Context {
    return this.#options.baggage === false ? propagation.deleteBaggage(context) : context;
  }
}
