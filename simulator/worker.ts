/**
 * A worker, which runs the jobs that it is sent.
 *
 * @module
 */

import type { Job } from "./pool.ts";
import { run } from "./run.ts";
import { SCENARIOS } from "./scenarios.ts";

/** The part of a worker's global scope that is used here. */
const self = globalThis as unknown as {
  onmessage: (event: MessageEvent<Job>) => void;
  postMessage(message: unknown): void;
};

self.onmessage = async ({ data }) => {
  const { scenario, policy, clients } = data;
  const found = SCENARIOS.find(({ name }) => name === scenario);
  if (found === undefined) throw new Error(`there is no scenario ${scenario}`);
  const durationMs = data.durationMs ?? found.durationMs;
  self.postMessage(await run({ ...found, durationMs }, policy, clients));
};
