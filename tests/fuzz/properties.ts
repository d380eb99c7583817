/** What has to hold for whatever bytes come. */

import { RpcError } from "../../errors.ts";
import { type Input, type Outcome, outcomeOf } from "./outcome.ts";
import { show } from "./show.ts";
import type { Side } from "./targets.ts";

/** A property that does not hold. */
export interface Violation {
  /** Which one: shrinking keeps it. */
  readonly property:
    | "only errors of ours"
    | "what stands in front of the damage is delivered"
    | "chunks make no difference"
    | "work is linear"
    | "values are bounded"
    | "nothing is wrong"
    | "other connections go on"
    | "prototypes stay as they are";
  readonly detail: string;
}

/** What reading may end with. */
const CODES: Readonly<Record<Side, readonly string[]>> = {
  server: ["data_loss", "resource_exhausted"],
  client: ["data_loss", "resource_exhausted", "unavailable"],
  opening: ["data_loss", "unimplemented"],
  connect: ["unavailable"],
};

/**
 * Work in bytes for each byte that is read or answered, however small its chunks, and beside that in
 * all.
 */
const WORK_PER_BYTE = 24;
const WORK_IN_ALL = 4096;

/** Values for each byte that is read, and beside that in all. */
const NODES_PER_BYTE = 32;
const NODES_IN_ALL = 2000;

/** The figures of one input. */
export interface Figures {
  readonly violation?: Violation;
  /** The most work, in bytes for each byte read or answered. */
  readonly workPerByte: number;
  /** Whether it was read to its end. */
  readonly isRead: boolean;
  /** What the connection would hold. */
  readonly held: unknown;
}

/** How an input is examined. */
export interface Examination {
  /** Whether it is also fed in one chunk, to compare. Default: if it has cuts. */
  readonly compares?: boolean;
  /** What is delivered of its undamaged front, if that is known. */
  readonly front?: Outcome;
}

/** What is delivered of the undamaged front of an input. */
export function frontOf(input: Input): Outcome | Promise<Outcome> {
  return outcomeOf({ ...input, bytes: input.bytes.subarray(0, input.intact), cuts: [] });
}

/** Feeds an input and checks everything. */
export function examine(input: Input, how: Examination = {}): Figures | Promise<Figures> {
  const compares = how.compares ?? input.cuts.length > 0;
  const cut = outcomeOf(input);
  const whole = compares ? outcomeOf({ ...input, cuts: [] }) : cut;
  const front = how.front ?? frontOf(input);
  const parts = [cut, whole, front];
  if (cut instanceof Promise) {
    return Promise.all(parts).then((outcomes) => judged(input, outcomes));
  }
  return judged(input, parts as Outcome[]);
}

function judged(input: Input, [cut, whole, front]: Outcome[]): Figures {
  return {
    violation: violationOf(input, cut, whole, front),
    workPerByte: cut.work / Math.max(256, input.bytes.length + (cut.answered ?? 0)),
    isRead: cut.error === undefined,
    held: cut.held,
  };
}

function violationOf(
  input: Input,
  cut: Outcome,
  whole: Outcome,
  front: Outcome,
): Violation | undefined {
  const { side } = input.target;
  for (const { error, wrong } of [cut, whole]) {
    if (wrong !== undefined) return { property: "nothing is wrong", detail: wrong };
    if (error === undefined || isOurs(error, side)) continue;
    const detail = error instanceof Error ? `${error.stack}` : String(error);
    return { property: "only errors of ours", detail };
  }
  const cutText = textOf(cut);
  const wholeText = whole === cut ? cutText : textOf(whole);
  const frontText = textOf(withoutEnd(front));
  if (cutText.text !== wholeText.text) {
    const detail = `in chunks: ${cutText.text}\nin one: ${wholeText.text}`;
    return { property: "chunks make no difference", detail };
  }
  if (isCalls(side) && front.error === undefined) {
    if (!cutText.text.startsWith(frontText.text)) {
      const detail = `undamaged: ${frontText.text}\ndamaged: ${cutText.text}`;
      return { property: "what stands in front of the damage is delivered", detail };
    }
  }
  const most = NODES_IN_ALL + NODES_PER_BYTE * input.bytes.length;
  if (cutText.nodes > most) {
    return {
      property: "values are bounded",
      detail: `${cutText.nodes} values out of ${input.bytes.length} bytes`,
    };
  }
  return workOf(input, cut, whole) ?? polluted();
}

/** Whether an error is what reading may end with. */
function isOurs(error: unknown, side: Side): boolean {
  if (!(error instanceof RpcError)) return false;
  // Which says so with a code of its own choice.
  if (side === "client" && error.message.startsWith("the server refused the connection")) {
    return true;
  }
  return CODES[side].includes(error.code);
}

/** What was delivered, and the code of what ended it. */
function textOf({ events, error }: Outcome): { text: string; nodes: number } {
  let nodes = 0;
  const texts = events.map((event) => {
    const shown = show(event);
    nodes += shown.nodes;
    return `${shown.text},`;
  });
  if (error instanceof RpcError) texts.push(`error ${error.code}`);
  return { text: texts.join(""), nodes };
}

/** What came until the damage. The stream did not end there. */
function withoutEnd(outcome: Outcome): Outcome {
  return { ...outcome, events: outcome.events.filter(([what]) => what !== "end") };
}

function isCalls(side: Side): boolean {
  return side === "server" || side === "client";
}

function workOf(input: Input, cut: Outcome, whole: Outcome): Violation | undefined {
  const { length } = input.bytes;
  const chunks = input.cuts.length + 1;
  for (const [outcome, count] of [[cut, chunks], [whole, whole === cut ? chunks : 1]] as const) {
    const { work, answered = 0 } = outcome;
    if (work > WORK_IN_ALL + WORK_PER_BYTE * (length + answered)) {
      const detail =
        `${work} bytes were gone through for ${length} bytes in ${count} chunks, and ` +
        `${answered} bytes of answers`;
      return { property: "work is linear", detail };
    }
  }
}

function polluted(): Violation | undefined {
  const names = [
    ...Object.keys(Object.prototype),
    ...Object.keys(Array.prototype),
    ...Object.keys(Function.prototype),
  ];
  if (names.length === 0 && !("polluted" in {})) return undefined;
  return { property: "prototypes stay as they are", detail: names.join(", ") };
}
