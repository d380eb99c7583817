/**
 * Explores schedules: draws plans, runs them, and shows the smallest that fails.
 * This file is one function, with its options and the features that it can leave out.
 *
 * @module
 */

import type { Network } from "../../transport.ts";
import { Server } from "../../server.ts";
import { MemoryNetwork } from "../memory_network.ts";
import { Coverage } from "./coverage.ts";
import { drawPlan } from "./draw.ts";
import { diagramOf, mermaidOf } from "./history.ts";
import type { Feature, Plan } from "./plan.ts";
import { checkProperties } from "./properties.ts";
import type { RunResult, Violation } from "./records.ts";
import { Run } from "./run.ts";
import type { ExploredServices } from "./server.ts";
import { shrink } from "./shrink.ts";
import {
  CALL_KEY,
  ECHO,
  type ExploredClient,
  type ExploredClientOptions,
  type ExploredMethod,
  type Subject,
} from "./subject.ts";
import { type Discovery, MultiServerDiscovery } from "../../discovery.ts";

/** What {@linkcode explore} explores, and how long. */
export interface ExploreOptions {
  /** How many plans are run. Default 100. */
  seeds?: number;
  /** The first seed; the others follow it. Default 1. */
  from?: number;
  /**
   * Your services: what each server offers, made anew for each process of a
   * server. Default: a service of the explorer's own, on every protocol.
   */
  services?: ExploredServices | ((server: string) => ExploredServices);
  /** What is called on your services: at least one method, if there are services. */
  methods?: readonly ExploredMethod[];
  /** Looks at each run when it is over; what it throws is a failure of the plan. */
  check?: (run: RunResult) => void;
  /** What plans have not got, by name. Default: what is known not to hold yet. */
  without?: readonly Feature[];
  /** How many runs may be spent on making a failing plan smaller. Default 2,000. */
  shrinkRuns?: number;
  /** Makes the clients. Default: `new XClient(discovery, options)`. */
  client?: (discovery: Discovery, options: ExploredClientOptions) => ExploredClient;
  /** What clients connect with, given the run's network. Default: that. */
  network?: (network: Network) => Network;
}

/** What {@linkcode explore} has seen. */
export interface ExploreReport {
  /** How many plans were run. */
  readonly plans: number;
  /** How many calls they made. */
  readonly calls: number;
  /** How many of them came through each rare path. */
  readonly coverage: ReadonlyMap<string, number>;
  /** The rare paths that none came through. */
  readonly missing: readonly string[];
}

const NOTHING: ExploreReport = { plans: 0, calls: 0, coverage: new Map(), missing: [] };

/** A plan in which something did not hold. */
export class ExploreError extends Error {
  /** `ExploreError`. */
  override readonly name = "ExploreError";
  /** What was seen until then, this plan included. */
  readonly report: ExploreReport;
  /** The seed that it was drawn from. */
  readonly seed: number;
  /** What did not hold, and what was seen. */
  readonly violations: readonly Violation[];
  /** The plan, made as small as could be: `runPlan` runs it again. */
  readonly plan: Plan;
  /** What happened, as a diagram for a terminal. */
  readonly diagram: string;
  /** The same in Mermaid's language. */
  readonly mermaid: string;

  /**
   * Made by {@linkcode explore}.
   *
   * @param seed The seed.
   * @param result The run of the smallest plan that fails.
   * @param report What was seen until then.
   */
  constructor(
    seed: number,
    { plan, violations, history }: RunResult,
    report: ExploreReport = NOTHING,
  ) {
    const diagram = diagramOf(history, namesOf(plan));
    const what = violations.map(({ property, message }) => `${property}: ${message}`).join("\n  ");
    super(`seed ${seed}:\n  ${what}\n\n${planText(plan)}\n\n${diagram}`);
    this.seed = seed;
    this.report = report;
    this.violations = violations;
    this.plan = plan;
    this.diagram = diagram;
    this.mermaid = mermaidOf(history, namesOf(plan));
  }
}

/** A plan with a line for each server, client and step. */
export function planText(plan: Plan): string {
  const { servers, clients, steps, ...rest } = plan;
  const list = (name: string, some: readonly object[]) =>
    `"${name}": [\n${some.map((one) => `    ${JSON.stringify(one)}`).join(",\n")}\n  ]`;
  const parts = [list("servers", servers), list("clients", clients), list("steps", steps)];
  return `${JSON.stringify(rest).slice(0, -1)},\n  ${parts.join(",\n  ")}\n}`;
}

function namesOf({ clients, servers }: Plan): string[] {
  return [...clients, ...servers].map(({ name }) => name);
}

/** Every plan whose seed this divides is run twice, and both runs have to be the same. */
const TWICE_EVERY = 50;

/**
 * What is left out of plans unless the caller says otherwise: it is known not
 * to hold yet.
 */
export const KNOWN_FAULTS: readonly Feature[] = [];

/**
 * Runs programs' services, and the library itself, through schedules that
 * nobody would think of: each seed is a plan of servers, clients, calls and
 * faults, which runs on a clock, a network and chance of its own. In each plan
 * it must hold that every call settles once and in time, that none runs twice
 * unless it may, that errors say truly whether it ran, that budgets hold, that
 * everything ends once all is well, and that nothing is left behind a close.
 *
 * A plan takes some milliseconds. Two explorations must not run at the same
 * time in one process: errors that nobody handles belong to the plan that runs.
 *
 * @param options What is explored, from which seed on, and how many.
 * @returns What was seen, if everything held.
 * @throws {ExploreError} If something did not: the plan is made as small as
 * can be first. It names the seed, what did not hold, the plan, and what happened.
 * @throws {TypeError} If there are services and no methods.
 *
 * @example A service of your own
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { explore } from "@geerpc/xclient/testing";
 *
 * const stock = new Map([["apple", 5]]);
 * const report = await explore({
 *   seeds: 20,
 *   services: { Stock: { Count: (name: string) => stock.get(name) ?? 0 } },
 *   methods: [{
 *     serviceMethod: "Stock.Count",
 *     idempotent: true,
 *     args: (_id, random) => random() < 0.5 ? "apple" : "pear",
 *     check: (reply, name) => assertEquals(reply, name === "apple" ? 5 : 0),
 *   }],
 * });
 * assertEquals(report.plans, 20);
 * ```
 */
