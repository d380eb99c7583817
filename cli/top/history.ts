/**
 * What servers have said of themselves over time, and the figures of a second that follow.
 *
 * @module
 */

import type { ServerFigures } from "../../connection/introspection/reports.ts";
import { LATENCY_BOUNDS_US } from "../../connection/latencies.ts";

/** Whether a server takes calls, as far as it is known. */
export type State = "serving" | "not_serving" | "silent" | "unreachable" | "untold" | "asking";

/** What one question to a server has shown. */
export interface Sample {
  /** When it was answered. */
  readonly atMs: number;
  readonly state: State;
  /** How long the answer took, in milliseconds. */
  readonly roundTripMs?: number;
  /** Its figures, if it tells them. */
  readonly figures?: ServerFigures;
  /** Why there are none. */
  readonly why?: string;
}

/** One line of the screen. What is `undefined` is not known. */
export interface Row {
  readonly address: string;
  readonly state: State;
  readonly connections?: number;
  /** Handlers that run. */
  readonly running?: number;
  /** Calls that wait to run. */
  readonly waiting?: number;
  readonly callsPerSecond?: number;
  /** Of the calls since the sample before. */
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly refusedPerSecond?: number;
  readonly roundTripMs?: number;
  /** For the small chart: calls a second or, where they are not counted, handlers that run. */
  readonly trend: readonly number[];
  readonly why?: string;
}

const KEPT = 60;

/** The samples of one server. */
export class History {
  readonly address: string;
  #last: Sample = { atMs: 0, state: "asking" };
  #row: Row;
  #trend: readonly number[] = [];

  /** @param address The server. */
  constructor(address: string) {
    this.address = address;
    this.#row = { address, state: "asking", trend: [] };
  }

  /** Takes a sample. */
  add(sample: Sample): void {
    this.#row = this.#rowOf(sample);
    this.#last = sample;
  }

  /** The line of now. */
  get row(): Row {
    return this.#row;
  }

  #rowOf(sample: Sample): Row {
    const { address } = this;
    const { figures, state, roundTripMs, why } = sample;
    const known = {
      ...(roundTripMs === undefined ? {} : { roundTripMs }),
      ...(why === undefined ? {} : { why }),
    };
    if (figures === undefined) {
      this.#trend = [...this.#trend, 0].slice(-KEPT);
      return { address, state, ...known, trend: this.#trend };
    }
    const { connections, running, waiting } = figures;
    const changes = changesOf(this.#last, sample);
    this.#trend = [...this.#trend, changes.callsPerSecond ?? running].slice(-KEPT);
    return {
      address,
      state,
      ...known,
      connections,
      running,
      waiting,
      ...changes,
      trend: this.#trend,
    };
  }
}

type Changes = Pick<Row, "callsPerSecond" | "p50Ms" | "p95Ms" | "refusedPerSecond">;

/** What has happened between two samples. */
function changesOf(before: Sample, now: Sample): Changes {
  const [old, figures] = [before.figures, now.figures];
  const seconds = (now.atMs - before.atMs) / 1000;
  // After a restart the counts begin again: there is nothing to compare.
  if (old === undefined || figures === undefined || seconds <= 0) return {};
  if (figures.uptimeMs < old.uptimeMs) return {};
  const refused = Math.max(0, sumOf(figures.refused) - sumOf(old.refused)) / seconds;
  if (figures.latencies.length === 0) return { refusedPerSecond: refused };
  const counts = new Array<number>(LATENCY_BOUNDS_US.length + 1).fill(0);
  const add = ({ latencies }: ServerFigures, sign: number) => {
    for (const method of latencies) {
      method.counts.forEach((count, bucket) => counts[bucket] += sign * count);
    }
  };
  add(figures, 1);
  add(old, -1);
  const calls = counts.reduce((sum, count) => sum + Math.max(0, count), 0);
  if (calls === 0) return { callsPerSecond: 0, refusedPerSecond: refused };
  return {
    callsPerSecond: calls / seconds,
    p50Ms: quantileMs(counts, calls, 0.5),
    p95Ms: quantileMs(counts, calls, 0.95),
    refusedPerSecond: refused,
  };
}

function sumOf(figures: object): number {
  return Object.values(figures).reduce((sum: number, one) => sum + Number(one), 0);
}

/** The end of the bucket that has it; the last bucket has none, and counts as its beginning. */
function quantileMs(counts: readonly number[], calls: number, share: number): number {
  let left = Math.ceil(share * calls);
  const bucket = counts.findIndex((count) => (left -= Math.max(0, count)) <= 0);
  return (LATENCY_BOUNDS_US[bucket] ?? LATENCY_BOUNDS_US.at(-1)!) / 1000;
}
