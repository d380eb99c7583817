/**
 * Traces and metrics by OpenTelemetry, for both ends: {@linkcode telemetry}
 * makes an interceptor for clients and servers. It needs `@opentelemetry/api`,
 * which this module alone loads, and records with whatever SDK is registered.
 *
 * @module
 */

import type { ClientAttempt, ClientCall, Next, ServerCall } from "./connection/interceptor.ts";
import { ClientTelemetry } from "./telemetry/client.ts";
import { ATTRIBUTE } from "./telemetry/names.ts";
import type { TelemetryOptions } from "./telemetry/options.ts";
import { Recorder } from "./telemetry/recorder.ts";
import { ServerTelemetry } from "./telemetry/server.ts";

export type {
  Attributes,
  MeterProvider,
  TelemetryCall,
  TelemetryOptions,
  TextMapPropagator,
  TracerProvider,
} from "./telemetry/options.ts";

/** Records calls: an interceptor of clients and of servers. Its functions need no `this`. */
export interface Telemetry {
  /** Whether anything is recorded: while no SDK is registered, calls go past the interceptor. */
  readonly isActive: () => boolean;
  /** Stands around a call of a client, over all of its attempts. */
  readonly call: (call: ClientCall, next: Next<ClientCall>) => unknown;
  /** Stands around one attempt of a call. */
  readonly attempt: (attempt: ClientAttempt, next: Next<ClientAttempt>) => unknown;
  /** Stands around a call at the server. */
  readonly handle: (call: ServerCall, next: Next<ServerCall>) => unknown;
  /**
   * Counts an event of an `XClient`, such as an ejected endpoint, or of a `Server`: for their option
   * `onEvent`.
   *
   * @param event The event.
   */
  readonly onEvent: (event: TelemetryEvent) => void;
}

/** What {@linkcode Telemetry.onEvent} reads of an event. */
export interface TelemetryEvent {
  /** What has happened. */
  readonly type: string;
  /** The endpoint that it has happened to, if it has happened to one. */
  readonly address?: string;
}

/**
 * Records calls as traces and metrics, by OpenTelemetry's conventions for
 * remote procedure calls. The same object serves any number of clients and
 * servers of a program.
 *
 * With no SDK registered it records nothing, and hands calls on as they are.
 *
 * @param options What is recorded, and with what.
 * @returns The interceptor.
 * @throws {TypeError} If an option does not exist, or is of the wrong type.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Server, XClient } from "@geerpc/xclient";
 * import { telemetry } from "@geerpc/xclient/telemetry";
 *
 * const recorded = telemetry({ filter: (serviceMethod) => serviceMethod !== "Arith.Ping" });
 * const { onEvent } = recorded;
 *
 * await using server = new Server({ interceptors: [recorded] });
 * server.register("Arith", { Sum: ({ A, B }: { A: number; B: number }) => A + B });
 * const { address } = await server.listen("tcp@127.0.0.1:0");
 *
 * await using xclient = new XClient([address], { interceptors: [recorded], onEvent });
 * assertEquals(await xclient.call("Arith.Sum", { A: 1, B: 2 }), 3);
 * ```
 */
export function telemetry(options: TelemetryOptions = {}): Telemetry {
  const recorder = new Recorder(options);
  const client = new ClientTelemetry(recorder);
  const server = new ServerTelemetry(recorder);
  return {
    isActive: () => recorder.present() !== undefined,
    call: (call, next) => client.call(call, next),
    attempt: (attempt, next) => client.attempt(attempt, next),
    handle: (call, next) => server.handle(call, next),
    onEvent: ({ type, address }) => {
      const meters = recorder.present()?.meters;
      if (meters === undefined) return;
      const place = address === undefined ? {} : recorder.places.of(address).server;
      meters.events.add(1, { ...place, [ATTRIBUTE.event]: type });
      if (type === "ejected") meters.ejections.add(1, place);
    },
  };
}
