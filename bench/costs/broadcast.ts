/** How long a broadcast takes, and how soon it is canceled everywhere when one server fails. */

import { median } from "../rounds.ts";
import { type Figure, type Part, type PartContext, row, RUNTIMES, startPair } from "./part.ts";
import type { Steady } from "./programs/broadcaster.ts";
import type { Cancelling } from "./programs/failing.ts";

const SIZES = [10, 100, 1000];
const STEADY_MS = 2500;
/** How many cancellations, in how many rounds at least: with few servers it takes long to warm up. */
const CANCELS = 6000;
const MIN_ROUNDS = 15;

/** Broadcasts over real sockets; all servers are listeners of one other process. */
export const broadcast: Part = {
  name: "broadcast",
  title: "a broadcast on open connections; and from the first failure to the last cancellation",
  measure,
};

async function measure(context: PartContext): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const runtime of context.runtimes) {
    await using pair = await startPair(context, runtime, "broadcaster.ts", Math.max(...SIZES));
    const { client } = pair;
    for (const size of SIZES) {
      const name = `${RUNTIMES[runtime]}, ${size.toLocaleString("en-US")} servers`;
      context.progress(name);
      const { times, cpuMs } = await client.ask<Steady>(`steady ${size} ${STEADY_MS}`);
      context.progress(`${name}, one of which fails`);
      const rounds = Math.max(MIN_ROUNDS, CANCELS / size);
      const cancels = await client.ask<Cancelling[]>(`failing ${size} ${rounds}`);
      const ms = median(times);
      const canceledMs = median(cancels.map((each) => each.canceledMs));
      figures.push(...row(name, {
        "ms": ms,
        "µs a server": ms / size * 1000,
        "µs of CPU a server": cpuMs / size * 1000,
        "failure to last cancel, ms": canceledMs,
        "µs a cancel": canceledMs / (size - 1) * 1000,
        "failure to rejection, ms": median(cancels.map((each) => each.rejectedMs)),
      }));
    }
  }
  return figures;
}
