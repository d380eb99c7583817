/**
 * The tracer and the metrics at present: those of the SDK that is registered,
 * or none.
 *
 * @module
 */

import {
  type Counter,
  createNoopMeter,
  type Histogram,
  type Meter,
  type MeterProvider,
  metrics,
  trace,
  type Tracer,
  type TracerProvider,
} from "@opentelemetry/api";
import { queueMicrotask } from "../internal/platform.ts";
import { methodAttributes } from "./attributes.ts";
import { BUCKETS_ITEMS, BUCKETS_S, METRIC, SCOPE } from "./names.ts";

/** What calls are recorded with. */
export interface Instruments {
  /** Absent if no SDK records spans. */
  readonly tracer: Tracer | undefined;
  /** Absent if no SDK records metrics. */
  readonly meters: Meters | undefined;
}

/** The metrics. */
export interface Meters {
  readonly clientDuration: Histogram;
  readonly serverDuration: Histogram;
  readonly attemptDuration: Histogram;
  readonly clientInFlight: InFlight;
  readonly serverInFlight: InFlight;
  readonly retries: Counter;
  readonly hedges: Counter;
  readonly ejections: Counter;
  readonly events: Counter;
  readonly clientItems: Histogram;
  readonly serverItems: Histogram;
}

/**
 * How many calls have not ended, by method. It is read when metrics are collected: a metric that is
 * told of each beginning and end costs a call more than all others.
 */
export class InFlight {
  readonly #counts = new Map<string, number>();

  /**
   * @param meter Collects it.
   * @param name The metric's name.
   * @param description What it counts.
   */
  constructor(meter: Meter, name: string, description: string) {
    meter.createObservableUpDownCounter(name, { description, unit: "{call}" })
      .addCallback((result) => {
        for (const [serviceMethod, count] of this.#counts) {
          result.observe(count, methodAttributes(serviceMethod));
        }
      });
  }

  /** A call of a method has begun (1), or ended (−1). */
  add(serviceMethod: string, change: 1 | -1): void {
    this.#counts.set(serviceMethod, (this.#counts.get(serviceMethod) ?? 0) + change);
  }
}

/** The API's own provider of tracers, which hands on to the SDK's once there is one. */
interface Proxy extends TracerProvider {
  getDelegate(): TracerProvider;
  getDelegateTracer(name: string): Tracer | undefined;
}

/** Keeps up with the SDK: one may be registered at any time, also behind the first call. */
export class InstrumentSource {
  readonly #tracerProvider: TracerProvider | undefined;
  readonly #meterProvider: MeterProvider | undefined;
  /** Where the present instruments come from. */
  #tracers: TracerProvider | undefined;
  #meters: MeterProvider | undefined;
  #present: Instruments | undefined;
  /** Whether it was looked at since the last microtask. */
  #isFresh = false;
  readonly #expire = () => {
    this.#isFresh = false;
  };

  /**
   * @param tracerProvider Where tracers come from, if not from what is registered globally.
   * @param meterProvider Where metrics come from, likewise.
   */
  constructor(tracerProvider?: TracerProvider, meterProvider?: MeterProvider) {
    this.#tracerProvider = tracerProvider;
    this.#meterProvider = meterProvider;
  }

  /**
   * What to record with; `undefined` if nobody would read it. The API is looked at once for all calls
   * that begin together: it keeps what is registered on the global object, which is slow to read.
   */
  present(): Instruments | undefined {
    if (this.#isFresh) return this.#present;
    this.#isFresh = true;
    queueMicrotask(this.#expire);
    const tracers = delegateOf(this.#tracerProvider ?? trace.getTracerProvider());
    const meters = this.#meterProvider ?? metrics.getMeterProvider();
    if (tracers !== this.#tracers || meters !== this.#meters) this.#renew(tracers, meters);
    return this.#present;
  }

  #renew(tracers: TracerProvider, meters: MeterProvider): void {
    this.#tracers = tracers;
    this.#meters = meters;
    const tracer = isNoop(this.#tracerProvider ?? trace.getTracerProvider())
      ? undefined
      : tracers.getTracer(SCOPE);
    const meter = meters.getMeter(SCOPE);
    const made = meter === NOOP_METER ? undefined : makeMeters(meter);
    const isRecorded = tracer !== undefined || made !== undefined;
    this.#present = isRecorded ? { tracer, meters: made } : undefined;
  }
}

const NOOP_METER = createNoopMeter();

/** The SDK's provider, or the one that does nothing, behind the API's own. */
function delegateOf(provider: TracerProvider): TracerProvider {
  return isProxy(provider) ? provider.getDelegate() : provider;
}

function isNoop(provider: TracerProvider): boolean {
  return isProxy(provider) && provider.getDelegateTracer(SCOPE) === undefined;
}

/** Told by its methods: another copy of the API may have made it. */
function isProxy(provider: TracerProvider): provider is Proxy {
  return (provider as Partial<Proxy>).getDelegateTracer !== undefined;
}

function makeMeters(meter: Meter): Meters {
  const duration = (name: string, description: string) =>
    meter.createHistogram(name, {
      description,
      unit: "s",
      advice: { explicitBucketBoundaries: [...BUCKETS_S] },
    });
  const items = (name: string, description: string) =>
    meter.createHistogram(name, {
      description,
      unit: "{item}",
      advice: { explicitBucketBoundaries: [...BUCKETS_ITEMS] },
    });
  return {
    clientDuration: duration(
      METRIC.clientDuration,
      "How long calls take at the client, all attempts included.",
    ),
    serverDuration: duration(METRIC.serverDuration, "How long the server's handlers take."),
    attemptDuration: duration(
      METRIC.attemptDuration,
      "How long single attempts at one endpoint take, the dial included.",
    ),
    clientInFlight: new InFlight(
      meter,
      METRIC.clientInFlight,
      "Calls of the client that have not ended.",
    ),
    serverInFlight: new InFlight(
      meter,
      METRIC.serverInFlight,
      "Calls that the server's handlers run.",
    ),
    retries: meter.createCounter(METRIC.retries, {
      description: "Attempts behind one that has failed.",
      unit: "{attempt}",
    }),
    hedges: meter.createCounter(METRIC.hedges, {
      description: "Attempts beside one that is still in flight.",
      unit: "{attempt}",
    }),
    ejections: meter.createCounter(METRIC.ejections, {
      description: "How often an endpoint was ejected.",
      unit: "{ejection}",
    }),
    events: meter.createCounter(METRIC.events, {
      description: "Events of endpoints and of servers, by name.",
      unit: "{event}",
    }),
    clientItems: items(METRIC.clientItems, "Items of one stream, as the client sees it."),
    serverItems: items(METRIC.serverItems, "Items of one stream, as the server sees it."),
  };
}
