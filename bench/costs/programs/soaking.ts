/**
 * Calls a fleet: `soaking.ts ADDRESS…`. Command: `CALLS`; the answer is how long
 * they took and the memory after them.
 */

import process from "node:process";
import { MultiServerDiscovery, XClient } from "@geerpc/xclient";
import { answerLines } from "../../peers/measured.ts";
import { type Memory, memory } from "../../peers/memory.ts";

/** How long some calls took, and the memory after them. */
export interface Soaked {
  readonly ms: number;
  readonly memory: Memory;
}

const IN_FLIGHT = 64;

const xclient = new XClient(new MultiServerDiscovery(process.argv.slice(2)));
console.log("ready");
await answerLines(async ([calls]): Promise<Soaked> => {
  let left = Number(calls);
  const from = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (left-- > 0) {
      const expected = left;
      const reply = await xclient.call<number>("Arith.Sum", { A: expected, B: 0 });
      if (reply !== expected) throw new Error(`expected ${expected}, got ${reply}`);
    }
  }));
  return { ms: performance.now() - from, memory: await memory() };
});
