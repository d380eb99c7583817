/**
 * What the programs that are measured share, on Deno and on Node: they read
 * commands from their standard input, one per line, and answer each with a line
 * of JSON.
 */

import process from "node:process";
import { createInterface } from "node:readline";

/** The result of one measurement. Times of single calls are in microseconds. */
export interface Figures {
  readonly calls: number;
  readonly ms: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** One kind of work: a call, and how to check its reply. */
export interface Work {
  call(): Promise<unknown>;
  isExpected(reply: unknown): boolean;
}

/** Kinds of work by name. */
export type Works = Readonly<Record<string, Work>>;

/** The lengths of the echoed texts, by the name of the work. */
export const ECHO_SIZES = { echo1k: 1 << 10, echo64k: 64 << 10 } as const;

/** The share of the time before which nothing counts: the first replies of a slow client come late. */
const LEAD_IN = 0.25;
/** With more than one call in flight, each caller times only one in so many of its calls. */
const STRIDE = 16;

/** Answers commands until the standard input ends, and ends the program then. */
export async function answerLines(answer: (words: string[]) => unknown): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await answer(line.split(" "))));
  }
  process.exit();
}

/** The kinds of work of a client, made from its calls; those with bytes only if it can send them. */
export function worksOf(
  sum: (a: number, b: number) => Promise<unknown>,
  echo: (text: string) => Promise<unknown>,
  echoBytes?: (bytes: Uint8Array) => Promise<unknown>,
): Works {
  const works: Record<string, Work> = {
    add: { call: () => sum(1, 2), isExpected: (reply) => reply === 3 },
  };
  for (const [name, size] of Object.entries(ECHO_SIZES)) {
    const text = "x".repeat(size);
    works[name] = {
      call: () => echo(text),
      isExpected: (reply) => typeof reply === "string" && reply.length === size,
    };
  }
  if (echoBytes !== undefined) {
    const bytes = new Uint8Array(ECHO_SIZES.echo64k).fill(120);
    works.bytes64k = {
      call: () => echoBytes(bytes),
      isExpected: (reply) => reply instanceof Uint8Array && reply.length === bytes.length,
    };
  }
  return works;
}

/** Answers commands `measure WORK IN_FLIGHT MILLISECONDS`. */
export function answerWith(works: Works): Promise<void> {
  return answerMeasures((work, inFlight, ms) => callFor(works[work], inFlight, ms));
}

/** As {@linkcode answerWith}, for programs that keep calls in flight in their own way. */
export function answerMeasures(
  measure: (work: string, inFlight: number, ms: number) => Promise<Figures>,
): Promise<void> {
  console.log("ready");
  return answerLines(([command, work, inFlight, ms]) => {
    if (command !== "measure") throw new Error(`unknown command ${command}`);
    return measure(work, Number(inFlight), Number(ms));
  });
}

/** Summarises the times of single calls, which are in milliseconds. */
export function figures(calls: number, ms: number, samples: number[]): Figures {
  const sorted = Float64Array.from(samples).sort();
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] * 1000;
  return { calls, ms, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

async function callFor(work: Work, inFlight: number, ms: number): Promise<Figures> {
  const samples: number[] = [];
  let replies = 0;
  let running = true;
  const check = (reply: unknown) => {
    if (!work.isExpected(reply)) {
      throw new Error(`an unexpected reply: ${String(reply).slice(0, 100)}`);
    }
    replies++;
  };
  const caller = async (_: unknown, place: number) => {
    for (let turn = place; running; turn++) {
      if (inFlight > 1 && turn % STRIDE !== 0) {
        check(await work.call());
      } else {
        const from = performance.now();
        check(await work.call());
        samples.push(performance.now() - from);
      }
    }
  };
  const callers = Promise.all(Array.from({ length: inFlight }, caller));
  // A caller only ends early if it fails.
  const wait = (ms: number) =>
    Promise.race([new Promise((resolve) => setTimeout(resolve, ms)), callers]);
  await wait(ms * LEAD_IN);
  const from = performance.now();
  replies = samples.length = 0;
  await wait(ms);
  const [calls, passed] = [replies, performance.now() - from];
  running = false;
  await callers;
  return figures(calls, passed, samples);
}
