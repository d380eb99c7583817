/**
 * What the programs that are measured share, on Deno and on Node: they read
 * commands from their standard input, one per line, and answer each with a line
 * of JSON.
 */

import process from "node:process";
import { setImmediate } from "node:timers";
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

/** A kind of work that is a stream without end, and how to check its items. */
export interface StreamWork {
  open(): AsyncIterable<unknown>;
  isExpected(item: unknown): boolean;
}

/** Kinds of work by name. */
export type Works = Readonly<Record<string, Work | StreamWork>>;

/** The lengths of the echoed texts, by the name of the work. */
export const ECHO_SIZES = { echo1k: 1 << 10, echo64k: 64 << 10 } as const;
/** The lengths of the echoed bytes, likewise. */
export const BYTES_SIZES = { bytes1k: 1 << 10, bytes64k: 64 << 10, bytes1m: 1 << 20 } as const;
/** The length of a chunk that is streamed. */
export const CHUNK_SIZE = 64 << 10;

/** What a client can do beside adding and echoing texts. */
export interface MoreWork {
  /** Echoes bytes. */
  bytes?: (bytes: Uint8Array) => Promise<unknown>;
  /** Opens a stream of numbers. */
  items?: () => AsyncIterable<unknown>;
  /** Opens a stream of chunks of {@linkcode CHUNK_SIZE} bytes. */
  chunks?: () => AsyncIterable<unknown>;
}

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

/** The kinds of work of a client, made from its calls. */
export function worksOf(
  sum: (a: number, b: number) => Promise<unknown>,
  echo: (text: string) => Promise<unknown>,
  { bytes, items, chunks }: MoreWork = {},
): Works {
  const works: Record<string, Work | StreamWork> = {
    add: { call: () => sum(1, 2), isExpected: (reply) => reply === 3 },
  };
  for (const [name, size] of Object.entries(ECHO_SIZES)) {
    const text = "x".repeat(size);
    works[name] = {
      call: () => echo(text),
      isExpected: (reply) => typeof reply === "string" && reply.length === size,
    };
  }
  for (const [name, size] of Object.entries(bytes ? BYTES_SIZES : {})) {
    const sent = new Uint8Array(size).fill(120);
    works[name] = { call: () => bytes!(sent), isExpected: isBytesOf(size) };
  }
  if (items) works.items = { open: items, isExpected: (item) => typeof item === "number" };
  if (chunks) works.chunks = { open: chunks, isExpected: isBytesOf(CHUNK_SIZE) };
  return works;
}

function isBytesOf(size: number): (reply: unknown) => boolean {
  return (reply) => reply instanceof Uint8Array && reply.length === size;
}

/** Numbers, for streams. */
export async function* numbers(): AsyncGenerator<number> {
  for (let number = 0;; number++) yield number;
}

/** Chunks, for streams. */
export async function* chunksOf(size: number): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(size).fill(120);
  for (;;) yield chunk;
}

/**
 * The same values, with a turn of the event loop now and then: without it, a server that reads them
 * without backpressure does nothing else.
 */
export async function* inTurns<T>(values: AsyncIterable<T>): AsyncGenerator<T> {
  let count = 0;
  for await (const value of values) {
    yield value;
    if (++count % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Answers commands `measure WORK IN_FLIGHT MILLISECONDS`. */
export function answerWith(works: Works): Promise<void> {
  return answerMeasures((name, inFlight, ms) => {
    const work = works[name];
    return "open" in work ? streamFor(work, inFlight, ms) : callFor(work, inFlight, ms);
  });
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

/** Counts the items of so many streams at once. */
async function streamFor(work: StreamWork, streams: number, ms: number): Promise<Figures> {
  let items = 0;
  let running = true;
  const reader = async () => {
    for await (const item of work.open()) {
      if (!work.isExpected(item)) throw new Error(`an unexpected item: ${item}`);
      items++;
      if (!running) break;
    }
  };
  const readers = Promise.all(Array.from({ length: streams }, reader));
  // A reader only ends early if it fails.
  const wait = (ms: number) =>
    Promise.race([new Promise((resolve) => setTimeout(resolve, ms)), readers]);
  await wait(ms * LEAD_IN);
  const from = performance.now();
  items = 0;
  await wait(ms);
  const [calls, passed] = [items, performance.now() - from];
  running = false;
  await readers;
  return { calls, ms: passed, p50: 0, p90: 0, p99: 0, max: 0 };
}
