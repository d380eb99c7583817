import { assertEquals } from "@std/assert";
import { createSelector, type EndpointView, SelectMode } from "../../selector.ts";
import { endpoint, endpoints, given, picks, type View } from "../support/endpoint_views.ts";

Deno.test("two at random are always two distinct endpoints", () => {
  for (const mode of [SelectMode.LeastLoaded, SelectMode.PeakEwma] as const) {
    for (let length = 2; length <= 5; length++) {
      const seen = new Set<string>();
      for (let one = 0; one < length; one++) {
        for (let other = 0; other < length - 1; other++) {
          const looked = new Set<number>();
          const from = endpoints(length).map((known, place) =>
            new Proxy(known, {
              get: (target, field) => (looked.add(place), target[field as keyof View]),
            })
          );
          const random = given((one + 0.5) / length, (other + 0.5) / (length - 1));
          createSelector(mode, { random }).pick(from, { nowMs: 0 });
          assertEquals(looked.size, 2);
          seen.add([...looked].sort().join());
        }
      }
      assertEquals(seen.size, length * (length - 1) / 2); // each pair can come
    }
  }
});

Deno.test("least loaded of two: (in flight + 1) / weight", () => {
  const both = () => given(0.1, 0.1); // the first and the second
  const pick = (a: Partial<EndpointView>, b: Partial<EndpointView>) =>
    picks(createSelector(SelectMode.LeastLoaded, { random: both() }), [
      endpoint("a", a),
      endpoint("b", b),
    ], 1);
  assertEquals(pick({ inFlight: 2 }, { inFlight: 1 }), "b");
  assertEquals(pick({ inFlight: 1 }, { inFlight: 2 }), "a");
  assertEquals(pick({ inFlight: 4, weight: 3 }, { inFlight: 1 }), "a"); // 5/3 and 2
  assertEquals(pick({ inFlight: 6, weight: 3 }, { inFlight: 1 }), "b"); // 7/3 and 2
});

Deno.test("peak EWMA of two: estimate × (in flight + 1), faded when idle", () => {
  const pick = (a: Partial<EndpointView>, b: Partial<EndpointView>, nowMs = 0) =>
    picks(
      createSelector(SelectMode.PeakEwma, { random: given(0.1, 0.1) }),
      [endpoint("a", a), endpoint("b", b)],
      1,
      nowMs,
    );
  assertEquals(pick({ peakMs: 20 }, { peakMs: 10 }), "b");
  assertEquals(pick({ peakMs: 20 }, { peakMs: 10, inFlight: 2 }), "a"); // 20 and 30
  assertEquals(pick({ peakMs: 20, inFlight: 1 }, { peakMs: 10, inFlight: 2 }), "b"); // 40 and 30
  // Ten seconds of idleness: 20/e = 7.36 against 10 of just now.
  const now = 10_000;
  assertEquals(pick({ peakMs: 20 }, { peakMs: 10, updatedAtMs: now }, now), "a");
  assertEquals(pick({ peakMs: 28 }, { peakMs: 10, updatedAtMs: now }, now), "b"); // 10.3
  // One that has answered nothing yet: tried once, not flooded.
  assertEquals(pick({ peakMs: 0 }, { peakMs: 10 }), "a");
  assertEquals(pick({ peakMs: 0, inFlight: 1 }, { peakMs: 10 }), "b");
});
