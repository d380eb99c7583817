/**
 * Builds the npm package into `npm/` with dnt, packs it and tries the result;
 * the task `build:npm`. Where JSR can't be reached, dnt's stand-in builds a
 * package of the same layout, which can be tried, but not published.
 */

import { build, emptyDir } from "@deno/dnt";
import config from "../../deno.json" with { type: "json" };
import { ROOT } from "../javascript.ts";
import { ENGINES } from "../runtimes.ts";
import { COMMAND, tryPackage } from "./try.ts";

/** What `./telemetry` needs, and nothing else: users bring it along. */
const OPENTELEMETRY = "@opentelemetry/api";
const opentelemetry = config.imports[OPENTELEMETRY];
const version = opentelemetry.replace(`npm:${OPENTELEMETRY}@`, "");

const OUT = `${ROOT}/npm`;
/**
 * Our types name `AsyncDisposable`, which the library of most targets lacks. Up to TypeScript 5.9 it
 * came with `@types/node`, unasked; from 6.0 on those types come only where they are asked for.
 */
const NEEDED_LIB = '/// <reference lib="esnext.disposable" />\n';

Deno.chdir(ROOT);
await emptyDir(OUT);
await build({
  entryPoints: Object.entries(config.exports).map(([name, path]) =>
    name === COMMAND ? { kind: "bin", name: "xclient", path } : { kind: "export", name, path }
  ),
  outDir: OUT,
  mappings: {
    "./net/deno.ts": "./net/node.ts",
    "./discovery/dns/deno.ts": "./discovery/dns/node.ts",
    [opentelemetry]: { name: OPENTELEMETRY, version, peerDependency: true },
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
    engines: ENGINES,
    sideEffects: false,
    peerDependenciesMeta: { [OPENTELEMETRY]: { optional: true } },
    devDependencies: { "@types/node": "^20", [OPENTELEMETRY]: version },
  },
  postBuild() {
    for (const file of ["LICENSE", "README.md", "CHANGELOG.md"]) {
      Deno.copyFileSync(file, `${OUT}/${file}`);
    }
    for (const kind of ["esm", "script"]) {
      for (const path of Object.values(config.exports)) {
        const types = `${OUT}/${kind}/${path.replace(/ts$/, "d.ts")}`;
        Deno.writeTextFileSync(types, NEEDED_LIB + Deno.readTextFileSync(types));
      }
    }
  },
});
await tryPackage(OUT);
