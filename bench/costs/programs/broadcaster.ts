/**
 * Makes broadcasts: `broadcaster.ts ADDRESS…`. Commands: `steady SERVERS MS`,
 * `failing SERVERS ROUNDS`.
 */

import process from "node:process";
import { MultiServerDiscovery, XClient } from "@geerpc/xclient";
import { answerLines } from "../../peers/measured.ts";
import { cancel } from "./failing.ts";

/** How long broadcasts on open connections take. */
export interface Steady {
  /** The time of each broadcast, in milliseconds. */
  readonly times: readonly number[];
  /** The CPU time of this process for one broadcast, in milliseconds. */
  readonly cpuMs: number;
}

const WARM_UP = 0.4;

const addresses = process.argv.slice(2);
console.log("ready");
await answerLines(([command, servers, limit]) => {
  const some = addresses.slice(0, Number(servers));
  if (command === "steady") return steady(some, Number(limit));
  // The failing server counts as one of them.
  if (command === "failing") return cancel(some.slice(1), Number(limit));
  throw new Error(`unknown command ${command}`);
});

async function steady(addresses: readonly string[], ms: number): Promise<Steady> {
  await using xclient = new XClient(new MultiServerDiscovery([...addresses]));
  let turn = 0;
  const broadcast = async () => {
    const expected = ++turn;
    const reply = await xclient.broadcast<number>("Arith.Sum", { A: 0, B: expected });
    if (reply !== expected) throw new Error(`expected ${expected}, got ${reply}`);
  };
  const until = async (endMs: number) => {
    const times: number[] = [];
    for (let now = performance.now(); now < endMs;) {
      await broadcast();
      const before = now;
      now = performance.now();
      times.push(now - before);
    }
    return times;
  };
  await until(performance.now() + ms * WARM_UP);
  const before = process.cpuUsage();
  const times = await until(performance.now() + ms);
  const { user, system } = process.cpuUsage(before);
  return { times, cpuMs: (user + system) / 1000 / times.length };
}
