/** Endpoints as balancing policies see them. */

import type { EndpointView, Selector } from "../../selector.ts";

/** An endpoint as policies see it, whose figures a test may change. */
export type View = { -readonly [Key in keyof EndpointView]: EndpointView[Key] };

/** An endpoint: idle, of weight 1, and nothing is known of it, unless the test says so. */
export function endpoint(address: string, known: Partial<EndpointView> = {}): View {
  return {
    address,
    weight: 1,
    inFlight: 0,
    oldestAtMs: 0,
    latencyMs: 0,
    peakMs: 0,
    updatedAtMs: 0,
    ...known,
  };
}

/** So many endpoints alike, with addresses of their own. */
export function endpoints(count: number, known: Partial<EndpointView> = {}): View[] {
  return Array.from({ length: count }, (_, n) => endpoint(`tcp@10.0.0.${n}:9001`, known));
}

/** The addresses of so many picks in a row. */
export function picks(
  selector: Selector,
  from: readonly EndpointView[],
  count: number,
  nowMs = 0,
): string {
  const taken = Array.from({ length: count }, () => selector.pick(from, { nowMs })!.address);
  return taken.join(" ");
}

/** Randomness that gives these numbers, and throws if more are asked for. */
export function given(...numbers: number[]): () => number {
  return () => {
    const next = numbers.shift();
    if (next === undefined) throw new Error("more random numbers were asked for than expected");
    return next;
  };
}
