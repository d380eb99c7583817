/**
 * Explores schedules on all cores; the task `explore`. Each seed is a plan of
 * servers, clients, calls and faults; see docs/testing.md.
 *
 *     deno task explore --seeds 100000 --from 1 --jobs 2
 *     deno task explore --plan build/explorer/seed-17.json
 *     deno task explore --seeds 1000 --without none   (known faults too)
 */

import {
  type ExploredFailure,
  type ExploreJob,
  type ExploreOutcome,
  RARE_PATHS,
} from "../testing/explorer/job.ts";
import { ExploreError, type Feature, FEATURES, KNOWN_FAULTS, runPlan } from "../testing.ts";

/** So many plans are given to a worker at a time. */
const JOB_SEEDS = 250;
/** After so many failing seeds the rest is not run. */
const MOST_FAILURES = 10;
/** A run this long must have come through every rare path. */
const ENOUGH_SEEDS = 10_000;
const OUT = "build/explorer";
const USAGE =
  `Usage: deno task explore [--seeds N] [--from K] [--jobs J] [--without A,B] [--plan FILE]
  --seeds N      how many plans are run (default 10000)
  --from K       the first seed (default 1)
  --jobs J       how many run at a time (default: one for each core)
  --without A,B  what plans have not got, "none" for nothing (default ${KNOWN_FAULTS.join(",")});
                 the names are ${FEATURES.join(", ")}
  --plan FILE    runs one plan, as it was written for a seed that failed`;

const options = read(Deno.args);
Deno.exit(options.plan === undefined ? await exploreAll() : await runOne(options.plan));

interface Options {
  seeds: number;
  from: number;
  jobs: number;
  without: readonly Feature[];
  plan?: string;
}

function read(args: readonly string[]): Options {
  const options: Options = {
    seeds: 10_000,
    from: 1,
    jobs: navigator.hardwareConcurrency,
    without: KNOWN_FAULTS,
  };
  for (let at = 0; at < args.length; at += 2) {
    const [name, value] = [args[at].slice(2), args[at + 1]];
    if (name === "plan" && value !== undefined) options.plan = value;
    else if (name === "without" && value !== undefined) {
      const names = value === "none" ? [] : value.split(",");
      const unknown = names.find((name) => !(FEATURES as readonly string[]).includes(name));
      if (unknown !== undefined) fail(`--without ${unknown}: there is no feature of that name`);
      options.without = names as Feature[];
    } else if (name === "seeds" || name === "from" || name === "jobs") {
      options[name] = Number(value);
      const least = name === "from" ? 0 : 1;
      if (!(options[name] >= least) || !Number.isInteger(options[name])) {
        fail(`${args[at]} must be a whole number from ${least} on, got ${value}`);
      }
    } else fail(`unknown or without a value: ${args[at]}`);
  }
  return options;
}

function fail(message: string): never {
  console.error(`${message}\n${USAGE}`);
  Deno.exit(2);
}

async function runOne(file: string): Promise<number> {
  const plan = JSON.parse(await Deno.readTextFile(file));
  const result = await runPlan(plan, { without: options.without });
  const error = new ExploreError(plan.seed, result);
  console.log(error.diagram);
  for (const { property, message } of error.violations) console.log(`${property}: ${message}`);
  if (error.violations.length === 0) console.log("everything held");
  return error.violations.length === 0 ? 0 : 1;
}

async function exploreAll(): Promise<number> {
  const { seeds, from, jobs, without } = options;
  const startedAtMs = performance.now();
  const failures: ExploredFailure[] = [];
  const coverage = new Map<string, number>();
  let plans = 0;
  let calls = 0;
  let next = from;
  const work = async () => {
    const worker = new Worker(new URL("./explore_worker.ts", import.meta.url), { type: "module" });
    while (next < from + seeds && failures.length < MOST_FAILURES) {
      const job: ExploreJob = {
        from: next,
        seeds: Math.min(JOB_SEEDS, from + seeds - next),
        without,
      };
      next += job.seeds;
      const outcome = await ask(worker, job);
      plans += outcome.plans;
      calls += outcome.calls;
      for (const [path, count] of outcome.coverage) {
        coverage.set(path, (coverage.get(path) ?? 0) + count);
      }
      for (const failure of outcome.failures) await show(failure);
      failures.push(...outcome.failures);
      if (plans % (40 * JOB_SEEDS) < JOB_SEEDS) console.log(`${plans} plans, seconds ${took()}`);
    }
    worker.terminate();
  };
  const took = () => Math.round((performance.now() - startedAtMs) / 1000);
  await Promise.all(Array.from({ length: jobs }, work));
  console.log(`\n${plans} plans, ${calls} calls, ${took()} s; without: ${without.join(", ")}`);
  const missing = RARE_PATHS.filter((path) => !coverage.has(path));
  for (const path of RARE_PATHS) {
    console.log(`${String(coverage.get(path) ?? 0).padStart(8)}  ${path}`);
  }
  const isComplete = missing.length === 0 || plans < ENOUGH_SEEDS;
  if (!isComplete) console.log(`never happened: ${missing.join("; ")}`);
  console.log(failures.length === 0 ? "everything held" : `${failures.length} seeds failed`);
  return failures.length === 0 && isComplete ? 0 : 1;
}

function ask(worker: Worker, job: ExploreJob): Promise<ExploreOutcome> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(job);
  });
}

/** Prints a failure, and writes its plan and its diagram to files. */
async function show({ seed, message, plan, mermaid }: ExploredFailure): Promise<void> {
  console.log(`\n${message}\n`);
  await Deno.mkdir(OUT, { recursive: true });
  await Deno.writeTextFile(`${OUT}/seed-${seed}.json`, JSON.stringify(plan, undefined, 2));
  await Deno.writeTextFile(`${OUT}/seed-${seed}.mmd`, `${mermaid}\n`);
  console.log(`written to ${OUT}/seed-${seed}.json and .mmd`);
}
