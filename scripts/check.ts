/** Checks formatting, lint, types and docs; the task `check`. */

import { exec } from "./exec.ts";
import { isOffline, stdFlags } from "./std.ts";
import config from "../deno.json" with { type: "json" };

const flags = await stdFlags();
// `deno lint` takes no import map, and would wait for JSR. With a closed port
// in its place it goes on at once, and still finds slow types.
const lintEnv = await isOffline() ? { JSR_URL: "http://127.0.0.1:9/" } : undefined;

const checks: [args: string[], env?: Record<string, string>][] = [
  [["fmt", "--check"]],
  [["lint", "--quiet"], lintEnv],
  [["check", ...flags, "."]],
  [["doc", "--lint", ...flags, ...Object.values(config.exports)]],
];

let failed = 0;
for (const [args, env] of checks) {
  console.log(`deno ${args.filter((arg) => !flags.includes(arg)).join(" ")}`);
  const { code } = await exec(Deno.execPath(), args, { env });
  if (code !== 0) failed++;
}
console.log(failed ? `${failed} of ${checks.length} checks failed` : "ok");
Deno.exit(failed ? 1 : 0);
