/** How much memory a program uses, on Deno and on Node; needs `--expose-gc`. */

import process from "node:process";

/** The memory of a process, in bytes. */
export interface Memory {
  /** Objects on the engine's heap. */
  readonly heap: number;
  /** Buffers and the runtime's own objects outside the heap. */
  readonly external: number;
  /** All memory of the process: its resident set. */
  readonly rss: number;
}

/** How long closed connections may take to be released. */
const SETTLE_MS = 30;

/** The memory after garbage collection. */
export async function memory(): Promise<Memory> {
  const { gc } = globalThis as { gc?: () => void };
  for (let turn = 0; turn < 4; turn++) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    gc?.();
  }
  const { heapUsed: heap, external, rss } = process.memoryUsage();
  return { heap, external, rss };
}
