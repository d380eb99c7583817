/**
 * How long calls take between the faults of a fleet of real processes, beside
 * the time before the first; the task `bench:chaos`.
 */

import { type CalmSamples, runChaos, type Sample } from "../tests/support/chaos.ts";

const SEED = 20_240_613;
/** The target: the 99th percentile grows by no more than this factor. */
const MOST = 2;

function p99(samples: readonly Sample[]): number {
  const times = samples.map(({ tookMs }) => tookMs).sort((one, other) => one - other);
  return times[Math.min(Math.floor(times.length * 0.99), times.length - 1)];
}

function growth(name: string, { before, between }: CalmSamples): number {
  const [first, then] = [p99(before), p99(between)];
  console.log(
    `${name}: p99 ${first.toFixed(1)} ms before the first fault (${before.length} calls), ` +
      `${then.toFixed(1)} ms between faults (${between.length} calls)`,
  );
  return then / first;
}

const { samples, story, calm, undisturbed } = await runChaos(SEED);
console.log(story.join("\n"));
const fleet = growth("the fleet", calm);
// A machine that others use too may itself have become slower meanwhile.
const machine = Math.max(1, growth("a server without faults", undisturbed));
const slowest = Math.max(...samples.map(({ tookMs }) => tookMs));
console.log(
  `all ${samples.length} calls: p99 ${p99(samples).toFixed(1)} ms, slowest ${
    slowest.toFixed(0)
  } ms`,
);
const ratio = fleet / machine;
console.log(`${ratio.toFixed(2)} times, at most ${MOST}: ${ratio <= MOST ? "met" : "MISSED"}`);
