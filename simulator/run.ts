/**
 * One run: a scenario, a policy, and what came of it. The clients are the
 * shipped `XClient`, the servers the shipped `Server`; simulated are the
 * network between them, the work, time and chance.
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

/** How long a caller waits, in milliseconds. */
export const DEADLINE_MS = 1000;
/** How many servers there are. */
export const SERVERS = 20;

/** What came of a run. Times are in milliseconds. */
export interface Outcome {
  readonly scenario: string;
  readonly clients: number;
  readonly policy: Policy;
  /** How many calls were made. */
  readonly calls: number;
  /** How many of them ran into the deadline. */
  readonly timeouts: number;
  /** How many of them failed otherwise. */
  readonly errors: number;
  /** Half of them had ended after so long; one that failed counts, with the time it took. */
  readonly p50: number;
  /** All but a hundredth of them had. */
  readonly p99: number;
  /** How often they came to a server, retries included. */
  readonly tries: number;
  /** How often they came to the first server, whom most scenarios are about. */
  readonly triesAtFirst: number;
  /** For each second, what came to the first server over a server's fair share. */
  readonly shares: readonly number[];
}

/**
 * Runs a scenario under a policy.
 *
 * @param scenario What happens.
 * @param policy Who picks.
 * @param clients How many clients make the calls.
 * @param options What the clients are told beside the policy.
 * @returns What came of it.
 */
export async function run(
  scenario: Scenario,
  policy: Policy,
  clients: number,
  options: XClientOptions = {},
): Promise<Outcome> {
  const clock = new FakeClock();
  const fleet = await FakeFleet.start(SERVERS, {
    clock,
    services: { Work: { Do: () => null } },
    workMs: (args) => args as number,
    cores: 1,
    random: seededRandom(1),
  });
  const { durationMs, warmUpMs, load, seed } = scenario;
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
  const first = fleet.servers[0];
  const counts: number[][] = [];
  clock.setTimer(0, function count() {
    counts.push([first.calls, sum(fleet.servers.map(({ calls }) => calls))]);
    if (clock.now() < durationMs) clock.setTimer(1000, count);
  });
  const all = arrivals({ servers: SERVERS, load, clients, durationMs, seed });
  let key = 0;
  const make = ({ atMs, workMs, client }: Arrival) => {
    const options = { timeoutMs: DEADLINE_MS, key: policy === "consistent_hash" ? `${key++}` : "" };
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
  await clock.advance(durationMs + 2 * DEADLINE_MS);
  await Promise.all(xclients.map((xclient) => xclient.close()));
  await fleet.close();

  const { tookMs, timeouts, errors } = tally;
  tookMs.sort((one, other) => one - other);
  const [firstBefore, allBefore] = counts[Math.ceil(warmUpMs / 1000)];
  const [firstAfter, allAfter] = counts.at(-1)!;
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
    triesAtFirst: firstAfter - firstBefore,
    shares: counts.slice(1).map(([atFirst, atAll], second) => {
      const [firstSoFar, allSoFar] = counts[second];
      return (atFirst - firstSoFar) / Math.max(1, atAll - allSoFar) * SERVERS;
    }),
  };
}

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
