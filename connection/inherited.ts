/**
 * What a call that is made for another one takes over from it.
 *
 * @module
 */

import { checkOptions, type Checks, number, texts } from "../internal/options.ts";
import type { CallOptions } from "../internal/service.ts";

/** What a call takes over from the call that it is made for. */
export interface InheritOptions {
  /**
   * How much less time it gets than is left, in milliseconds, at least 0: the time that the handler
   * needs to answer when the call has failed. Default 0.
   */
  marginMs?: number;
  /**
   * The names of metadata that is sent on, beside those of a trace, `traceparent`, `tracestate` and
   * `baggage`. Default: none, as a token is mostly for one server only.
   */
  meta?: readonly string[];
}

/** What is taken over of. */
export interface ServedCall {
  /** Aborts when nobody waits for its reply any more. */
  readonly signal: AbortSignal;
  /** How much time it has left, in milliseconds; `undefined` without a deadline. */
  readonly leftMs: number | undefined;
  /** Its caller's metadata. */
  readonly meta: Readonly<Record<string, string>>;
}

const CHECKS: Checks<InheritOptions> = { marginMs: number(0), meta: texts };
const TRACE = ["traceparent", "tracestate", "baggage"];

/**
 * Makes the options of a call that is made for another one.
 *
 * @param served The call that is being served.
 * @param options The new call's own options.
 * @param how What it takes over.
 * @returns Its own options, and what it takes over.
 * @throws {TypeError} If an option of `how` does not exist, or is of the wrong type.
 * @throws {RangeError} If the margin is negative or not a number.
 */
export function inheritedOptions<Options extends object>(
  { signal, leftMs, meta }: ServedCall,
  options: Options & CallOptions,
  how: InheritOptions,
): Options & CallOptions {
  checkOptions("inherit", how, CHECKS);
  const { signal: own } = options;
  const { marginMs = 0, meta: more = [] } = how;
  const inherited: CallOptions = {
    signal: own === undefined || own === signal ? signal : AbortSignal.any([signal, own]),
  };
  if (leftMs !== undefined) {
    inherited.timeoutMs = Math.min(leftMs - marginMs, options.timeoutMs ?? Infinity);
  }
  const sent = [...TRACE, ...more].filter((name) => Object.hasOwn(meta, name));
  if (sent.length > 0) {
    inherited.meta = {
      ...Object.fromEntries(sent.map((name) => [name, meta[name]])),
      ...options.meta,
    };
  }
  return { ...options, ...inherited };
}
