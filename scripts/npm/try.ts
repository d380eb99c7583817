/** Installs the packed npm package as a user does, and compiles and runs a user of it. */

import config from "../../deno.json" with { type: "json" };
import { exec, npmPath } from "../exec.ts";
import { ROOT } from "../javascript.ts";
import { programOf, RUNTIMES, TYPESCRIPTS } from "../runtimes.ts";

/** The export that is a program: npm's users have it as `npx xclient`, and can't import it. */
export const COMMAND = "./cli";
const MODULES = Object.keys(config.exports).filter((name) => name !== COMMAND);

const CONSUMER = `${import.meta.dirname}/consumer.ts`;
const INSTALL = ["install", "--no-audit", "--no-fund"];

/**
 * Tries the package: its types as an ES module and as CommonJS sees them, with
 * every compiler, then its code, both ways, on every runtime.
 *
 * @param folder Where it was built.
 * @throws {Error} It brings other packages along, or doesn't compile or run.
 */
export async function tryPackage(folder: string): Promise<void> {
  checkConsumer();
  checkReadme();
  const user = await Deno.makeTempDir({ prefix: "xclient_npm_" });
  try {
    await run(npmPath(), ["pack", "--silent", "--pack-destination", user], folder);
    const tarball = [...Deno.readDirSync(user)][0]!.name;
    Deno.writeTextFileSync(`${user}/package.json`, '{ "private": true }');
    await run(npmPath(), [...INSTALL, `./${tarball}`], user);
    const installed = [...Deno.readDirSync(`${user}/node_modules`)]
      .map(({ name }) => name).filter((name) => !name.startsWith("."));
    if (installed.join() !== config.name.split("/")[0]) {
      throw new Error(`The package brings others along: ${installed}`);
    }
    checkNoPolyfills(`${user}/node_modules/${config.name}`);
    await checkLoads(user);
    for (const kind of ["mts", "cts"]) Deno.copyFileSync(CONSUMER, `${user}/consumer.${kind}`);
    await tryCommand(user);
    await tryTypes(user);
    for (const runtime of Object.values(RUNTIMES)) {
      const program = await programOf(runtime);
      for (const kind of ["mjs", "cjs"]) await run(program, [`consumer.${kind}`], user);
    }
  } finally {
    await Deno.remove(user, { recursive: true });
  }
}

/** Compiles the consumer with every compiler, with the types of Node and without. */
async function tryTypes(user: string) {
  const aliases = TYPESCRIPTS.map((version) => `typescript-${version}@npm:typescript@${version}`);
  const packages = [...aliases, "@types/node@20", ...optionalPeers(user)];
  await run(npmPath(), [...INSTALL, "-D", ...packages], user);
  const files = ["consumer.mts", "consumer.cts"];
  for (const types of [[], ["node"]]) {
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      module: "nodenext",
      target: "es2022",
      types,
    };
    Deno.writeTextFileSync(`${user}/tsconfig.json`, JSON.stringify({ compilerOptions, files }));
    for (const version of TYPESCRIPTS) {
      console.log(`TypeScript ${version}, types: ${JSON.stringify(types)}`);
      await run("node", [`node_modules/typescript-${version}/bin/tsc`], user);
    }
  }
}

/** The README names the oldest compiler that is tried. */
function checkReadme() {
  const [oldest] = TYPESCRIPTS;
  const claim = `TypeScript ${oldest.slice(0, oldest.lastIndexOf("."))} or later`;
  const readme = Deno.readTextFileSync(`${ROOT}/README.md`).replaceAll(/\s+/g, " ");
  if (!readme.includes(claim)) throw new Error(`README.md does not say: ${claim}`);
}

/** A polyfill would change the globals of the whole program. */
function checkNoPolyfills(folder: string) {
  for (const kind of ["esm", "script"]) {
    const files = [...Deno.readDirSync(`${folder}/${kind}`)].map(({ name }) => name);
    const found = files.filter((name) => name.includes("polyfills"));
    if (found.length > 0) throw new Error(`The package changes globals: ${kind}/${found}`);
  }
}

/** All but what needs an optional peer dependency loads without it. */
async function checkLoads(user: string) {
  const names = MODULES.filter((name) => name !== "./telemetry")
    .map((name) => config.name + name.slice(1));
  for (const load of ["await import", "require"]) {
    const code = names.map((name) => `${load}(${JSON.stringify(name)})`).join(";");
    await run("node", ["-e", `(async () => { ${code} })()`], user);
  }
}

/** The command starts, as npm has installed it, and is of the package's version. */
async function tryCommand(user: string) {
  const { output } = await exec(`${user}/node_modules/.bin/xclient`, ["--version"], {
    cwd: user,
    capture: true,
  });
  if (output.trim() !== `xclient ${config.version}`) throw new Error(`xclient says ${output}`);
}

/** What the package lets its users bring along, with the versions that it admits. */
function optionalPeers(user: string): string[] {
  const manifest = `${user}/node_modules/${config.name}/package.json`;
  const { peerDependencies, peerDependenciesMeta } = JSON.parse(Deno.readTextFileSync(manifest));
  return Object.entries(peerDependencies).map(([name, version]) => {
    if (peerDependenciesMeta[name]?.optional !== true) throw new Error(`${name} is not optional`);
    return `${name}@${version}`;
  });
}

/** Every export of the package has a use in the consumer. */
function checkConsumer() {
  const source = Deno.readTextFileSync(CONSUMER);
  const missing = MODULES
    .map((name) => config.name + name.slice(1))
    .filter((name) => !source.includes(`from "${name}"`));
  if (missing.length > 0) throw new Error(`consumer.ts does not use ${missing}`);
}

async function run(program: string, args: string[], cwd: string) {
  console.log(`${program} ${args.join(" ")}`);
  const { code } = await exec(program, args, { cwd });
  if (code !== 0) throw new Error(`${program} failed with code ${code}`);
}
