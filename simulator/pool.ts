/**
 * Spreads runs over all cores.
 *
 * @module
 */

import type { Policy } from "./policies.ts";
import type { Outcome } from "./run.ts";

/** One run, by names, so that it can be sent to a worker. */
export interface Job {
  /** The scenario's name. */
  readonly scenario: string;
  /** The policy. */
  readonly policy: Policy;
  /** How many clients make the calls. */
  readonly clients: number;
  /** For how long calls are made, in milliseconds. Default: the scenario's. */
  readonly durationMs?: number;
}

/**
 * Runs all jobs.
 *
 * @param jobs What to run.
 * @param onDone Called with each outcome, as soon as there is one.
 * @returns The outcomes, in the order of the jobs.
 */
export async function runAll(
  jobs: readonly Job[],
  onDone: (outcome: Outcome) => void = () => {},
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  const work = async () => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    while (next < jobs.length) {
      const place = next++;
      outcomes[place] = await ask(worker, jobs[place]);
      onDone(outcomes[place]);
    }
    worker.terminate();
  };
  const workers = Math.min(navigator.hardwareConcurrency, jobs.length);
  await Promise.all(Array.from({ length: workers }, work));
  return outcomes;
}

function ask(worker: Worker, job: Job): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(job);
  });
}
