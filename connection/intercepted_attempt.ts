/**
 * One attempt of a call as the interceptors of a client see it.
 *
 * @module
 */

import type { Attempt } from "../errors.ts";
import type { ClientAttempt } from "./interceptor.ts";
import { checkCallValues } from "../internal/call_options.ts";
import { runLayers } from "../internal/layers.ts";
import { Repeats } from "../internal/repeats.ts";
import type { CallOptions } from "../internal/service.ts";
import type { InterceptedCall } from "./intercepted_call.ts";
import type { Settler } from "./pending_calls.ts";
import { areItemsGone, itemsAreGone } from "./streams/once_args.ts";

/** Sends an attempt; it may throw. */
export type Send = (settler: Settler) => void;

/** How far an attempt has come. */
export interface AttemptProgress {
  /** Whether it waits for a connection. */
  readonly phase: Attempt["phase"];
  /** How many times its answer was asked for behind a lost connection. */
  readonly recalls: number;
}

const SENT: AttemptProgress = { phase: "call", recalls: 0 };

/** One attempt, as interceptors see it. */
export class InterceptedAttempt implements ClientAttempt {
  readonly number: number;
  /** When it began, on the clock's scale. */
  readonly startedAtMs: number;
  readonly #progress: AttemptProgress;
  #meta: Record<string, string> | undefined;
  #tookMs: number | undefined;
  #error: unknown;

  /**
   * @param call The call that it is made for.
   * @param address Where.
   * @param why Why there.
   * @param progress How far it has come. Default: it has a connection.
   */
  constructor(
    readonly call: InterceptedCall,
    readonly address: string,
    readonly why: string,
    progress: AttemptProgress = SENT,
  ) {
    this.#progress = progress;
    this.startedAtMs = call.shared.turnClock.now();
    this.number = call.attemptBegan(this);
  }

  /** Made when it is first asked for. */
  get meta(): Record<string, string> {
    return this.#meta ??= {};
  }

  /** How long it took, or has taken so far, in milliseconds. */
  get elapsedMs(): number {
    return this.#tookMs ?? this.call.shared.turnClock.now() - this.startedAtMs;
  }

  /** As errors and `ClientCall.attempts` list it. */
  get listed(): Attempt {
    const { address, why, elapsedMs, recalls } = this;
    const { phase } = this.#progress;
    return {
      address,
      phase,
      elapsedMs,
      why,
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(recalls > 0 ? { recalls } : {}),
    };
  }

  /** How many times its answer was asked for behind a lost connection. */
  get recalls(): number {
    return this.#progress.recalls;
  }

  /**
   * The metadata to send.
   *
   * @param meta The call's.
   */
  metaOver(meta: CallOptions["meta"]): CallOptions["meta"] {
    return this.#meta === undefined ? meta : { ...meta, ...this.#meta };
  }

  /**
   * Calls the interceptors of the attempt, and the network in their midst.
   *
   * @param send Sends it; each time that they go on.
   * @param settler Learns how it ended.
   */
  run(send: Send, settler: Settler): void {
    const resolve = (value: unknown) => {
      this.end();
      settler.resolve(value);
    };
    const reject = (error: unknown) => {
      this.end(error);
      settler.reject(error);
    };
    const { attemptLayers } = this.call.shared;
    if (attemptLayers.length > 0) {
      const repeats = new Repeats(this.call);
      const core = () => repeats.run(() => this.#sent(send));
      runLayers<ClientAttempt>(attemptLayers, this, core).then(resolve, reject);
    } else {
      try {
        send({ resolve, reject });
      } catch (error) {
        reject(error);
      }
    }
  }

  #sent(send: Send): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { args, serviceMethod } = this.call;
      if (areItemsGone(args)) throw itemsAreGone(serviceMethod);
      checkCallValues({ meta: this.#meta }); // interceptors of a program in JavaScript may set anything
      send({ resolve, reject });
    });
  }

  /**
   * It has ended.
   *
   * @param error What it failed with.
   */
  end(error?: unknown): void {
    if (this.#tookMs !== undefined) return;
    this.#tookMs = this.elapsedMs;
    this.#error = error;
  }
}
