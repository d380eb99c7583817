/** Running other programs, and Deno itself with the same `@std`. */

import { assert, assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import lowest from "../../scripts/lowest_std.json" with { type: "json" };
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
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const second = `const connection = await Deno.connect({ hostname: "127.0.0.1", port: ${port} });
    await connection.read(new Uint8Array(1));`;
  const first = `new Deno.Command(Deno.execPath(), {
    args: ["eval", ${JSON.stringify(second)}],
  }).spawn(); setInterval(() => {}, 1000);`;
  const [{ timedOut }, connection] = await Promise.all([run(first, 3000), listener.accept()]);
  assert(timedOut);
  // The connection ends with the second process, and only with it.
  assertEquals(await connection.read(new Uint8Array(1)).catch(() => null), null);
  connection.close();
});

Deno.test("ownStdFlags() lets a process import what this one can", async () => {
  const { code } = await run('await import("@std/async/deadline")');
  assertEquals(code, 0);
});

Deno.test("the lowest @std is the lowest that deno.json admits, for all that it has", () => {
  const admitted = Object.entries(config.imports).filter(([name]) => name.startsWith("@std/"));
  for (const [name, admits] of admitted) {
    const pinned = Object.entries(lowest.imports).filter(([module]) => module.startsWith(name));
    assert(pinned.length > 0, name);
    const [, major] = admits.match(/@\^(\d+)$/)!;
    for (const [, target] of pinned) assert(target.includes(`${name}@${major}.0.0`), target);
  }
});
