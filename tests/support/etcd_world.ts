/** A discovery with an etcd in memory, and a clock that the test moves. */

import { assertEquals } from "@std/assert";
import { EtcdDiscovery, type EtcdDiscoveryOptions, type SourceEvent } from "../../etcd.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { FakeEtcd } from "./fake_etcd.ts";
import { settled } from "./helpers.ts";

/** The servers of the tests; A and B are registered at first. */
export const A = "tcp@10.0.0.1:9001";
export const B = "tcp@10.0.0.2:9001?weight=3";
export const C = "tcp@10.0.0.3:9001";

/** What a test works with. */
export interface EtcdWorld {
  etcd: FakeEtcd;
  clock: FakeClock;
  discovery: EtcdDiscovery;
  events: SourceEvent[];
  /** Waits until everything that is in flight has arrived. */
  rest(): Promise<void>;
}

/** Runs a test with two servers registered; afterwards nothing of the discovery may be left. */
export async function inEtcdWorld(
  options: Partial<EtcdDiscoveryOptions>,
  body: (world: EtcdWorld) => Promise<void>,
): Promise<void> {
  const etcd = new FakeEtcd();
  etcd.put("arith/b", B);
  etcd.put("arith/a", A);
  etcd.put("brith/x", "tcp@10.9.9.9:1");
  const clock = new FakeClock();
  const events: SourceEvent[] = [];
  const discovery = new EtcdDiscovery("arith/", {
    endpoints: "http://one",
    fetch: etcd.fetch,
    clock,
    random: () => 0,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const rest = async () => {
    for (let turn = 0; turn < 5; turn++) await settled();
  };
  await body({ etcd, clock, discovery, events, rest });
  await discovery.close();
  assertEquals(clock.timers, 0, "timers are left");
  assertEquals(etcd.watches, 0, "watches are left");
}
