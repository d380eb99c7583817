/** Runs the plans that it is told to, on a core of its own. */

import { type ExploreJob, explorePart } from "../testing/explorer/job.ts";

/** The part of a worker's own world that is used here. */
const self = globalThis as unknown as {
  onmessage: (event: MessageEvent<ExploreJob>) => void;
  postMessage(message: unknown): void;
};

self.onmessage = async ({ data }) => self.postMessage(await explorePart(data));
