/**
 * For tests of programs that use this library: a network in memory, a clock
 * that stands still until it is advanced, seeded randomness, and a fleet whose
 * servers fail on demand.
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
