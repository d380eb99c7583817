/**
 * Holds connections and calls: `holder.ts ADDRESS…`. Commands: `memory`;
 * `open N` and `close` for connections; `join` and `leave` for one `XClient` of
 * all addresses; `hold N` and `release` for calls in flight at the first address.
 */

import process from "node:process";
import { type Client, dial, MultiServerDiscovery, XClient } from "@geerpc/xclient";
import { answerLines } from "../../peers/measured.ts";
import { memory } from "../../peers/memory.ts";

const addresses = process.argv.slice(2);
const DIALS_AT_ONCE = 50;

let clients: Client[] = [];
let xclient: XClient | undefined;
let holder: Client | undefined;
let held = new AbortController();
let heldCalls = 0;
let releasedCalls = 0;
let whenReleased = () => {};

console.log("ready");
await answerLines(async ([command, number]) => {
  if (command === "open") await open(Number(number));
  else if (command === "close") await close();
  else if (command === "join") await join();
  else if (command === "leave") await leave();
  else if (command === "hold") await hold(Number(number));
  else if (command === "release") await release();
  else if (command !== "memory") throw new Error(`unknown command ${command}`);
  return await memory();
});

/** Opens connections, and makes one call on each; they are idle then. */
async function open(count: number): Promise<void> {
  while (clients.length < count) {
    const some = Math.min(DIALS_AT_ONCE, count - clients.length);
    const opened = Array.from({ length: some }, async (_, index) => {
      const client = await dial(addresses[(clients.length + index) % addresses.length]);
      check(await client.call("Arith.Sum", { A: 1, B: 2 }));
      return client;
    });
    clients.push(...await Promise.all(opened));
  }
}

async function close(): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
  clients = [];
}

async function join(): Promise<void> {
  xclient = new XClient(new MultiServerDiscovery(addresses));
  check(await xclient.broadcast("Arith.Sum", { A: 1, B: 2 }, { concurrency: DIALS_AT_ONCE }));
}

async function leave(): Promise<void> {
  await xclient?.close();
  xclient = undefined;
}

/** Makes calls that wait until they are canceled, all by one signal. */
async function hold(count: number): Promise<void> {
  holder ??= await dial(addresses[0], { maxInFlight: count + 1 });
  held = new AbortController();
  heldCalls = count;
  releasedCalls = 0;
  const { signal } = held;
  for (let call = 0; call < count; call++) {
    holder.call("Slow.Wait", undefined, { signal }).catch(released);
  }
  // The server reads this call after the others, so its reply means that all of them are running.
  if (await holder.call("Slow.Until", count) !== count) {
    throw new Error("not all calls are running");
  }
}

function released(error: unknown): void {
  if (error !== held.signal.reason) throw error;
  if (++releasedCalls === heldCalls) whenReleased();
}

async function release(): Promise<void> {
  const all = new Promise<void>((resolve) => whenReleased = resolve);
  held.abort();
  await all;
  if (await holder!.call("Slow.Until", 0) !== 0) throw new Error("some calls are still running");
}

function check(reply: unknown): void {
  if (reply !== 3) throw new Error(`expected the reply 3, got ${reply}`);
}
