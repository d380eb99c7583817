/**
 * The policy `shortest_expected_delay`, the default.
 *
 * @module
 */

import { DECAY_MS } from "./decay.ts";
import type { EndpointView, PickContext, Random, ReportingSelector } from "./types.ts";

/** From how many times the reference reply time on an endpoint counts as slow. */
const SLOW = 1.5;
/** How often the reference is calculated, in milliseconds. */
const REFERENCE_EVERY_MS = 100;
/** From which reference on calls may queue, so that what servers tell of it counts, in milliseconds. */
const QUEUING_MS = 1;
/** Below this mean of others' calls ours are all there are, in calls. */
const NEGLIGIBLE = 0.01;
/** So many times the reference is the time constant of what servers have told. */
const FADING = 64;
/** An endpoint that is late with a sign of life is picked behind all that are not. */
const LATE = 2 ** 40;

/**
 * Of all endpoints, the one that should answer first: calls in flight for its
 * weight, times how much slower than the reference it is, which is seen from its
 * replies or from the age of its oldest call in flight. The reference is the
 * lower quartile of all reply times: in a fleet of up to four, the fastest. Where
 * calls take long enough to queue, those of other clients count too, as far as
 * servers have told of them. Ties are broken at random. Source: our own;
 * `docs/balancing.md` has the simulation.
 */
export class ShortestExpectedDelaySelector implements ReportingSelector {
  readonly subsets = true;
  reportsFadeMs = 0;
  readonly #random: Random;
  #endpoints: readonly EndpointView[] | undefined;
  #referenceMs = 0;
  #referenceAtMs = -Infinity;

  /** @param random Breaks ties. */
  constructor(random: Random) {
    this.#random = random;
  }

  pick<T extends EndpointView>(endpoints: readonly T[], context: PickContext): T | undefined {
    const { nowMs, meanOthers = 0 } = context;
    if (nowMs - this.#referenceAtMs >= REFERENCE_EVERY_MS || endpoints !== this.#endpoints) {
      this.#endpoints = endpoints;
      this.#referenceAtMs = nowMs;
      this.#referenceMs = referenceLatencyMs(endpoints);
      const isWorthIt = meanOthers >= NEGLIGIBLE && endpoints.length > 1 &&
        this.#referenceMs >= QUEUING_MS;
      this.reportsFadeMs = isWorthIt ? FADING * this.#referenceMs : 0;
    }
    const usesReports = this.reportsFadeMs > 0;
    const referenceMs = this.#referenceMs;
    const slowMs = referenceMs > 0 ? referenceMs * SLOW : Infinity;
    let best: T | undefined;
    let least = Infinity;
    let ties = 1;
    for (let place = 0; place < endpoints.length; place++) {
      const endpoint = endpoints[place];
      const { inFlight } = endpoint;
      let expectedMs = endpoint.latencyMs;
      if (expectedMs >= slowMs) {
        // Slowness fades while nothing is sent there, so that a call tries it again one day.
        expectedMs *= Math.exp((endpoint.updatedAtMs - nowMs) / DECAY_MS);
      }
      if (inFlight > 0) {
        const ageMs = nowMs - endpoint.oldestAtMs;
        if (ageMs > expectedMs) expectedMs = ageMs;
      }
      const calls = usesReports ? inFlight + this.#othersAt(endpoint, context) : inFlight;
      let delay = (calls + 1) / endpoint.weight;
      if (expectedMs >= slowMs) delay *= expectedMs / referenceMs;
      if (usesReports && nowMs >= (endpoint.lateAtMs ?? Infinity)) delay += LATE;
      if (delay < least) {
        best = endpoint;
        least = delay;
        ties = 1;
      } else if (delay === least && this.#random() * ++ties < 1) {
        best = endpoint;
      }
    }
    return best;
  }

  expectedAt(endpoint: EndpointView, context: PickContext): number {
    const { inFlight, roundTripMs = 0 } = endpoint;
    // To be sent away costs a round trip: so many calls may be there as are done meanwhile.
    const workMs = this.#referenceMs - roundTripMs;
    const done = workMs > 0 ? Math.floor(roundTripMs / workMs) : Infinity;
    return Math.floor(inFlight + this.#othersAt(endpoint, context)) + done;
  }

  /** How many calls of others are at an endpoint, as far as is known. */
  #othersAt(endpoint: EndpointView, { nowMs, meanOthers = 0 }: PickContext): number {
    const { reportedLoad, othersInFlight = 0, reportedAtMs = 0 } = endpoint;
    if (reportedLoad === undefined) return meanOthers;
    const kept = Math.exp((reportedAtMs - nowMs) / this.reportsFadeMs);
    return meanOthers + (othersInFlight - meanOthers) * kept;
  }
}

/** The lower quartile. With the median, half of a fleet of two could be slow without being it. */
function referenceLatencyMs(endpoints: readonly EndpointView[]): number {
  const known: number[] = [];
  for (const { latencyMs } of endpoints) if (latencyMs > 0) known.push(latencyMs);
  known.sort((one, other) => one - other);
  return known.length === 0 ? 0 : known[(known.length - 1) >> 2];
}
