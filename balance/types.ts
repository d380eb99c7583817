/**
 * What a balancing policy sees, and what it does.
 *
 * @module
 */

/** An endpoint that may be picked, and what is known of it. */
export interface EndpointView {
  /** Its address: no other endpoint has the same one. */
  readonly address: string;
  /** Its share of the calls, relative to the others'; less than is listed in its slow start. */
  readonly weight: number;
  /** Where it is; empty if its address does not say. An `XClient` always knows it. */
  readonly zone?: string;
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
  /**
   * How many calls of all clients ran or waited at the server when it last told, or what it says
   * in place of that. Absent while it has told nothing: only servers of this library do.
   */
  readonly reportedLoad?: number | undefined;
  /** How many of these were none of this client's. */
  readonly othersInFlight?: number;
  /** When that was told, or confirmed by a reply, in milliseconds. */
  readonly reportedAtMs?: number;
  /**
   * From when on it is late with the answer to a ping, in milliseconds; `Infinity` if it owes
   * none.
   */
  readonly lateAtMs?: number;
  /** How long the answer to a ping takes, in milliseconds; 0 while it is not known. */
  readonly roundTripMs?: number;
}

/** What a pick is for. */
export interface PickContext {
  /** The present time, in milliseconds, on the scale of the endpoints' times. */
  readonly nowMs: number;
  /** What the call is about, for policies that send equal keys to the same endpoint. */
  readonly key?: string;
  /** The mean of `othersInFlight` over what all servers have told of late. Default 0. */
  readonly meanOthers?: number;
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

/** A policy that goes by what servers tell of their load. */
export interface ReportingSelector extends Selector {
  /**
   * Within which time what one server has told gives way to the mean of all, in milliseconds; 0 if
   * it makes no difference to the picks of now.
   */
  readonly reportsFadeMs: number;
  /**
   * How many calls may run or wait at an endpoint when a call arrives there: if there are more, it
   * is better off elsewhere.
   *
   * @param endpoint The endpoint, where the call is in flight already.
   * @param context Time and mean, as of a pick.
   */
  expectedAt(endpoint: EndpointView, context: PickContext): number;
}

/** A source of randomness, `Math.random` or a seeded one: numbers from 0 to below 1. */
export type Random = () => number;
