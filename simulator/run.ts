/**
 * One run: a scenario under a policy, and its outcome. The clients are the real
 * `XClient`, the servers the real `Server`; simulated are the network between
 * them, the work, the time and the randomness.
 *
 * @module
 */

import { RpcError, TimeoutError } from "../errors.ts";
import { FakeClock, FakeFleet, seededRandom } from "../testing.ts";
import { XClient } from "../xclient.ts";
import type { XClientOptions } from "../fleet/options.ts";
import { OracleSelector, type Policy } from "./policies.ts";
import type { Scenario } from "./scenarios.ts";
import { type Arrival, arrivals } from "./workload.ts";

/** For how long after the last call its run goes on, in milliseconds. */
const RUN_OUT_MS = 2000;

/** The outcome of a run. Times are in milliseconds. */
export interface Outcome {
  readonly scenario: string;
  readonly clients: number;
  readonly policy: Policy;
  /** How many calls were made after the warm-up; the figures below count these. */
  readonly calls: number;
  /** How many of the calls ran into their deadline. */
  readonly timeouts: number;
  /** How many of the calls failed otherwise. */
  readonly errors: number;
  /** The median time of a call. A failed call counts with the time that it took. */
  readonly p50: number;
  /** The 99th percentile, likewise. */
  readonly p99: number;
  /** How many calls the servers received, retries included. */
  readonly tries: number;
  /** How many of these the faulty servers received: the first, unless the scenario says more. */
  readonly triesAtFaulty: number;
  /** For each second from the start, the calls of the faulty servers over their fair share. */
  readonly shares: readonly number[];
}

/**
 * Runs a scenario under a policy.
 *
 * @param scenario What happens.
 * @param policy Which policy the clients use.
 * @param clients How many clients make the calls.
 * @param options More options of the clients.
 * @returns The outcome.
 */
export async function run(
  scenario: Scenario,
  policy: Policy,
  clients: number,
  options: XClientOptions = {},
): Promise<Outcome> {
  const { servers, faulty, durationMs, warmUpMs, load, seed, deadlineMs: timeoutMs } = scenario;
  const clock = new FakeClock();
  const fleet = await FakeFleet.start(servers, {
    clock,
    services: { Work: { Do: () => null } },
    workMs: (args) => args as number,
    cores: 1,
    random: seededRandom(1),
  });
  const xclients = Array.from({ length: clients }, (_, place) => {
    const random = seededRandom(1000 * seed + place);
    return new XClient(fleet.discovery, {
      ...fleet.clientOptions,
      random,
      mode: policy === "oracle" ? new OracleSelector(fleet, random) : policy,
      ...options,
    });
  });
  scenario.script(fleet, clock);

  const tally = new Tally(warmUpMs);
  const counts: number[][] = [];
  clock.setTimer(0, function count() {
    const calls = fleet.servers.map((server) => server.calls);
    counts.push([sum(calls.slice(0, faulty)), sum(calls)]);
    if (clock.now() < durationMs) clock.setTimer(1000, count);
  });
  const all = arrivals({ servers, load, clients, durationMs, seed });
  let key = 0;
  const make = ({ atMs, workMs, client }: Arrival) => {
    const options = { timeoutMs, key: policy === "consistent_hash" ? `${key++}` : "" };
    xclients[client].call("Work.Do", workMs, options).then(
      () => tally.succeeded(atMs, clock.now()),
      (error) => tally.failed(atMs, clock.now(), error),
    );
  };
  const next = () => {
    const { value, done } = all.next();
    if (done) return;
    clock.setTimer(value.atMs - clock.now(), () => {
      make(value);
      next();
    });
  };
  next();
  await clock.advance(durationMs + RUN_OUT_MS);
  await Promise.all(xclients.map((xclient) => xclient.close()));
  await fleet.close();

  const { tookMs, timeouts, errors } = tally;
  tookMs.sort((one, other) => one - other);
  const [faultyBefore, allBefore] = counts[Math.ceil(warmUpMs / 1000)];
  const [faultyAfter, allAfter] = counts.at(-1)!;
  return {
    scenario: scenario.name,
    clients,
    policy,
    calls: tookMs.length,
    timeouts,
    errors,
    p50: tookMs[Math.floor(tookMs.length * 0.5)],
    p99: tookMs[Math.floor(tookMs.length * 0.99)],
    tries: allAfter - allBefore,
    triesAtFaulty: faultyAfter - faultyBefore,
    shares: counts.slice(1).map(([atFaulty, atAll], second) => {
      const [faultySoFar, allSoFar] = counts[second];
      return (atFaulty - faultySoFar) / Math.max(1, atAll - allSoFar) * servers / faulty;
    }),
  };
}

/** Counts calls from the end of the warm-up on. */
class Tally {
  readonly tookMs: number[] = [];
  timeouts = 0;
  errors = 0;

  constructor(readonly fromMs: number) {}

  succeeded(atMs: number, nowMs: number): void {
    if (atMs >= this.fromMs) this.tookMs.push(nowMs - atMs);
  }

  failed(atMs: number, nowMs: number, error: unknown): void {
    if (atMs < this.fromMs) return;
    if (error instanceof TimeoutError) this.timeouts++;
    else if (error instanceof RpcError) this.errors++;
    else throw error;
    this.tookMs.push(nowMs - atMs);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
