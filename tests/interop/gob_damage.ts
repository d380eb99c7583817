/** Damaged streams of gob: each is decoded or refused. */

import process from "node:process";
import { assert } from "@std/assert";
import { GobDecoder } from "../../gob.ts";
import { RpcError } from "../../errors.ts";
import { seededRandom } from "../../testing.ts";
import { table } from "./gob_table.ts";

const CODES = ["data_loss", "invalid_argument", "resource_exhausted"];

function damage(bytes: Uint8Array, random: () => number): Uint8Array {
  let result = bytes.slice();
  const times = 1 + Math.floor(random() * 3);
  for (let time = 0; time < times; time++) {
    const at = Math.floor(random() * result.length);
    const kind = Math.floor(random() * 5);
    if (kind === 0) result[at] ^= 1 << Math.floor(random() * 8);
    else if (kind === 1) result[at] = random() * 256;
    else if (kind === 2) result = result.slice(0, at);
    else if (kind === 3) {
      const extra = Uint8Array.from(
        { length: 1 + random() * 4 },
        () => random() * 256,
      );
      const longer = new Uint8Array(result.length + extra.length);
      longer.set(result.subarray(0, at));
      longer.set(extra, at);
      longer.set(result.subarray(at), at + extra.length);
      result = longer;
    } else {
      // A count that is far too large.
      result.set([0xf8, 0xff, 0xff, 0xff].slice(0, result.length - at), at);
    }
    if (result.length === 0) break;
  }
  return result;
}

/** Damages streams of a corpus and decodes them. Returns a line with figures. */
export function damageReport(
  corpus: readonly { name: string; bytes: Uint8Array }[],
  seed: number,
  count: number,
): string {
  const random = seededRandom(seed + 2);
  const outcomes = new Map<string, number>();
  let slowest = 0;
  let largestHeap = 0;
  const before = process.memoryUsage().heapUsed;
  const started = performance.now();
  for (let index = 0; index < count; index++) {
    const { name, bytes } = corpus[Math.floor(random() * corpus.length)];
    const damaged = damage(bytes, random);
    const schema = random() < 0.5 ? undefined : table.get(name)?.read;
    const begun = performance.now();
    let outcome = "decoded";
    try {
      const decoder = new GobDecoder({
        maps: random() < 0.5 ? "map" : "object",
      });
      const cut = Math.floor(random() * damaged.length);
      decoder.push(damaged.subarray(0, cut));
      for (let values = 0; decoder.next(schema) !== undefined; values++) {
        assert(values < 1000);
      }
      decoder.push(damaged.subarray(cut));
      while (decoder.next(schema) !== undefined);
      if (decoder.buffered > 0) outcome = "waiting for more";
    } catch (error) {
      if (!(error instanceof RpcError) || !CODES.includes(error.code)) {
        throw new Error(
          `seed ${seed}, stream ${index}, ${name}: ${[...damaged]}`,
          {
            cause: error,
          },
        );
      }
      outcome = error.code;
    }
    slowest = Math.max(slowest, performance.now() - begun);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (index % 1000 === 0) {
      largestHeap = Math.max(
        largestHeap,
        process.memoryUsage().heapUsed - before,
      );
    }
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  assert(largestHeap < 512 * 2 ** 20, `the heap grew by ${largestHeap} bytes`);
  return `${count} broken streams in ${seconds} s, the slowest ${slowest.toFixed(1)} ms, ` +
    `the heap up by ${Math.round(largestHeap / 2 ** 20)} MiB at most: ` +
    [...outcomes].map(([outcome, times]) => `${times} ${outcome}`).join(", ");
}
