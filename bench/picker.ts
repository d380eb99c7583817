/**
 * A fleet to pick from. The servers are real endpoints of a real fleet, each with
 * some calls in flight and reply times of its own, and time passes, so that
 * what is refreshed now and then is paid for. Beyond 128 servers, policies that
 * look at each see a subset.
 */

import { MultiServerDiscovery } from "../discovery.ts";
import { Fleet } from "../fleet/fleet.ts";
import { healthOptions } from "../fleet/health.ts";
import { InFlight } from "../fleet/load.ts";
import { createSelector, type SelectMode } from "../selector.ts";
import { seededRandom } from "../testing.ts";

/** How many servers are picked from. */
export const FLEET_SIZES = [3, 100, 1000, 10_000];

/** As if a hundred thousand calls a second were made. */
const BETWEEN_PICKS_MS = 0.01;

/**
 * Makes a fleet.
 *
 * @param mode The policy.
 * @param size How many servers.
 * @returns Picks one of them.
 */
export async function picker(
  mode: SelectMode,
  size: number,
): Promise<() => { readonly address: string } | undefined> {
  const random = seededRandom(size);
  const servers = Array.from({ length: size }, (_, place) => `memory@server-${place}`);
  let nowMs = 0;
  const fleet = new Fleet({
    source: new MultiServerDiscovery(servers),
    selector: () => createSelector(mode, { random }),
    mode,
    slowStartMs: 0,
    zone: undefined,
    client: {},
    health: healthOptions(),
    random,
    clock: { now: () => nowMs },
    liveness: { watch() {} },
    onEvent() {},
  });
  await fleet.update();
  for (const endpoint of fleet.endpoints) {
    const answered = new Call();
    endpoint.begin(answered, 0);
    endpoint.end(answered, 5 + random() * 20, "success");
    for (let inFlight = Math.floor(random() * 3); inFlight > 0; inFlight--) {
      endpoint.begin(new Call(), 20 + random() * 10);
    }
  }
  nowMs = 30;
  let calls = 0;
  return () => {
    nowMs += BETWEEN_PICKS_MS;
    return fleet.pick({ nowMs, key: `user-${calls++ & 1023}` });
  };
}

class Call extends InFlight {
  readonly client = undefined;
}
