/**
 * Runs cases of one target in a process of its own: arguments are protocol, side, seed, and the
 * first and last number. It says on its standard output, a line of JSON each, how far it is, what
 * failed, and what it has seen.
 */

import type { Protocol } from "../../protocol/codec.ts";
import { type Failed, fuzz, headline, shrunk, toText } from "./fuzzer.ts";
import { knownAs } from "./known.ts";
import type { Side } from "./targets.ts";
import { countWork } from "./work.ts";

/** What a worker says. */
export type Said =
  | { readonly at: number }
  | { readonly headline: string; readonly known?: string; readonly input: string; index: number }
  | {
    readonly frames: number;
    readonly read: number;
    readonly workPerByte: number;
    /** The most that one connection held, in bytes; `undefined` where that was not measured. */
    readonly heldBytes?: number;
  };

/** It says how far it is each so many cases; the one who started it takes silence for a hang. */
const SAID_EACH = 200;
/** The memory is measured each so many cases, of so many connections that are held open. */
const MEASURED_EACH = 10_000;
const HELD = 64;
/** How often a fault is made small. All are counted. */
const SHRUNK = 3;

const collect = (globalThis as { gc?: () => void }).gc;

function say(said: Said): void {
  console.log(JSON.stringify(said));
}

/** Measures what the connections hold that are kept open. */
class Memory {
  heldBytes: number | undefined;
  readonly #held: unknown[] = [];

  add(index: number, held: unknown): void {
    if (collect === undefined) return;
    this.#held[index % HELD] = held;
    if (index % MEASURED_EACH !== MEASURED_EACH - 1) return;
    const full = this.#used();
    this.#held.length = 0;
    this.heldBytes = Math.max(this.heldBytes ?? 0, (full - this.#used()) / HELD);
  }

  #used(): number {
    // Memory outside of the heap is given back only behind the collection that finds it free.
    for (let times = 0; times < 3; times++) collect!();
    const { heapUsed, external } = Deno.memoryUsage();
    return heapUsed + external;
  }
}

async function tell(failed: Failed, seed: number, isShrunk: boolean): Promise<void> {
  const known = knownAs(failed.input, failed.violation);
  const input = isShrunk && known === undefined
    ? await shrunk(failed.input, failed.violation)
    : failed.input;
  const origin = `seed ${seed}, frame ${failed.index}`;
  say({
    headline: headline(failed, seed),
    known: known?.what,
    input: toText(input, failed.violation, origin),
    index: failed.index,
  });
}

if (import.meta.main) {
  const [protocol, side, seed, from, to] = Deno.args;
  countWork();
  const target = { protocol: protocol as Protocol, side: side as Side };
  const memory = new Memory();
  const report = await fuzz(target, Number(seed), Number(from), Number(to), {
    begins: (index) => {
      if (index % SAID_EACH === 0) say({ at: index });
    },
    held: (index, held) => memory.add(index, held),
  });
  for (const [index, failed] of report.failed.entries()) {
    await tell(failed, report.seed, index < SHRUNK);
  }
  const { frames, read, workPerByte } = report;
  say({ frames, read, workPerByte, heldBytes: memory.heldBytes });
}
