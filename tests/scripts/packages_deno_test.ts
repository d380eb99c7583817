/** Which packages of npm tests import, and how Node is to import them. */

import { assertEquals } from "@std/assert";
import { packagesIn, withoutVersions } from "../../scripts/packages.ts";

// In parts: what stands here as a whole would be installed.
const npm = "npm" + ":";
const SOURCE = [
  `import { a } from "${npm}one@1.2.3";`,
  `export * from "${npm}@scope/two.js@4.0.0-rc.1/deep/path.js";`,
  `const three = await import("${npm}three@3.0.0");`,
  `import type { T } from "./npm.ts"; // ${npm}four@4.0.0`,
].join("\n");

Deno.test("packagesIn() finds each package with its version", () => {
  assertEquals(packagesIn(SOURCE), {
    "one": "1.2.3",
    "@scope/two.js": "4.0.0-rc.1",
    "three": "3.0.0",
  });
});

Deno.test("withoutVersions() leaves the names, the paths and all else", () => {
  const expected = SOURCE.replace(`${npm}one@1.2.3`, "one")
    .replace(`${npm}@scope/two.js@4.0.0-rc.1/`, "@scope/two.js/")
    .replace(`${npm}three@3.0.0`, "three");
  assertEquals(withoutVersions(SOURCE), expected);
});
