/** How much memory idle connections and calls in flight hold, and whether they give it back. */

import type { Memory } from "../peers/memory.ts";
import { median } from "../rounds.ts";
import {
  type Figure,
  type Pair,
  type Part,
  type PartContext,
  row,
  RUNTIMES,
  startPair,
} from "./part.ts";

const LISTENERS = 1000;
const CONNECTIONS = 1000;
const CALLS = 10_000;
const ROUNDS = 3;
/** After so many rounds the memory of compiled code has stopped growing. */
const WARM_UPS = 9;

/** The memory of both sides at one time. */
interface Both {
  readonly client: Memory;
  readonly server: Memory;
}

/** Something that holds memory, and the commands that take it and release it. */
interface Subject {
  readonly name: string;
  readonly count: number;
  readonly takeCommand: string;
  readonly releaseCommand: string;
  readonly listeners: number;
}

const SUBJECTS: readonly Subject[] = [
  {
    name: "idle connection",
    count: CONNECTIONS,
    takeCommand: `open ${CONNECTIONS}`,
    releaseCommand: "close",
    listeners: 10,
  },
  {
    name: "server of an idle XClient",
    count: LISTENERS,
    takeCommand: "join",
    releaseCommand: "leave",
    listeners: LISTENERS,
  },
  {
    name: "call in flight",
    count: CALLS,
    takeCommand: `hold ${CALLS}`,
    releaseCommand: "release",
    listeners: 1,
  },
];

/** The memory of connections and calls, at the client and at the server. */
export const memory: Part = {
  name: "memory",
  title: "bytes for each of what is held, and what is left when all have been let go of",
  measure,
};

async function measure(context: PartContext): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const runtime of context.runtimes) {
    for (const subject of SUBJECTS) {
      context.progress(`${RUNTIMES[runtime]}, ${subject.name}`);
      const { name, listeners, count } = subject;
      // One more call is in flight: the one that waits until all others are.
      await using pair = await startPair(context, runtime, "holder.ts", listeners, CALLS + 1);
      const rounds: [before: Both, holding: Both, after: Both][] = [];
      let before = await both(pair, "memory");
      for (let round = 0; round < WARM_UPS + ROUNDS; round++) {
        const holding = await both(pair, subject.takeCommand);
        const after = await both(pair, subject.releaseCommand);
        rounds.push([before, holding, after]);
        before = after;
      }
      const warm = rounds.slice(WARM_UPS);
      for (const side of ["client", "server"] as const) {
        const each = (read: (memory: Memory) => number) =>
          median(warm.map(([from, to]) => (read(to[side]) - read(from[side])) / count));
        const left = median(
          warm.map(([from, , to]) => (heapAndBuffers(to[side]) - heapAndBuffers(from[side]))),
        );
        // In the first round only: later ones reuse what the process has got from the system.
        const [from, to] = rounds[0];
        figures.push(...row(`${RUNTIMES[runtime]}, ${side}: ${name}`, {
          "heap": each(({ heap }) => heap),
          "buffers": each(({ external }) => external),
          "heap + buffers": each(heapAndBuffers),
          "rss, at first": (to[side].rss - from[side].rss) / count,
          "left of each": left / count,
        }));
      }
    }
  }
  return figures;
}

/** Sends the client a command; returns the memory of both sides after it. */
async function both({ client, server }: Pair, command: string): Promise<Both> {
  return {
    client: await client.ask<Memory>(command),
    server: await server.ask<Memory>("memory"),
  };
}

function heapAndBuffers({ heap, external }: Memory): number {
  return heap + external;
}
