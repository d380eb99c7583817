/**
 * Makes one call and says when each step was done: `first.ts KIND ADDRESS
 * LIBRARY`, where KIND is `client` or `xclient`. Only an argument names the
 * library, since Deno loads what is named in the text before the program begins.
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
