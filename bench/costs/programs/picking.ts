/** Picks endpoints: `picking.ts MODE SERVERS`. Command: `MS`; the answer is nanoseconds per pick. */

import process from "node:process";
import type { SelectMode } from "@geerpc/xclient";
import { answerLines } from "../../peers/measured.ts";
import { picker } from "../../picker.ts";

/** How many picks there are between two readings of the clock. */
const BATCH = 1000;

const [mode, servers] = process.argv.slice(2);
const pick = await picker(mode as SelectMode, Number(servers));
console.log("ready");
await answerLines(([ms]) => {
  let picks = 0;
  const from = performance.now();
  let now = from;
  for (const end = from + Number(ms); now < end; now = performance.now()) {
    for (let turn = 0; turn < BATCH; turn++) {
      if (pick() === undefined) throw new Error("no endpoint was picked");
    }
    picks += BATCH;
  }
  return (now - from) * 1e6 / picks;
});
