/**
 * When which client calls, and how much work each call is. The same seed gives
 * the same calls whatever the policy does, so that policies are compared on the
 * same work.
 *
 * @module
 */

import { seededRandom } from "../testing.ts";

/** The mean work of a call, in milliseconds. */
export const MEAN_WORK_MS = 10;
/** The squared coefficient of variation of the work: a heavy tail. */
const WORK_CV2 = 4;

/** One call. */
export interface Arrival {
  /** When the call is made, in milliseconds from the start. */
  readonly atMs: number;
  /** How long it takes alone on an idle server, in milliseconds. */
  readonly workMs: number;
  /** Which client makes it. */
  readonly client: number;
}

/** Options of {@linkcode arrivals}. */
export interface WorkloadOptions {
  /** How many servers share the work. */
  readonly servers: number;
  /** The share of the time in which a server of normal speed works: 0.7 for 70 %. */
  readonly load: number;
  /** How many clients make the calls. */
  readonly clients: number;
  /** For how long calls are made, in milliseconds. */
  readonly durationMs: number;
  /** Seeds the randomness. */
  readonly seed: number;
}

/**
 * The calls of a run: Poisson arrivals, lognormal work, clients at random.
 *
 * @param options Load, duration and seed.
 * @returns The calls, in the order of time.
 */
export function* arrivals(options: WorkloadOptions): Generator<Arrival> {
  const { servers, load, clients, durationMs, seed } = options;
  const random = seededRandom(seed);
  const meanGapMs = MEAN_WORK_MS / (servers * load);
  const variance = Math.log(1 + WORK_CV2);
  const deviation = Math.sqrt(variance);
  const mean = Math.log(MEAN_WORK_MS) - variance / 2;
  for (let atMs = 0;;) {
    atMs -= Math.log(1 - random()) * meanGapMs;
    if (atMs >= durationMs) return;
    const workMs = Math.exp(mean + deviation * normal(random));
    yield { atMs, workMs, client: Math.floor(random() * clients) };
  }
}

/**
 * The number of clients, in words.
 *
 * @param clients Their number.
 * @returns `1 client`, `20 clients`.
 */
export function clientsText(clients: number): string {
  return clients === 1 ? "1 client" : `${clients} clients`;
}

/** A number of the standard normal distribution. Source: Box and Muller. */
function normal(random: () => number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return radius * Math.cos(2 * Math.PI * random());
}
