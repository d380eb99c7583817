/**
 * Slow start: a server that has joined the list, or is there again, gets its
 * full share of the calls only bit by bit, since its caches are cold and its
 * code is not compiled yet. Source: Envoy's slow start.
 *
 * @module
 */

import type { Endpoint } from "./endpoint.ts";

/** The least part of its weight that counts. Source: Envoy's `min_weight_percent`. */
const MIN_SHARE = 0.1;
/** At least this part of all weights counts: no other endpoint gets more than twice its share. */
const MIN_TOTAL = 0.5;

/** Which part of its weight counts for each endpoint. */
export class SlowStart {
  readonly #durationMs: number;

  /** @param durationMs How long it takes an endpoint to get its full share, in milliseconds. */
  constructor(durationMs: number) {
    this.#durationMs = durationMs;
  }

  /**
   * Sets the share of each endpoint.
   *
   * @param endpoints Those that calls may be given to. One that can't be reached does not count.
   * @param nowMs The present time.
   * @returns Whether a share has changed, and whether none will by time alone.
   */
  update(
    endpoints: readonly Endpoint[],
    nowMs: number,
  ): { hasChanged: boolean; isOver: boolean } {
    const shown = endpoints.filter((endpoint) => endpoint.isFit(nowMs));
    const shares = shown.map(({ cameAtMs }) => this.#shareAfter(nowMs - cameAtMs));
    // Only what they are beside each other counts: if all are new, all are alike.
    const most = Math.max(...shares);
    let all = 0;
    let full = 0;
    let lowered = 0;
    shown.forEach(({ listedWeight }, place) => {
      all += listedWeight;
      if (shares[place] === most) full += listedWeight;
      else lowered += listedWeight * shares[place] / most;
    });
    const missing = all * MIN_TOTAL - full;
    const raised = missing > lowered ? missing / lowered : 1;
    let hasChanged = false;
    shown.forEach((endpoint, place) => {
      const share = shares[place] === most ? 1 : Math.min(1, shares[place] / most * raised);
      if (endpoint.setShare(share)) hasChanged = true;
    });
    return { hasChanged, isOver: shares.every((share) => share === 1) };
  }

  #shareAfter(ms: number): number {
    return Math.min(1, Math.max(MIN_SHARE, ms / this.#durationMs));
  }
}
