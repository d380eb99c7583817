/**
 * What a balancing policy sees, and what it does.
 *
 * @module
 */

/** An endpoint that may be picked, and what is known of it. */
export interface EndpointView {
  /** Its address: no other endpoint has the same one. */
  readonly address: string;
  /** Its share of the calls, relative to the others'. */
  readonly weight: number;
  /** How many calls and streams are in flight there. */
  readonly inFlight: number;
  /**
   * When the oldest of these calls began, in milliseconds; `Infinity` if only streams are in flight,
   * which may last for ever, and meaningless if there is nothing.
   */
  readonly oldestAtMs: number;
  /**
   * The smoothed reply time, in milliseconds; 0 while none is known. A failed
   * call counts as a slow reply.
   */
  readonly latencyMs: number;
  /** The same, but a slower reply replaces it at once. */
  readonly peakMs: number;
  /** When the two were last updated, in milliseconds. */
  readonly updatedAtMs: number;
}

/** What a pick is for. */
export interface PickContext {
  /** The present time, in milliseconds, on the scale of the endpoints' times. */
  readonly nowMs: number;
  /** What the call is about, for policies that send equal keys to the same endpoint. */
  readonly key?: string;
}

/** A balancing policy. */
export interface Selector {
  /**
   * Picks an endpoint for one call.
   *
   * @param endpoints The endpoints that may be picked; the same array until they change.
   * @param context Time and key.
   * @returns One of them, or `undefined` if there are none.
   */
  pick<T extends EndpointView>(endpoints: readonly T[], context: PickContext): T | undefined;
  /**
   * Whether a subset of a large fleet is enough, since each pick looks at every
   * endpoint: beyond 128 endpoints the policy is given a subset that is the
   * client's own. Default `false`.
   */
  readonly subsets?: boolean;
}

/** A source of randomness, `Math.random` or a seeded one: numbers from 0 to below 1. */
export type Random = () => number;
