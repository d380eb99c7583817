/** How much code a program loads, and how large the packages are. */

import config from "../../deno.json" with { type: "json" };
import { list, sources } from "../../scripts/javascript.ts";
import { exists } from "../../scripts/packages.ts";
import { Missing, run } from "../stage.ts";
import { Bundle, type CodeSize, stopBundler } from "./bundle.ts";
import { type Figure, type Part, type PartContext, row } from "./part.ts";
import { table } from "../table.ts";

const ROOT = `${import.meta.dirname}/../..`;
const CORE = "mod.js";
const LARGEST = 10;

/** Protocols that are loaded when they are first spoken. */
const LAZY = {
  "gob, when first spoken": ["protocol/gob/client.js", "protocol/gob/server.js"],
  "JSON-RPC, likewise": ["protocol/jsonrpc/client.js", "protocol/jsonrpc/server.js"],
};
/** What programs import that use only a part of the library. */
const USES = ["dial", "XClient, MultiServerDiscovery", "Server"];

/** Code that is bundled for Node and minified: what all programs load, and what some load too. */
export const size: Part = {
  name: "size",
  title: "bytes of code for Node, bundled, and of packages",
  measure,
};

async function measure(context: PartContext): Promise<Figure[]> {
  context.progress("emitting");
  const folder = await context.stage.javascript();
  const figures: Figure[] = [];
  try {
    figures.push(...await bundles(folder, context));
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    console.log(`bundles are left out: ${error.message}`);
  }
  context.progress("packing");
  return [...figures, ...await packages(folder)];
}

/** The sizes of bundles. */
async function bundles(folder: string, { details, progress }: PartContext): Promise<Figure[]> {
  const figures: Figure[] = [];
  const add = (name: string, { minified, gzipped }: CodeSize) => {
    progress(name);
    figures.push(...row(name, { "minified": minified, "min + gzip": gzipped }));
  };
  try {
    const bundle = await Bundle.make(folder, [CORE]);
    const loaded = bundle.loaded(CORE);
    const core = bundle.size(loaded);
    add("core", core);
    for (const [name, [client, server]] of Object.entries(LAZY)) {
      const both = bundle.loaded(client).union(bundle.loaded(server));
      add(`+ ${name}`, bundle.size(both.difference(loaded)));
    }
    for (const [entry, path] of Object.entries(config.exports)) {
      if (entry === ".") continue;
      const module = path.replace(/^\.\/(.*)ts$/, "$1js");
      const both = await Bundle.make(folder, [CORE, module]);
      add(`+ ${entry}`, both.size(both.loaded(module).difference(both.loaded(CORE))));
    }
    for (const names of USES) {
      const part = await Bundle.make(folder, `export { ${names} } from "./${CORE}";`);
      add(`only ${names}`, part.size(part.loaded("entry.js")));
    }
    if (details) printLargest(core);
  } finally {
    await stopBundler();
  }
  return figures;
}

/** The sizes of the packages. */
async function packages(folder: string): Promise<Figure[]> {
  const documents = config.publish.include.filter((path) => /\.md$|^LICENSE$/.test(path));
  const modules = sources();
  const jsr = [...modules, ...list("docs/"), "deno.json", ...documents];
  const npm = exists(`${ROOT}/npm/package.json`)
    ? await packed("npm package", `${ROOT}/npm`)
    : await packed("npm package without types and CommonJS", folder, [
      ...modules.map((file) => file.replace(/ts$/, "js")),
      ...documents,
    ]);
  return [...npm, ...await packed("JSR package", ROOT, jsr)];
}

/** The size of a package that npm packs: of some files of a folder, or of a folder that is one. */
async function packed(name: string, folder: string, files?: readonly string[]): Promise<Figure[]> {
  const copy = Deno.makeTempDirSync({ prefix: "xclient_pack_" });
  try {
    for (const file of files ?? []) {
      const from = exists(`${folder}/${file}`) ? folder : ROOT;
      Deno.mkdirSync(`${copy}/${file}`.replace(/[^/]*$/, ""), { recursive: true });
      Deno.copyFileSync(`${from}/${file}`, `${copy}/${file}`);
    }
    if (files !== undefined) {
      const manifest = { name: config.name, version: config.version, type: "module" };
      Deno.writeTextFileSync(`${copy}/package.json`, JSON.stringify(manifest));
    }
    const stdout = await run("npm", ["pack", "--dry-run", "--json"], files ? copy : folder);
    const [{ size, unpackedSize }] = JSON.parse(stdout);
    return row(name, { "packed": size, "unpacked": unpackedSize });
  } finally {
    Deno.removeSync(copy, { recursive: true });
  }
}

function printLargest({ modules, minified }: CodeSize): void {
  const rows = modules.slice(0, LARGEST).map(([file, bytes]) => [
    file,
    `${bytes}`,
    `${Math.round(bytes / minified * 100)}`,
  ]);
  console.log(`\nthe ${LARGEST} largest of ${modules.length} modules of the core\n`);
  console.log(table(["", "minified", "%"], rows));
}
