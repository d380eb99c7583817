/** How much memory a program uses, on Deno and on Node; needs `--expose-gc`. */

import process from "node:process";

/** Bytes. */
export interface Memory {
  /** Objects on the heap. */
  readonly heap: number;
  /** What buffers and the runtime's own objects hold outside the heap. */
  readonly external: number;
  /** All that the process has in memory. */
  readonly rss: number;
}

/** How long what has been closed may take to be gone. */
const SETTLE_MS = 30;

/** What is left after garbage collection. */
export async function memory(): Promise<Memory> {
  const { gc } = globalThis as { gc?: () => void };
  for (let turn = 0; turn < 4; turn++) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    gc?.();
  }
  const { heapUsed: heap, external, rss } = process.memoryUsage();
  return { heap, external, rss };
}
