/**
 * Runs on all the cores there are.
 *
 * @module
 */

import type { Policy } from "./policies.ts";
import type { Outcome } from "./run.ts";

/** One run, by names. */
export interface Job {
  /** The scenario's name. */
  readonly scenario: string;
  /** Who picks. */
  readonly policy: Policy;
  /** How many clients. */
  readonly clients: number;
  /** For how long calls are made, in milliseconds. Default: as the scenario says. */
  readonly durationMs?: number;
}

/**
 * Runs them all.
 *
 * @param jobs What to run.
 * @param onDone Told of each, as it ends.
 * @returns What came of each, in order.
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
