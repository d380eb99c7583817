/** Whether memory stays flat through millions of calls. */

import type { Memory } from "../peers/memory.ts";
import { type Figure, type Part, type PartContext, row } from "./part.ts";
import type { Soaked } from "./programs/soaking.ts";
import { certain, trend } from "./trend.ts";

const SERVERS = 3;
/** How often memory is measured. Measuring leaves some bytes itself, so it is not done more often. */
const SAMPLES = 40;
const KIB = 1024;

/** A client that calls three servers without a pause. */
export const soak: Part = {
  name: "soak",
  title:
    "KiB of heap and buffers behind garbage collection; growth in bytes a call over the second half",
  measure,
};

async function measure({ stage, soakCalls, progress }: PartContext): Promise<Figure[]> {
  const start = () => stage.deno("peers/server.ts", "geerpc/json", "1");
  const servers = await Promise.all(Array.from({ length: SERVERS }, start));
  const client = await stage.deno(
    "costs/programs/soaking.ts",
    ...servers.map(({ firstLine }) => firstLine),
  );
  const names = ["client", ...servers.map((_, index) => `server ${index + 1}`)];
  const heaps = names.map((): [calls: number, bytes: number][] => []);
  let rate = "";
  const some = Math.round(soakCalls / SAMPLES);
  for (let sample = 1; sample <= SAMPLES; sample++) {
    progress(`${Math.round((sample - 1) / SAMPLES * 100)} % of ${soakCalls} calls${rate}`);
    const { ms, memory } = await client.ask<Soaked>(`${some}`);
    rate = `, ${Math.round(some / ms * 1000)} a second`;
    const others = await Promise.all(servers.map((server) => server.ask<Memory>("memory")));
    for (const [place, { heap, external }] of [memory, ...others].entries()) {
      heaps[place].push([sample * some, heap + external]);
    }
  }
  for (const program of [client, ...servers]) await program[Symbol.asyncDispose]();
  return names.flatMap((name, place) => {
    const points = heaps[place];
    const line = trend(points.slice(SAMPLES / 2));
    return row(name, {
      "at first": points[0][1] / KIB,
      "in the middle": points[SAMPLES / 2][1] / KIB,
      "at last": points[SAMPLES - 1][1] / KIB,
      "bytes a million calls": line.slope * 1e6,
      "± standard error": line.error * 1e6,
      "certain growth": certain(line),
    });
  });
}
