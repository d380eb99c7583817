/** Running other programs, and Deno itself with the same `@std`. */

import { assert, assertEquals } from "@std/assert";
import { exec } from "../../scripts/exec.ts";
import { ownStdFlags } from "../../scripts/std.ts";

const run = (code: string, timeoutMs?: number) =>
  exec(Deno.execPath(), ["eval", ...ownStdFlags(), code], {
    capture: true,
    timeoutMs,
  });

Deno.test("exec() returns the exit code and the output", async () => {
  const result = await run("Deno.exit(3)");
  assertEquals(result, { code: 3, output: "", timedOut: false });
});

Deno.test("exec() stops a program and what it started", async () => {
  const child = `new Deno.Command(Deno.execPath(), {
    args: ["eval", "setInterval(() => {}, 1000)"],
  }).spawn(); setInterval(() => {}, 1000);`;
  const start = performance.now();
  const { timedOut } = await run(child, 500);
  assert(timedOut);
  // The second process would hold the output open.
  assert(performance.now() - start < 2000);
});

Deno.test("ownStdFlags() lets a process import what this one can", async () => {
  const { code } = await run('await import("@std/async/deadline")');
  assertEquals(code, 0);
});
