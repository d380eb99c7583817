/**
 * A scenario of a fleet under load: servers join, leave and are killed, and the
 * source that lists them is down for a while. `etcd_demo.ts` runs it with etcd,
 * and a test with DNS.
 */

import { type Discovery, SelectMode, XClient } from "@geerpc/xclient";
import { until } from "../tests/support/processes.ts";
import type { ServerProcess } from "./server_process.ts";
import { total, Traffic } from "./traffic.ts";

/** A source that lists servers, and how the scenario controls it. */
export interface ScenarioSource {
  /** The client's discovery. */
  readonly discovery: Discovery & AsyncDisposable & { readonly staleMs: number };
  /** Starts a server, and waits until it listens. */
  start(name: string): Promise<ServerProcess>;
  /** Waits until a server is registered. */
  registered(server: ServerProcess): Promise<void>;
  /** Deregisters a server and ends it. */
  leave(server: ServerProcess): Promise<void>;
  /** Called when a server was killed. */
  lost(server: ServerProcess): Promise<void>;
  /** Begins an outage of the source. */
  fail(): Promise<void>;
  /** Ends the outage. */
  recover(): Promise<void>;
}

/** The outcome of the scenario. */
export interface ScenarioOutcome {
  /** What should have happened and did not. */
  readonly missing: readonly string[];
  /** How many calls were answered. */
  readonly answered: number;
  /** What the other calls failed with. */
  readonly errors: readonly unknown[];
}

const CALLERS = 8;
/** The pause between the calls of a caller: load, but less than two cores can take. */
const PAUSE_MS = 5;

/** Runs the scenario. */
export async function runScenario(
  source: ScenarioSource,
  options: { outageMs: number; show: (line: string) => void },
): Promise<ScenarioOutcome> {
  const { discovery } = source;
  const missing: string[] = [];
  const verify = (what: string, happened: boolean) => {
    options.show(`  ${happened ? "ok" : "NO"}  ${what}`);
    if (!happened) missing.push(what);
  };
  const lists = (server: ServerProcess) => discovery.current?.includes(server.address) ?? false;

  const first = await Promise.all(["s1", "s2", "s3", "s4", "s5"].map((name) => source.start(name)));
  await Promise.all(first.map((server) => source.registered(server)));
  await discovery.refresh();
  await until("five servers are listed", () => discovery.current?.length === 5);

  const xclient = new XClient(discovery, {
    mode: SelectMode.RoundRobin,
    idempotent: ["Node.Name"],
  });
  const call = async () => {
    const name = await xclient.call<string>("Node.Name", null, { timeoutMs: 5000 });
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    return name;
  };
  const traffic = new Traffic(call, CALLERS);
  const tallies = [traffic.nextPhase()];
  const seen = (name: string) => tallies.some(({ answered }) => answered.has(name));
  const joins = async (server: ServerProcess, what: string) => {
    await source.registered(server);
    const sinceMs = performance.now();
    await until(`${server.name} answers`, () => seen(server.name));
    options.show(`  ok  ${what} answers ${ms(performance.now() - sinceMs)} after it registered`);
  };
  const goes = async (server: ServerProcess, what: string) => {
    const sinceMs = performance.now();
    await until(`${server.name} is not listed`, () => !lists(server));
    options.show(`  ok  ${what} is out of the list ${ms(performance.now() - sinceMs)} later`);
  };
  try {
    await until("all five answer", () => first.every(({ name }) => seen(name)));
    options.show("  ok  five servers answer");

    await joins(await source.start("s6"), "a sixth server");

    const [s1, s2, s3] = first;
    const leaving = source.leave(s1);
    await goes(s1, "a server that deregisters");
    await leaving;

    await s2.kill();
    await Promise.all([source.lost(s2), goes(s2, "a server that was killed")]);

    const before = discovery.current;
    tallies.push(traffic.nextPhase());
    const failedAt = performance.now();
    await source.fail();
    await s3.kill();
    await source.lost(s3);
    const starting = source.start("s7");
    await until(
      "the outage lasts",
      () => performance.now() - failedAt >= options.outageMs,
      options.outageMs + 5000,
    );
    verify(
      `the source is gone for ${ms(options.outageMs)}, one server with it: the list stays, ${
        ms(discovery.staleMs)
      } old`,
      discovery.current === before && discovery.staleMs > options.outageMs / 2,
    );
    const during = total(tallies[1].answered);
    verify(`${during} calls were answered in the outage`, during > 0);
    const returnedAt = performance.now();
    await source.recover();
    options.show(`      the source is back after ${ms(performance.now() - returnedAt)}`);
    const s7 = await starting;
    await Promise.all([
      joins(s7, "a server that was started in the outage"),
      goes(s3, "the one that was killed in it"),
    ]);
    tallies.push(traffic.nextPhase());
    const left = [first[3], first[4], s7];
    await until(
      "the others answer on",
      () => left.every(({ name }) => tallies[2].answered.has(name)),
    );
    verify("s4, s5, s6 and s7 are what is left", discovery.current?.length === 4);
  } finally {
    await traffic.stop();
    await xclient.close();
  }
  const answered = tallies.reduce((sum, tally) => sum + total(tally.answered), 0);
  const errors = tallies.flatMap((tally) => tally.errors);
  verify(`${answered} calls were answered, ${errors.length} failed`, errors.length === 0);
  return { missing, answered, errors };
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
