/**
 * What tests of programs that use this library want: a network in memory, a
 * clock that only moves when it is told to, chance that comes out the same
 * each time, and a fleet whose servers fail on demand.
 *
 * @module
 */

export { FakeClock } from "./testing/fake_clock.ts";
export {
  type FakeFaults,
  FakeFleet,
  type FakeFleetOptions,
  FakeServer,
  type FakeServices,
} from "./testing/fake_fleet.ts";
export { seededRandom } from "./testing/seeded_random.ts";
export {
  type MemoryFaults,
  MemoryNetwork,
  type MemoryNetworkOptions,
} from "./testing/memory_network.ts";
