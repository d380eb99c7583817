/**
 * What a client does with a call before it is sent: it fills in the defaults,
 * takes over what the call inherits that is being served, and calls the interceptors.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { ClientAttempt, ClientCall } from "./interceptor.ts";
import { NO_OPTIONS } from "../internal/call_options.ts";
import { Deadlines } from "../internal/deadlines.ts";
import { activityOf, type Layer, layersOf } from "../internal/layers.ts";
import { sleep } from "../internal/time.ts";
import { TurnClock } from "../internal/turn_clock.ts";
import { nextTurn } from "../internal/platform.ts";
import type { CallOptions, StreamIterator } from "../internal/service.ts";
import { currentCall } from "./async_context.ts";
import type { CallDefaults, ClientOptions, MethodDefaults } from "./client_options.ts";
import {
  type AnyCallOptions,
  InterceptedCall,
  type Interception,
  type Sender,
} from "./intercepted_call.ts";
import {
  type AnyStreamOptions,
  InterceptedStream,
  type StreamOpener,
} from "./intercepted_stream.ts";
import type { Settler } from "./pending_calls.ts";

/**
 * Makes a client's pipeline.
 *
 * @param options The client's options, checked.
 * @param clock Where the time comes from.
 * @param isIdempotent Whether a method may run twice, where the call does not say.
 * @returns `undefined` if the options ask for nothing of it: then a call goes without.
 */
export function clientPipeline(
  options: ClientOptions,
  clock: Clock,
  isIdempotent: (serviceMethod: string) => boolean = () => false,
): ClientPipeline | undefined {
  const { interceptors = [], defaults, inherit } = options;
  if (interceptors.length === 0 && defaults === undefined && !inherit) return undefined;
  return new ClientPipeline(options, clock, isIdempotent);
}

/** What one client does with its calls. */
export class ClientPipeline implements Interception {
  /** Whether interceptors have anything to do at present; asked for each call. */
  readonly intercepts: () => boolean;
  readonly deadlines: Deadlines;
  readonly turnClock: TurnClock;
  readonly callLayers: readonly Layer<ClientCall>[];
  readonly attemptLayers: readonly Layer<ClientAttempt>[];
  readonly #isIdempotent: (serviceMethod: string) => boolean;
  readonly #inherits: boolean;
  readonly #defaults: MethodDefaults;
  readonly #methods: ReadonlyMap<string, MethodDefaults>;
  /** The calls whose interceptors have not ended. */
  readonly #calls: InterceptedCall[] = [];
  /** Ends the wait for them. */
  #idle: AbortController | undefined;
  #isReleased = false;

