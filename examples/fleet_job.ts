/**
 * Has a long job done, and shows how far it has come. If the server is lost on
 * the way, another one goes on where it was:
 * `deno run -A examples/fleet_job.ts 1000000 tcp@10.0.0.1:9001 tcp@10.0.0.2:9001`.
 */

import { XClient } from "@geerpc/xclient";
import type { Progress } from "./streams_server.ts";

/** How the job is cut. */
export interface JobOptions {
  /** How many numbers are looked at between two words of progress. Default 10,000. */
  readonly step?: number;
  /** How long the server rests between, in milliseconds. Default 0. */
  readonly pauseMs?: number;
}

/**
 * Counts the primes up to a number.
 *
 * @param xclient Has one of its servers do it.
 * @param most The number.
 * @param show Called with each progress.
 * @param options How the job is cut.
 * @returns How many there are.
 */
export async function countPrimes(
  xclient: XClient,
  most: number,
  show: (progress: Progress) => void,
  { step = 10_000, pauseMs = 0 }: JobOptions = {},
): Promise<number> {
  const job = { most, step, pauseMs };
  let last: Progress = { upTo: 0, primes: 0 };
  const progress = xclient.stream<Progress>("Jobs.CountPrimes", { ...job, after: last }, {
    resume: (after) => ({ ...job, after }),
  });
  for await (last of progress) show(last);
  return last.primes;
}

if (import.meta.main) {
  const [most, ...servers] = Deno.args;
  await using xclient = new XClient(servers);
  const primes = await countPrimes(xclient, Number(most), ({ upTo, primes }) => {
    console.log(`${primes} primes up to ${upTo}`);
  });
  console.log(`There are ${primes} primes up to ${most}.`);
}
