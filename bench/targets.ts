/** What the library promises, as ratios of one run. */

import { NAMES } from "./contestants.ts";
import { ratio, type Series } from "./rounds.ts";

/** A ratio of two who were measured. */
export interface Target {
  readonly one: string;
  readonly other: string;
  readonly work: string;
  readonly inFlight: number;
  /** The least that is promised; absent: shown only. */
  readonly least?: number;
}

/** A target with what was reached. */
export interface Reached extends Target {
  readonly ratio: number;
}

/** The targets, and what else is worth a ratio. */
export const TARGETS: readonly Target[] = [
  { one: NAMES.client, other: NAMES.grpc, work: "add", inFlight: 64, least: 30 },
  { one: NAMES.client, other: NAMES.connect, work: "add", inFlight: 64, least: 30 },
  { one: NAMES.client, other: NAMES.moleculer, work: "add", inFlight: 64 },
  { one: NAMES.client, other: NAMES.goGob, work: "add", inFlight: 64, least: 4 },
  { one: NAMES.client, other: NAMES.goJson, work: "add", inFlight: 64 },
  { one: NAMES.client, other: NAMES.rpcx, work: "add", inFlight: 64, least: 3 },
  { one: NAMES.client, other: NAMES.rawDeno, work: "add", inFlight: 1, least: 0.95 },
  { one: NAMES.nodeClient, other: NAMES.rawNode, work: "add", inFlight: 1 },
  { one: NAMES.xclientOne, other: NAMES.client, work: "add", inFlight: 64 },
  { one: NAMES.xclient, other: NAMES.client, work: "add", inFlight: 64, least: 0.85 },
  { one: NAMES.clientToGo, other: NAMES.goGob, work: "add", inFlight: 64, least: 1.1 },
  { one: NAMES.clientGob, other: NAMES.goGob, work: "add", inFlight: 64 },
  { one: NAMES.client, other: NAMES.rawDeno, work: "echo64k", inFlight: 1, least: 0.5 },
  { one: NAMES.client, other: NAMES.rawDeno, work: "echo64k", inFlight: 64, least: 0.5 },
  { one: NAMES.client, other: NAMES.rawDeno, work: "echo64k", inFlight: 256, least: 0.5 },
  { one: NAMES.client, other: NAMES.rawDeno, work: "echo1k", inFlight: 64 },
  { one: NAMES.nodeClient, other: NAMES.client, work: "add", inFlight: 64, least: 0.8 },
  { one: NAMES.nodeClient, other: NAMES.grpc, work: "add", inFlight: 64 },
];

/** What was measured, with the name of the work. */
export interface WorkSeries extends Series {
  readonly work: string;
}

/** The ratios of those who took part. */
export function reached(series: readonly WorkSeries[]): Reached[] {
  const find = (name: string, { work, inFlight }: Target) =>
    series.find((each) => each.name === name && each.work === work && each.inFlight === inFlight);
  return TARGETS.flatMap((target) => {
    const [one, other] = [find(target.one, target), find(target.other, target)];
    return one && other ? [{ ...target, ratio: ratio(one, other) }] : [];
  });
}
