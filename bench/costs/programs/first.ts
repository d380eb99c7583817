/**
 * Makes one call and prints when each step was done: `first.ts KIND ADDRESS
 * LIBRARY`, where KIND is `client` or `xclient`. The library is an argument,
 * since Deno loads what the source imports by name before the program begins.
 */

import process from "node:process";

const atMs = () => performance.timeOrigin + performance.now();
const times = [atMs()];
const [kind, address, library] = process.argv.slice(2);
const { dial, MultiServerDiscovery, XClient }: typeof import("@geerpc/xclient") = await import(
  library
);
times.push(atMs());
const client = kind === "client"
  ? await dial(address)
  : new XClient(new MultiServerDiscovery([address]));
times.push(atMs());
const reply = await client.call<number>("Arith.Sum", { A: 1, B: 2 });
times.push(atMs());
if (reply !== 3) throw new Error(`expected the reply 3, got ${reply}`);
console.log(JSON.stringify(times));
await client.close();
