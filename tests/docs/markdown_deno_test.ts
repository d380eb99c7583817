/**
 * The documentation holds together: links lead somewhere, and examples that
 * are not run, since they need a server or never end, are correct TypeScript.
 * Those that can be run are run by `deno test --doc`.
 */

import { assert, assertEquals } from "@std/assert";
import { dirname, join } from "node:path";
import { ownStdFlags } from "../../scripts/std.ts";

const root = join(import.meta.dirname!, "../..");
const files = [".", "bench", "docs", "simulator"].flatMap((folder) =>
  [...Deno.readDirSync(join(root, folder))]
    .map(({ name }) => join(folder, name)).filter((path) => path.endsWith(".md"))
);
const read = (path: string) => Deno.readTextFileSync(join(root, path));

/** The anchors of a page, as GitHub makes them from its headings. */
function anchorsOf(path: string): string[] {
  return [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-")
  );
}

function exists(path: string): boolean {
  try {
    Deno.statSync(join(root, path));
    return true;
  } catch {
    return false;
  }
}

Deno.test("every link within the repository leads to a file, and to a heading of it", () => {
  const broken: string[] = [];
  for (const file of files) {
    const text = read(file).replace(/^```[^]*?^```/gm, "");
    for (const [, link] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path, anchor] = link.split("#");
      const target = path === "" ? file : join(dirname(file), path);
      const isFound = exists(target) &&
        (anchor === undefined || anchorsOf(target).includes(anchor));
      if (!isFound) broken.push(`${file}: ${link}`);
    }
  }
  assertEquals(broken, []);
});

Deno.test("the shutdown in docs/restarts.md is the one that the restart tests run", () => {
  const code = "```ts\n" + read("examples/graceful_shutdown.ts") + "```\n";
  assert(read("docs/restarts.md").includes(code));
});

Deno.test("the examples that are not run have their imports and the right types", async () => {
  const snippets = files.flatMap((file) =>
    [...read(file).matchAll(/^```ts ignore\n([^]*?)^```/gm)].map(([, code]) => code)
  );
  // Here, so that they find the library by its name, as a user's program does.
  const folder = await Deno.makeTempDir({ dir: root, prefix: ".snippets_" });
  try {
    const paths = snippets.map((code, place) => {
      const path = join(folder, `${place}.ts`);
      Deno.writeTextFileSync(path, `${code}\nexport {};\n`);
      return path;
    });
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", ...ownStdFlags(), ...paths],
      cwd: root,
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
