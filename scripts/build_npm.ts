/**
 * Builds the npm package into `npm/` with dnt, packs it and tries the result;
 * the task `build:npm`.
 */

import { build, emptyDir } from "@deno/dnt";
import config from "../deno.json" with { type: "json" };
import { exec } from "./exec.ts";
import { isOffline } from "./std.ts";

const ROOT = `${import.meta.dirname}/..`;
const OUT = `${ROOT}/npm`;

if (await isOffline()) {
  console.error("build:npm needs dnt, which only JSR has: try it online");
  Deno.exit(1);
}
Deno.chdir(ROOT);
await emptyDir(OUT);
await build({
  entryPoints: Object.entries(config.exports)
    .map(([name, path]) => ({ name, path })),
  outDir: OUT,
  mappings: {
    "./net/deno.ts": "./net/node.ts",
    "./discovery/dns/deno.ts": "./discovery/dns/node.ts",
  },
  shims: { deno: { test: "dev" } },
  typeCheck: "both",
  compilerOptions: { target: "ES2022", lib: ["ESNext"] },
  test: true,
  testPattern: "tests/{client,server,xclient,protocol/gob/codec,protocol/jsonrpc/codec}_test.ts",
  testPreloadModule: "scripts/node/polyfills.ts",
  package: {
    name: config.name,
    version: config.version,
    description: "RPC client for fleets of servers: balancing, failover, hedging, broadcast",
    keywords: ["rpc", "geerpc", "json-rpc", "load-balancing", "failover"],
    license: config.license,
    repository: {
      type: "git",
      url: "git+https://github.com/geerpc/xclient.git",
    },
    engines: { node: ">=20" },
    // Bundlers may leave out all but what dnt adds for older Nodes.
    sideEffects: ["**/_dnt.polyfills.js"],
    devDependencies: { "@types/node": "^20" },
  },
  postBuild() {
    for (const file of ["LICENSE", "README.md", "CHANGELOG.md"]) {
      Deno.copyFileSync(file, `${OUT}/${file}`);
    }
  },
});
await tryPackage();

/** Installs the packed package as a user does, and compiles and runs a user. */
async function tryPackage() {
  const user = await Deno.makeTempDir({ prefix: "xclient_npm_" });
  try {
    await run("npm", ["pack", "--silent", "--pack-destination", user], OUT);
    const tarball = [...Deno.readDirSync(user)][0]!.name;
    Deno.writeTextFileSync(`${user}/package.json`, '{ "private": true }');
    const add = ["install", "--no-audit", "--no-fund"];
    await run("npm", [...add, `./${tarball}`], user);
    const installed = [...Deno.readDirSync(`${user}/node_modules`)]
      .map(({ name }) => name).filter((name) => !name.startsWith("."));
    if (installed.join() !== config.name.split("/")[0]) {
      throw new Error(`The package brings others along: ${installed}`);
    }
    await run("npm", [...add, "-D", "typescript@5", "@types/node@20"], user);

    for (const kind of ["mts", "cts"]) {
      const source = `${import.meta.dirname}/npm_consumer.ts`;
      Deno.copyFileSync(source, `${user}/consumer.${kind}`);
    }
    const tsc = ["tsc", "--strict", "--module", "nodenext"];
    const files = ["consumer.mts", "consumer.cts"];
    await run("npx", [...tsc, "--target", "es2022", ...files], user);
    await run("node", ["consumer.mjs"], user);
    await run("node", ["consumer.cjs"], user);
  } finally {
    await Deno.remove(user, { recursive: true });
  }
}

async function run(program: string, args: string[], cwd: string) {
  console.log(`${program} ${args.join(" ")}`);
  const { code } = await exec(program, args, { cwd });
  if (code !== 0) throw new Error(`${program} failed with code ${code}`);
}
