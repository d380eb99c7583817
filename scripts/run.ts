/**
 * Runs a Deno command with `@std` from JSR or, where that does not answer, with
 * the stand-ins: `deno run -A scripts/run.ts test -A tests/`.
 */

import { exec } from "./exec.ts";
import { stdFlags } from "./std.ts";

const [command, ...args] = Deno.args;
if (command === undefined) {
  console.error("Usage: deno run -A scripts/run.ts <deno command> [arguments]");
  Deno.exit(2);
}
const flags = await stdFlags();
Deno.exit((await exec(Deno.execPath(), [command, ...flags, ...args])).code);
