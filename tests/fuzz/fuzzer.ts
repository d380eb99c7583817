/** Runs cases one after the other, and makes a failing one small. */

import { Cases } from "./cases.ts";
import type { Input, Outcome } from "./outcome.ts";
import { examine, frontOf, type Violation } from "./properties.ts";
import { nameOf, type Target } from "./targets.ts";
import { Whole } from "./whole.ts";

/** One case in so many is fed to whole connections too, and one in so many in one chunk. */
const WHOLE_EACH = 61;
const COMPARED_EACH = 3;

/** A case that has failed. */
export interface Failed {
  readonly index: number;
  readonly input: Input;
  readonly violation: Violation;
}

/** What a run has seen. */
export interface Report {
  readonly target: Target;
  readonly seed: number;
  frames: number;
  /** How many streams were read to their end, however damaged. */
  read: number;
  workPerByte: number;
  readonly failed: Failed[];
}

/** What a run may tell on the way. */
export interface Watcher {
  /** A case begins. */
  begins?(index: number): void;
  /** What its connection would hold. */
  held?(index: number, held: unknown): void;
}

/** Runs the cases from one number to another. */
export async function fuzz(
  target: Target,
  seed: number,
  from: number,
  to: number,
  watcher: Watcher = {},
): Promise<Report> {
  const cases = new Cases(target, seed);
  const fronts = new Map<string, Outcome>();
  const report: Report = { target, seed, frames: to - from, read: 0, workPerByte: 0, failed: [] };
  const whole = await Whole.start(target.protocol);
  for (let index = from; index < to; index++) {
    watcher.begins?.(index);
    const { input, front: name } = cases.make(index);
    let front = fronts.get(name);
    if (front === undefined) fronts.set(name, front = await frontOf(input));
    const examined = examine(input, { front, compares: index % COMPARED_EACH === 0 });
    const figures = examined instanceof Promise ? await examined : examined;
    if (figures.isRead) report.read++;
    report.workPerByte = Math.max(report.workPerByte, figures.workPerByte);
    watcher.held?.(index, figures.held);
    const isWhole = index % WHOLE_EACH === 0 && input.bytes.length < 8192;
    const violation = figures.violation ?? (isWhole ? await whole.examine(input) : undefined);
    if (violation !== undefined) report.failed.push({ index, input, violation });
  }
  await whole.end();
  return report;
}

/** The property that an input breaks, in its chunks or not. */
async function broken(input: Input): Promise<Violation | undefined> {
  const { violation } = await examine(input, { compares: true });
  if (violation !== undefined || input.bytes.length >= 8192) return violation;
  const whole = await Whole.start(input.target.protocol);
  const found = await whole.examine(input);
  await whole.end().catch(() => {});
  return found;
}

/** Makes a failing input smaller, as long as it breaks the same property. */
export async function shrunk(input: Input, { property }: Violation): Promise<Input> {
  let best = input;
  const tries = async (candidate: Input): Promise<boolean> => {
    if ((await broken(candidate))?.property !== property) return false;
    best = candidate;
    return true;
  };
  await tries({ ...best, cuts: [] });
  await tries(without(best, 0, best.intact));
  for (let size = best.bytes.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at + size <= best.bytes.length;) {
      if (!await tries(without(best, at, size))) at += size;
    }
  }
  for (let index = 0; index < best.cuts.length;) {
    if (!await tries({ ...best, cuts: best.cuts.filter((_, at) => at !== index) })) index++;
  }
  return best;
}

function without(input: Input, at: number, size: number): Input {
  const bytes = new Uint8Array(input.bytes.length - size);
  bytes.set(input.bytes.subarray(0, at));
  bytes.set(input.bytes.subarray(at + size), at);
  const intact = input.intact - Math.max(0, Math.min(size, input.intact - at));
  const cuts = input.cuts.map((cut) => cut <= at ? cut : Math.max(at, cut - size));
  return { ...input, bytes, intact, cuts };
}

/** An input as text that can be kept, read and run again. */
export function toText(input: Input, violation: Violation, origin: string): string {
  const { target, limits, isExtended, bytes, intact, cuts } = input;
  const latin1 = [...bytes].map((byte) => String.fromCharCode(byte)).join("");
  return JSON.stringify(
    {
      origin,
      ...violation,
      protocol: target.protocol,
      side: target.side,
      limits,
      intact,
      cuts,
      isExtended,
      latin1,
    },
    undefined,
    2,
  ) + "\n";
}

/** The input of such a text. */
export function fromText(text: string): Input {
  const { protocol, side, limits, isExtended, intact, cuts, latin1 } = JSON.parse(text);
  const bytes = Uint8Array.from(latin1, (character: string) => character.charCodeAt(0));
  return { target: { protocol, side }, limits, isExtended, intact, cuts, bytes };
}

/** Runs an input again. */
export function again(input: Input): Promise<Violation | undefined> {
  return broken(input);
}

/** A line about a failed case. */
export function headline({ input, violation, index }: Failed, seed: number): string {
  return `${nameOf(input.target)}, seed ${seed}, frame ${index}: it does not hold that ` +
    `${violation.property}\n${violation.detail}`;
}
