/** The targets of `bench:peers`: ratios of calls per second, of one run. */

import { NAMES } from "./contestants.ts";
import { ratio, type Series } from "./rounds.ts";

/** A ratio of two contestants. */
export interface Target {
  readonly one: string;
  readonly other: string;
  readonly work: string;
  readonly inFlight: number;
  /** The least that the ratio has to be; absent if it is only shown. */
  readonly least?: number;
}

/** A target, and what was measured. */
export interface Reached extends Target {
  readonly ratio: number;
  /** Whether the target is met; absent if the ratio is only shown. */
  readonly met?: boolean;
}

/** The targets beside the raw echo, with 1, 64 and 256 calls in flight. */
function againstRaw(one: string, other: string, work: string, least: number[]): Target[] {
  return [1, 64, 256].map((inFlight, place) => ({
    one,
    other,
    work,
    inFlight,
    least: least[place],
  }));
}

/** The targets, and other ratios that are shown. */
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
  { one: NAMES.client, other: NAMES.arpc, work: "add", inFlight: 64, least: 3 },
  { one: NAMES.client, other: NAMES.capnweb, work: "add", inFlight: 64 },
  { one: NAMES.client, other: NAMES.trpc, work: "add", inFlight: 64 },
  { one: NAMES.client, other: NAMES.redis, work: "add", inFlight: 64 },
  ...againstRaw(NAMES.client, NAMES.rawDeno, "echo64k", [0.6, 0.5, 0.4]),
  ...againstRaw(NAMES.nodeClient, NAMES.rawNode, "echo64k", [0.5, 0.4, 0.3]),
  ...againstRaw(NAMES.client, NAMES.rawDeno, "bytes64k", [0.8, 0.7, 0.6]),
  { one: NAMES.client, other: NAMES.rawDeno, work: "chunks", inFlight: 1, least: 0.8 },
  { one: NAMES.nodeClient, other: NAMES.rawNode, work: "chunks", inFlight: 1 },
  { one: NAMES.client, other: NAMES.grpc, work: "items", inFlight: 1, least: 30 },
  ...[NAMES.connect, NAMES.capnweb, NAMES.trpc].map((other) => (
    { one: NAMES.client, other, work: "items", inFlight: 1 }
  )),
  ...[NAMES.grpc, NAMES.connect, NAMES.capnweb, NAMES.goGob, NAMES.rpcx].map((other) => (
    { one: NAMES.client, other, work: "bytes64k", inFlight: 64 }
  )),
  { one: NAMES.client, other: NAMES.rawDeno, work: "echo1k", inFlight: 64 },
  ...[NAMES.grpc, NAMES.connect, NAMES.goGob, NAMES.rpcx].flatMap((other) =>
    ["echo1k", "echo64k"].map((work) => ({ one: NAMES.client, other, work, inFlight: 64 }))
  ),
  { one: NAMES.nodeClient, other: NAMES.client, work: "add", inFlight: 64, least: 0.8 },
  { one: NAMES.nodeClient, other: NAMES.grpc, work: "add", inFlight: 64 },
  { one: NAMES.nodeClient, other: NAMES.connect, work: "add", inFlight: 64 },
  { one: NAMES.nodeClient, other: NAMES.moleculer, work: "add", inFlight: 64 },
];

/** The rates of one contestant and kind of work. */
export interface WorkSeries extends Series {
  readonly work: string;
}

/** The ratios whose two contestants were measured. */
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

/** How many targets are met, in one line. */
export function verdict(ratios: readonly Reached[], targets: readonly Target[] = TARGETS): string {
  const promised = targets.filter(({ least }) => least !== undefined).length;
  const met = ratios.filter(({ met }) => met === true).length;
  const missed = ratios.filter(({ met }) => met === false).length;
  const rest = promised - met - missed;
  return `of ${promised} targets ${met} are met, ${missed} MISSED` +
    (rest > 0 ? `, ${rest} not measured` : "");
}
