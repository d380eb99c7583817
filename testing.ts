/**
 * For tests of programs that use this library: a network in memory, a clock
 * that stands still until it is advanced, seeded randomness, a fleet whose
 * servers fail on demand, and an explorer that runs services through random
 * schedules of calls and faults.
 *
 * @module
 */

export {
  explore,
  ExploreError,
  type ExploreOptions,
  type ExploreReport,
  KNOWN_FAULTS,
  runPlan,
} from "./testing/explorer/explore.ts";
export type { HistoryEvent } from "./testing/explorer/history.ts";
export {
  type ArgumentKind,
  type CallStep,
  type ClientPlan,
  type DiscoveryStyle,
  type FaultPoint,
  type FaultStep,
  type Feature,
  FEATURES,
  type OtherStep,
  type Plan,
  type PlanProtocol,
  type PointStep,
  type ServerPlan,
  type ServerStep,
  type Step,
  type StreamKind,
  type StreamStep,
} from "./testing/explorer/plan.ts";
export type {
  CallRecord,
  EventRecord,
  Outcome,
  RunResult,
  Violation,
} from "./testing/explorer/records.ts";
export type { ServerRecord, StreamRecord, StreamRun } from "./testing/explorer/stream_records.ts";
export type { ExploredServices, RunRecord } from "./testing/explorer/server.ts";
export type {
  AllItem,
  ExploredCall,
  ExploredCallOptions,
  ExploredClient,
  ExploredClientOptions,
  ExploredMethod,
  ExploredStream,
  ReceiptRecord,
} from "./testing/explorer/subject.ts";
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
