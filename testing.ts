/**
 * What tests of programs that use this library want: a network in memory, a
 * clock that only moves when it is told to, chance that comes out the same
 * each time, and a fleet whose servers fail on demand.
 *
 * @module
 */

export { FakeClock } from "./fake_clock.ts";
export {
  type FakeFaults,
  FakeFleet,
  type FakeFleetOptions,
  FakeServer,
  type FakeServices,
} from "./fake_fleet.ts";
export { seededRandom } from "./seeded_random.ts";
export { type MemoryFaults, MemoryNetwork, type MemoryNetworkOptions } from "./transport_memory.ts";
