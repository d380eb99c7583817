/**
 * A caller's own policy: it is shown views of the endpoints, and what it picks
 * is checked.
 *
 * @module
 */

import {
  createSelector,
  type EndpointView,
  type PickContext,
  type SelectMode,
  type Selector,
  type SelectorOptions,
} from "../selector.ts";

/**
 * The selector of a policy.
 *
 * @param mode Its name, or the caller's own.
 * @param options For one that is named.
 * @returns A selector of its own.
 */
export function selectorOf(mode: SelectMode | Selector, options: SelectorOptions): Selector {
  return typeof mode === "string" ? createSelector(mode, options) : new OwnSelector(mode);
}

/**
 * What a caller's own policy sees of an endpoint: its live figures and nothing else.
 *
 * @param endpoint The endpoint.
 * @returns A frozen object whose properties are read from the endpoint.
 */
function viewOf(endpoint: EndpointView): EndpointView {
  return Object.freeze({
    get address() {
      return endpoint.address;
    },
    get weight() {
      return endpoint.weight;
    },
    get zone() {
      return endpoint.zone;
    },
    get inFlight() {
      return endpoint.inFlight;
    },
    get oldestAtMs() {
      return endpoint.oldestAtMs;
    },
    get latencyMs() {
      return endpoint.latencyMs;
    },
    get peakMs() {
      return endpoint.peakMs;
    },
    get updatedAtMs() {
      return endpoint.updatedAtMs;
    },
    get reportedLoad() {
      return endpoint.reportedLoad;
    },
    get othersInFlight() {
      return endpoint.othersInFlight;
    },
    get reportedAtMs() {
      return endpoint.reportedAtMs;
    },
    get lateAtMs() {
      return endpoint.lateAtMs;
    },
    get roundTripMs() {
      return endpoint.roundTripMs;
    },
  });
}

/** Stands between the fleet and a caller's own policy. The built-in ones need no such thing. */
export class OwnSelector implements Selector {
  readonly subsets: boolean;
  readonly #own: Selector;
  /** The same view for the same endpoint, so that a policy can keep what it knows of it. */
  readonly #views = new WeakMap<EndpointView, EndpointView>();
  /** The same array of views as long as the candidates are the same. */
  #candidates: readonly EndpointView[] = [];
  #shown: readonly EndpointView[] = [];

  /** @param own The caller's policy. */
  constructor(own: Selector) {
    this.#own = own;
    this.subsets = own.subsets ?? false;
  }

  /**
   * Lets the caller's policy pick.
   *
   * @param candidates The endpoints there are.
   * @param context Time and key.
   * @returns One of them, or `undefined` if the policy picked none.
   * @throws {TypeError} If it picked something else.
   * @throws What the policy throws.
   */
  pick<T extends EndpointView>(candidates: readonly T[], context: PickContext): T | undefined {
    if (candidates !== this.#candidates) {
      this.#candidates = candidates;
      this.#shown = Object.freeze(candidates.map((candidate) => this.#viewOf(candidate)));
    }
    const shown = this.#shown;
    const picked = this.#own.pick(shown, context);
    if (picked === undefined) return undefined;
    const place = shown.indexOf(picked);
    if (place < 0) throw new TypeError("the selector picked what is not among its candidates");
    return candidates[place];
  }

  #viewOf(endpoint: EndpointView): EndpointView {
    let view = this.#views.get(endpoint);
    if (view === undefined) {
      view = viewOf(endpoint);
      this.#views.set(endpoint, view);
    }
    return view;
  }
}
