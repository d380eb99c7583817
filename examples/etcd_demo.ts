/**
 * The demo of etcd: a real etcd that is down for ten seconds, servers in
 * processes of their own that join, leave and are killed, and one client; the
 * task `demo:etcd`. It exits with 0 only if everything has really happened.
 */

import { deadline } from "@std/async/deadline";
import { isEtcdMissing } from "../tests/support/etcd.ts";
import { runEtcdFleet } from "./etcd_fleet.ts";

const LIMIT_MS = 90_000;

if (isEtcdMissing) Deno.exit(1);
console.log("A fleet with etcd, under load");
const startedAt = performance.now();
const outcome = await deadline(
  runEtcdFleet({ outageMs: 10_000, show: (line) => console.log(line) }),
  LIMIT_MS,
);
for (const error of outcome.errors.slice(0, 3)) console.error(error);
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(
  outcome.missing.length === 0 ? `\nAll of it happened, in ${seconds} s.` : "\nNot all happened.",
);
Deno.exit(outcome.missing.length === 0 ? 0 : 1);
