/**
 * A part of a long exploration: what a worker is asked, and answers.
 *
 * @module
 */

import { Coverage } from "./coverage.ts";
import { explore, ExploreError } from "./explore.ts";
import type { Feature, Plan } from "./plan.ts";

export { RARE_PATHS } from "./coverage.ts";

/** Some seeds. */
export interface ExploreJob {
  /** The first. */
  readonly from: number;
  /** How many. */
  readonly seeds: number;
  /** What plans have not got. */
  readonly without: readonly Feature[];
}

/** A seed that failed. */
export interface ExploredFailure {
  readonly seed: number;
  /** What did not hold, the plan, and what happened. */
  readonly message: string;
  /** The plan, as small as could be. */
  readonly plan: Plan;
  /** What happened, in Mermaid's language. */
  readonly mermaid: string;
}

/** What came of it. */
export interface ExploreOutcome {
  /** How many plans were run. */
  readonly plans: number;
  /** How many calls they made. */
  readonly calls: number;
  /** How many of them came through each rare path. */
  readonly coverage: ReadonlyMap<string, number>;
  readonly failures: readonly ExploredFailure[];
}

/** The most seeds of one job that are made smaller and told. */
const MOST_FAILURES = 3;

/** Runs a part of an exploration; a seed that fails does not end it. */
export async function explorePart(job: ExploreJob): Promise<ExploreOutcome> {
  const coverage = new Coverage();
  const failures: ExploredFailure[] = [];
  let plans = 0;
  let calls = 0;
  while (plans < job.seeds && failures.length < MOST_FAILURES) {
    const from = job.from + plans;
    try {
      const report = await explore({ from, seeds: job.seeds - plans, without: job.without });
      coverage.add(report.coverage);
      plans += report.plans;
      calls += report.calls;
    } catch (error) {
      if (!(error instanceof ExploreError)) throw error;
      const { seed, message, plan, mermaid } = error;
      failures.push({ seed, message, plan, mermaid });
      coverage.add(error.report.coverage);
      plans += error.report.plans;
      calls += error.report.calls;
    }
  }
  return { plans, calls, coverage: coverage.counts, failures };
}
