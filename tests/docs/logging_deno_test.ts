/** The recipes for loggers in docs/operations.md, run with the loggers themselves, from npm. */

import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { ownStdFlags } from "../../scripts/std.ts";

const root = join(import.meta.dirname!, "../..");
const text = Deno.readTextFileSync(join(root, "docs/operations.md"));

/** The loggers in the releases that the recipes were written for, by the name of their package. */
const PINNED = { "pino": "npm:pino@10.4.0", "@logtape/logtape": "npm:@logtape/logtape@2.4.2" };

/** What brings the server and the client of a recipe to tell of something, and ends them. */
const USE = `
import { dial } from "@geerpc/xclient";
server.register("Test", { Fail: () => { throw new Error("on purpose"); } });
const { address } = await server.listen("tcp@127.0.0.1:0");
const client = await dial(address);
await client.call("Test.Fail").catch(() => {});
const other = await dial(address);
await other.call("Test.Fail").catch(() => {});
await xclient.call("Test.Fail", {}, { timeoutMs: 5000, failMode: "failfast" }).catch(() => {});
await Promise.all([client.close(), other.close(), xclient.close()]);
await server.close();
`;

async function run(args: string[]): Promise<{ code: number; output: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: root })
    .output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Where npm can't be reached the recipes are skipped, but in CI they fail. */
const hasNpm = Deno.env.has("CI") ||
  (await run(["cache", "-q", ...Object.values(PINNED)])).code === 0;

Deno.test("the levels in docs/operations.md are the ones of the example", () => {
  const code = "```ts\n" + Deno.readTextFileSync(join(root, "examples/log_level.ts")) + "```\n";
  assert(text.includes(code));
});

for (const [name, pinned] of Object.entries(PINNED)) {
  const title = `the recipe for ${name} logs events and errors`;
  const ignore = !hasNpm;
  Deno.test(ignore ? `${title} (skipped: npm can't be reached)` : title, { ignore }, async () => {
    const recipe = [...text.matchAll(/^```js ignore\n([^]*?)^```/gm)].map(([, code]) => code)
      .find((code) => code.includes(`from "${name}"`))!;
    const folder = await Deno.makeTempDir({ dir: root, prefix: ".snippets_" });
    try {
      await Deno.copyFile(join(root, "examples/log_level.ts"), join(folder, "log_level.ts"));
      const program = join(folder, "program.js");
      await Deno.writeTextFile(program, recipe.replace(`"${name}"`, `"${pinned}"`) + USE);
      const { code, output } = await run(["run", "-A", ...ownStdFlags(), program]);
      assertEquals(code, 0, output);
      for (
        const words of [
          "joined",
          "unreachable",
          "turned_away",
          "handler failed",
          "Test.Fail",
          "on purpose",
          "1 connections are open already (maxConnections)",
        ]
      ) assert(output.includes(words), `no ${words} in ${output}`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
