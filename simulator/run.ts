/**
 * One run: a scenario under a policy, and its outcome. The clients are the real
 * `XClient`, the servers the real `Server`; simulated are the network between
 * them, the work, the time and the randomness.
 *
 * @module
 */

import { FakeClock, FakeFleet, type FakeServer, seededRandom } from "../testing.ts";
import { XClient } from "../xclient.ts";
import type { XClientOptions } from "../fleet/options.ts";
import { modeOf, type Policy } from "./policies.ts";
import type { Scenario } from "./scenario.ts";
import { quantile, Tally } from "./tally.ts";
import { type Arrival, arrivals, MEAN_WORK_MS } from "./workload.ts";

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
  /** The median time of the calls that were answered. */
  readonly answeredP50: number;
  /** The 99th percentile of these. */
  readonly answeredP99: number;
  /** The median time of the calls that failed otherwise than by their deadline. */
  readonly failedP50: number;
  /** The 99th percentile of these. */
  readonly failedP99: number;
  /** How many calls were answered, over how many all servers can answer at normal speed. */
  readonly goodput: number;
  /** The work of the answered calls, over what all servers can do at normal speed. */
  readonly usefulWork: number;
  /** How many calls the servers received, retries included. */
  readonly tries: number;
  /** How many of these the faulty servers received: the first, unless the scenario says more. */
  readonly triesAtFaulty: number;
  /** How many further tries servers did not run, because they had more calls than was expected. */
  readonly refusedTries: number;
  /** The share of the answers that came from another zone than the client's. */
  readonly outOfZone: number;
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
  const { servers, durationMs, warmUpMs, load, seed, deadlineMs: timeoutMs, zones } = scenario;
  const clock = new FakeClock();
  const tally = new Tally(warmUpMs);
  let outOfZone = 0;
  /** Ends a call at a server: the argument is its work, and who makes it. */
  const work = (server: FakeServer) => ({
    Do: ([, client]: [number, number]) => {
      if (zones !== undefined && clock.now() >= warmUpMs) {
        if (zones.ofServer(server) !== zones.ofClient(client)) outOfZone++;
      }
      return null;
    },
  });
  const fleet = await FakeFleet.start(servers, {
    clock,
    services: (server) => ({ Work: work(server) }),
    workMs: (args) => (args as [number, number])[0],
    cores: 1,
    random: seededRandom(1),
    metadata: (server) => zones === undefined ? "" : `zone=${zones.ofServer(server)}`,
    ...scenario.fleet,
  });
  const xclients = Array.from({ length: clients }, (_, place) => {
    const random = seededRandom(1000 * seed + place);
    return new XClient(fleet.discovery, {
      ...fleet.clientOptions,
      random,
      mode: modeOf(policy, fleet, random),
      ...scenario.client,
      zone: zones?.areTold ? zones.ofClient(place) : undefined,
      ...options,
    });
  });
  scenario.script(fleet, clock);
  const counts = countEverySecond(scenario, fleet, clock);

  let key = 0;
  const make = ({ atMs, workMs, client }: Arrival) => {
    const options = { timeoutMs, key: policy === "consistent_hash" ? `${key++}` : "" };
    xclients[client].call("Work.Do", [workMs, client], options).then(
      () => tally.succeeded(atMs, clock.now(), workMs),
      (error) => tally.failed(atMs, clock.now(), error),
    );
  };
  const all = arrivals({ servers, load, clients, durationMs, seed });
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

  const { tookMs, answeredMs, failedMs, timeouts } = tally;
  const capacityMs = servers * (durationMs - warmUpMs);
  return {
    scenario: scenario.name,
    clients,
    policy,
    calls: tookMs.length,
    timeouts,
    errors: failedMs.length,
    p50: quantile(tookMs, 0.5),
    p99: quantile(tookMs, 0.99),
    answeredP50: quantile(answeredMs, 0.5),
    answeredP99: quantile(answeredMs, 0.99),
    failedP50: quantile(failedMs, 0.5),
    failedP99: quantile(failedMs, 0.99),
    goodput: answeredMs.length * MEAN_WORK_MS / capacityMs,
    usefulWork: tally.workMs / capacityMs,
    outOfZone: outOfZone / answeredMs.length,
    ...sharesOf(scenario, counts),
  };
}

/** How many calls servers had received so far: the faulty ones, all, and those not run. */
interface Count {
  readonly faulty: number;
  readonly all: number;
  readonly refused: number;
}

/** Counts the calls that servers have received, each second. */
function countEverySecond(
  { faulty, durationMs }: Scenario,
  fleet: FakeFleet,
  clock: FakeClock,
): readonly Count[] {
  const counts: Count[] = [];
  const ever = new Set<FakeServer>();
  clock.setTimer(0, function count() {
    for (const server of fleet.servers) ever.add(server);
    const calls = [...ever].map((server) => server.calls);
    counts.push({
      faulty: sum(calls.slice(0, faulty)),
      all: sum(calls),
      refused: sum([...ever].map(refusedBy)),
    });
    if (clock.now() < durationMs) clock.setTimer(1000, count);
  });
  return counts;
}

function refusedBy({ server }: FakeServer): number {
  const { moreThanExpected = 0 }: Partial<Record<string, number>> = { ...server.figures().refused };
  return moreThanExpected;
}

function sharesOf({ servers, faulty, warmUpMs }: Scenario, counts: readonly Count[]) {
  const before = counts[Math.ceil(warmUpMs / 1000)];
  const after = counts.at(-1)!;
  return {
    tries: after.all - before.all,
    triesAtFaulty: after.faulty - before.faulty,
    refusedTries: after.refused - before.refused,
    shares: counts.slice(1).map((count, second) => {
      const inSecond = Math.max(1, count.all - counts[second].all);
      return (count.faulty - counts[second].faulty) / inSecond * servers / faulty;
    }),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