export async function explore(options: ExploreOptions = {}): Promise<ExploreReport> {
  const { seeds = 100, from = 1, without = KNOWN_FAULTS, shrinkRuns = 2000 } = options;
  const subject = subjectOf(options);
  const draw = {
    without: new Set(subject.hasStreams ? without : [...without, "streams" as const]),
    protocols: subject.protocols,
    idempotent: subject.methods.map(({ idempotent }) => idempotent),
  };
  const coverage = new Coverage();
  let calls = 0;
  const report = (plans: number): ExploreReport => (
    { plans, calls, coverage: coverage.counts, missing: coverage.missing }
  );
  await warmUp();
  for (let seed = from; seed < from + seeds; seed++) {
    const run = await ran(drawPlan(seed, draw), subject, options);
    coverage.look(run);
    calls += run.calls.size;
    const { property } = run.violations[0] ?? {};
    if (property === undefined && seed % TWICE_EVERY !== 0) continue;
    const again = await ran(run.plan, subject, options);
    if (again.history.text !== run.history.text) {
      const message = `it differs from ${firstDifference(run, again)}`;
      run.violate("the same plan has the same history", message);
      throw new ExploreError(seed, run.result, report(seed - from + 1));
    }
    if (property === undefined) continue;
    let smallest = run; // the last that failed: each of them is a smaller one
    const fails = async (plan: Plan) => {
      const other = await ran(plan, subject, options);
      if (!other.violations.some((violation) => violation.property === property)) return false;
      smallest = other;
      return true;
    };
    await shrink(run.plan, fails, shrinkRuns);
    throw new ExploreError(seed, smallest.result, report(seed - from + 1));
  }
  return report(seeds);
}

/**
 * Runs one plan.
 *
 * @param plan The plan, as an {@linkcode ExploreError} has it.
 * @param options What it is run with, as for {@linkcode explore}.
 * @returns What came of it; its `violations` are empty if everything held.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { runPlan } from "@geerpc/xclient/testing";
 *
 * const { violations, calls } = await runPlan({
 *   seed: 1,
 *   delayMs: 5,
 *   maxMessageBytes: 4096,
 *   servers: [{ name: "s1", protocol: "geerpc/json" }],
 *   clients: [{ name: "c1", mode: "round_robin", failMode: "failover", discovery: "current" }],
 *   steps: [
 *     { atMs: 0, do: "call", id: 1, client: "c1", kind: "call", method: 0, workMs: 100 },
 *     { atMs: 50, do: "cut", server: "s1" },
 *   ],
 * });
 * assertEquals([violations.length, calls[0].outcome?.ok], [0, false]);
 * ```
 */
export async function runPlan(plan: Plan, options: ExploreOptions = {}): Promise<RunResult> {
  await warmUp();
  return (await ran(plan, subjectOf(options), options)).result;
}

/** The first line in which two histories differ. */
function firstDifference(one: Run, other: Run): string {
  const [lines, others] = [one, other].map(({ history }) => history.text.split("\n"));
  const place = lines.findIndex((line, at) => line !== others[at]);
  return `line ${place + 1} on: ${lines[place]} / ${others[place]}`;
}

async function ran(plan: Plan, subject: Subject, options: ExploreOptions): Promise<Run> {
  const { check, without = KNOWN_FAULTS } = options;
  const run = new Run(plan, subject, new Set(without));
  await run.run();
  checkProperties(run);
  try {
    check?.(run.result);
  } catch (error) {
    run.violate("the caller's own check", error instanceof Error ? error.message : String(error));
  }
  return run;
}

function subjectOf({ services, methods, client, network }: ExploreOptions): Subject {
  const own = { client: client ?? ECHO.client, network: network ?? ECHO.network };
  if (services === undefined) return { ...ECHO, ...own };
  if (methods === undefined || methods.length === 0) {
    throw new TypeError("explore: services need methods that are to be called");
  }
  return {
    ...own,
    services: typeof services === "function" ? services : () => services,
    methods,
    protocols: ["geerpc/json"], // it alone has the metadata that tells calls apart
    idOf: (_args, { meta }) => Number(meta[CALL_KEY]),
  };
}

let warm: Promise<void> | undefined;

/** Protocols are loaded when first spoken, which takes real time: that is over before a run. */
function warmUp(): Promise<void> {
  return warm ??= (async () => {
    for (const protocol of ECHO.protocols) {
      const network = new MemoryNetwork();
      const server = new Server();
      for (const [name, service] of Object.entries(ECHO.services("s"))) {
        server.register(name, service);
      }
      const listening = protocol === "geerpc/gob" ? "geerpc/json" : protocol;
      await server.listen("memory@s", { network, protocol: listening });
      const xclient = ECHO.client(new MultiServerDiscovery([`memory@s?protocol=${protocol}`]), {
        network,
      });
      await xclient.call("Explored.Echo", { Id: 1, Text: "warm" });
      await xclient.close();
      await server.close({ graceMs: 0 });
    }
  })();
}
