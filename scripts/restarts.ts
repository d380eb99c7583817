/**
 * Restarts fleets of real processes under load, with every policy and protocol,
 * on Deno, then on Node; the task `restarts`. Its arguments are those of
 * `tests/support/restart_program.ts`, and `--on deno` or `--on node`.
 */

import { exec } from "./exec.ts";
import { emitAll, ROOT } from "./javascript.ts";
import { ownStdFlags } from "./std.ts";

const PROGRAM = "tests/support/restart_program";

const args = [...Deno.args];
const place = args.indexOf("--on");
const [, runtime] = place < 0 ? [] : args.splice(place, 2);
if (place >= 0 && runtime !== "deno" && runtime !== "node") {
  console.error("--on takes deno or node");
  Deno.exit(2);
}
let code = 0;
if (runtime !== "node") {
  console.log("Deno");
  const flags = ["run", "-A", ...ownStdFlags(), `${ROOT}/${PROGRAM}.ts`];
  code ||= (await exec(Deno.execPath(), [...flags, ...args])).code;
}
if (runtime !== "deno") {
  console.log("Node");
  const out = await Deno.makeTempDir({ prefix: "xclient_restarts_" });
  try {
    emitAll(out);
    const flags = ["--import", `${out}/scripts/node/polyfills.js`, `${out}/${PROGRAM}.js`];
    code ||= (await exec("node", [...flags, ...args])).code;
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}
Deno.exit(code);
