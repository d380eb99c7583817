/**
 * What a balancing policy sees and does.
 *
 * @module
 */

/** A server that may be picked, and what is known of it. Times are in milliseconds. */
export interface EndpointView {
  /** What tells it from the others. */
  readonly address: string;
  /** Its share of the calls, relative to the others'. */
  readonly weight: number;
  /** How many calls it has not answered. */
  readonly inFlight: number;
  /** When the oldest of these began; meaningless if there are none. */
  readonly oldestAtMs: number;
  /** Smoothed reply time; 0 while none is known. A failure counts as a slow reply. */
  readonly latencyMs: number;
  /** The same, but a slower reply replaces it at once. */
  readonly peakMs: number;
  /** When the two were last brought up to date. */
  readonly updatedAtMs: number;
}

/** What a pick is for. */
export interface PickContext {
  /** The present time, on the scale of the candidates'. */
  readonly nowMs: number;
  /** What the call is about, for policies that send the same to the same server. */
  readonly key?: string;
}

/** A balancing policy. */
export interface Selector {
  /**
   * Picks a server for one call.
   *
   * @param candidates The servers there are; the same array until they change.
   * @param context Time and key.
   * @returns One of them, or `undefined` if there are none.
   */
  pick<T extends EndpointView>(candidates: readonly T[], context: PickContext): T | undefined;
  /**
   * Whether each pick looks at every server and need not see the whole fleet:
   * beyond 128 servers it is given a subset of its own.
   */
  readonly subsets?: boolean;
}

/** A source of randomness: `Math.random` or a seeded one. At least 0, below 1. */
export type Random = () => number;
