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
  /** Whether that is enough; absent where nothing is promised. */
  readonly met?: boolean;
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
  ...[NAMES.grpc, NAMES.connect, NAMES.goGob, NAMES.rpcx].flatMap((other) =>
    ["echo1k", "echo64k"].map((work) => ({ one: NAMES.client, other, work, inFlight: 64 }))
  ),
  { one: NAMES.nodeClient, other: NAMES.client, work: "add", inFlight: 64, least: 0.8 },
  { one: NAMES.nodeClient, other: NAMES.grpc, work: "add", inFlight: 64 },
  { one: NAMES.nodeClient, other: NAMES.connect, work: "add", inFlight: 64 },
  { one: NAMES.nodeClient, other: NAMES.moleculer, work: "add", inFlight: 64 },
];

/** What was measured, with the name of the work. */
export interface WorkSeries extends Series {
  readonly work: string;
}

/** The ratios of those who took part. */
export function reached(
  series: readonly WorkSeries[],
  targets: readonly Target[] = TARGETS,
): Reached[] {
  const find = (name: string, { work, inFlight }: Target) =>
    series.find((each) => each.name === name && each.work === work && each.inFlight === inFlight);
  return targets.flatMap((target) => {
    const [one, other] = [find(target.one, target), find(target.other, target)];
    if (!one || !other) return [];
    const reached = ratio(one, other);
    const { least } = target;
    return [{
      ...target,
      ratio: reached,
      ...(least === undefined ? {} : { met: reached >= least }),
    }];
  });
}

/** Says in a line what became of the promises. */
export function verdict(ratios: readonly Reached[], targets: readonly Target[] = TARGETS): string {
  const promised = targets.filter(({ least }) => least !== undefined).length;
  const met = ratios.filter(({ met }) => met === true).length;
  const missed = ratios.filter(({ met }) => met === false).length;
  const rest = promised - met - missed;
  return `of ${promised} targets ${met} are met, ${missed} MISSED` +
    (rest > 0 ? `, ${rest} not measured` : "");
}