  /**
   * @param options The client's options.
   * @param clock Where the time comes from.
   * @param isIdempotent Whether a method may run twice.
   */
  constructor(
    options: ClientOptions,
    readonly clock: Clock,
    isIdempotent: (serviceMethod: string) => boolean,
  ) {
    const { interceptors = [], defaults = {}, inherit = false } = options;
    this.intercepts = activityOf(interceptors);
    this.callLayers = layersOf(interceptors, "call");
    this.attemptLayers = layersOf(
      interceptors.filter((one) => typeof one !== "function"),
      "attempt",
    );
    this.deadlines = new Deadlines(clock);
    this.turnClock = new TurnClock(clock);
    this.#isIdempotent = isIdempotent;
    this.#inherits = inherit;
    const { methods = {}, ...all } = defaults;
    this.#defaults = copied(all);
    this.#methods = new Map(
      Object.entries(methods).map(([name, own]) => [name, copied(withDefaults(own, all))]),
    );
  }

  /**
   * Fills in the defaults of a call's options, and what it inherits.
   *
   * @param serviceMethod `Service.Method`.
   * @param options The caller's, checked.
   * @returns The options; the same if there is nothing to fill in.
   */
  optionsOf<Options extends CallOptions>(serviceMethod: string, options: Options): Options {
    const defaults = this.#methods.get(serviceMethod) ?? this.#defaults;
    const filled = options === NO_OPTIONS ? defaults as Options : withDefaults(options, defaults);
    const served = this.#inherits ? currentCall() : undefined;
    return served === undefined ? filled : served.inherit(filled);
  }

  /**
   * Makes a call through the interceptors.
   *
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Its options, from {@linkcode optionsOf}.
   * @param settler Learns how it ended.
   * @param sender Makes the call behind them.
   */
  intercept(
    serviceMethod: string,
    args: unknown,
    options: AnyCallOptions,
    settler: Settler,
    sender: Sender,
  ): void {
    const idempotent = options.idempotent ?? this.#isIdempotent(serviceMethod);
    new InterceptedCall(this, serviceMethod, args, options, idempotent, settler, sender).start();
  }

  /**
   * Makes a stream through the interceptors.
   *
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Its options, from {@linkcode optionsOf}.
   * @param isOfAll Whether it reads all servers, each of which has the time for its next item.
   * @param open Makes the stream behind them.
   * @returns The stream, which is opened when it is first read.
   */
  interceptStream<T>(
    serviceMethod: string,
    args: unknown,
    options: AnyStreamOptions,
    isOfAll: boolean,
    open: StreamOpener,
  ): StreamIterator<T> {
    const idempotent = options.idempotent ?? this.#isIdempotent(serviceMethod);
    const made = { serviceMethod, args, options, idempotent, isOfAll };
    return new InterceptedStream<T>(this, made, open).reader;
  }

  began(call: InterceptedCall): void {
    call.place = this.#calls.push(call) - 1;
  }

  ended(call: InterceptedCall): void {
    const last = this.#calls.pop()!;
    if (last !== call) {
      this.#calls[call.place] = last;
      last.place = call.place;
    }
    if (this.#calls.length > 0) return;
    this.#idle?.abort();
    this.#idle = undefined;
    if (this.#isReleased) this.deadlines.clear();
  }

  /** No connection is left: no timer is kept for calls to come. */
  release(): void {
    this.#isReleased = true;
    if (this.#calls.length === 0) this.deadlines.clear();
  }

  /**
   * Ends the calls that interceptors keep when the client is closed.
   *
   * @param graceMs How long they may take from now, in milliseconds.
   * @param over Resolves when no call is in flight any more.
   * @returns Resolves when all have ended.
   */
  async close(graceMs: number, over: Promise<void>): Promise<void> {
    const dueAtMs = this.clock.now() + graceMs;
    await over;
    const leftMs = dueAtMs - this.clock.now();
    if (leftMs > 0 && this.#calls.length > 0) {
      this.#idle ??= new AbortController();
      await sleep(this.clock, leftMs, this.#idle.signal);
    }
    // What was in flight has failed just now: interceptors have this turn to say what becomes of it.
    if (this.#calls.length > 0) await new Promise<void>((resolve) => void nextTurn(resolve));
    for (const call of [...this.#calls]) call.close();
    this.release();
  }
}

/** A copy, which the program can't change any more. */
function copied({ timeoutMs, meta, certain }: MethodDefaults): MethodDefaults {
  return Object.freeze({
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(meta === undefined ? {} : { meta: Object.freeze({ ...meta }) }),
    ...(certain === undefined ? {} : { certain }),
  });
}

function withDefaults<Options extends MethodDefaults>(
  options: Options,
  { timeoutMs, meta, certain }: CallDefaults,
): Options {
  const hasTime = timeoutMs === undefined || options.timeoutMs !== undefined;
  const hasCertainty = certain === undefined || options.certain !== undefined;
  if (meta === undefined && hasTime && hasCertainty) return options;
  return {
    ...options,
    timeoutMs: options.timeoutMs ?? timeoutMs,
    meta: options.meta === undefined ? meta : { ...meta, ...options.meta },
    ...(hasCertainty ? {} : { certain }),
  };
}
