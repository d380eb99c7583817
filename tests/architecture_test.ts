/** The rule between the folders, which docs/architecture.md draws: what may import what. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };

/**
 * What each part may import, beside itself and `common`. A part is a folder and the public
 * modules that stand for it at the top. What a part may import stands above it.
 */
const RULE: Readonly<Record<string, readonly string[]>> = {
  common: [],
  balance: [],
  gob: [],
  net: [],
  protocol: ["gob"],
  connection: ["protocol", "net"],
  client: ["connection"],
  server: ["connection", "protocol", "net"],
  identity: ["connection"],
  discovery: ["balance"],
  registry: ["balance", "discovery", "net"],
  telemetry: ["connection"],
  fleet: ["balance", "discovery", "client", "connection", "protocol"],
  testing: ["balance", "discovery", "client", "server", "connection", "fleet"],
  cli: [
    "balance",
    "gob",
    "net",
    "protocol",
    "connection",
    "client",
    "server",
    "identity",
    "discovery",
    "registry",
    "fleet",
  ],
};

/** The public modules that belong to a part with another name. */
const PARTS: Readonly<Record<string, string>> = {
  selector: "balance",
  dns: "discovery",
  etcd: "discovery",
  xclient: "fleet",
  ...Object.fromEntries(
    ["internal", "errors", "address", "clock", "transport", "service"]
      .map((name) => [name, "common"]),
  ),
};

const DENO_ONLY = ["net/deno.ts", "discovery/dns/deno.ts"];
/** Deno has some of Node's modules, too, and loads these for TLS, if that is used. */
const NODE_TLS = ["net/node_sockets.ts", "net/node_tls.ts"];
/** The command is a program of its own: of these modules Deno has the same ones. */
const NODE_FOR_COMMAND = ["cli.ts", "cli/system.ts", "cli/command.ts"];
const NODE_ONLY = ["net/node.ts", ...NODE_TLS, "discovery/dns/node.ts"];

/** Loaded only when first used or asked for: a runtime's own modules, and protocols that not everyone speaks. */
const DYNAMIC = [
  "connection/async_context.ts node:async_hooks",
  "discovery/dns/source.ts discovery/dns/deno.ts",
  "discovery/dns/source.ts discovery/dns/node.ts",
  "net/deno.ts net/node_tls.ts",
  "net/network.ts net/deno.ts",
  "net/network.ts net/node.ts",
  "protocol/protocols.ts protocol/gob/client.ts",
  "protocol/protocols.ts protocol/gob/server.ts",
  "protocol/protocols.ts protocol/jsonrpc/client.ts",
  "protocol/protocols.ts protocol/jsonrpc/server.ts",
];

interface Import {
  readonly from: string;
  /** A module of ours as its path from the root, another as its name. */
  readonly to: string;
  readonly isDynamic: boolean;
}

const root = [new URL("..", import.meta.url).pathname, `${process.cwd()}/`]
  .find((folder) => existsSync(`${folder}mod.ts`))!;
const folders = config.publish.include.filter((path) => path.endsWith("/") && path !== "docs/");
const modules = [
  ...readdirSync(root).filter((name) => name.endsWith(".ts")),
  ...folders.flatMap((folder) =>
    readdirSync(root + folder, { recursive: true })
      .map((name) => folder + String(name)).filter((name) => name.endsWith(".ts"))
  ),
];
const imports = modules.flatMap(importsOf);

/** The source without comments, whose examples have imports too. */
function sourceOf(module: string): string {
  return readFileSync(root + module, "utf-8")
    .replace(/\/\*[^]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "");
}

/** Imports, type imports, re-exports and dynamic imports. */
function importsOf(module: string): Import[] {
  const found = sourceOf(module).matchAll(
    /(?:^|;)\s*(?:import|export)\b[^;"'()]*?\bfrom\s*["']([^"']+)["']|(?:^|;)\s*import\s*["']([^"']+)["']|\b(import)\s*\(\s*["']([^"']+)["']/gm,
  );
  return [...found].map(([, from, bare, dynamic, path]) => {
    const to = from ?? bare ?? path;
    return {
      from: module,
      to: to.startsWith(".") ? join(dirname(module), to) : to,
      isDynamic: dynamic !== undefined,
    };
  });
}

/** The part that a module belongs to; `mod.ts` stands above all. */
function partOf(module: string): string {
  const name = module.replace(/\.ts$|\/.*/g, "");
  return PARTS[name] ?? name;
}

/** All that is loaded with a module, without what it may load later. */
function loadedWith(module: string): Set<string> {
  const loaded = new Set([module]);
  for (const each of loaded) { // grows as it is walked
    for (const { to, isDynamic } of importsOf(each)) {
      if (!isDynamic && modules.includes(to)) loaded.add(to);
    }
  }
  return loaded;
}

Deno.test("the imports that these tests read are all there are", () => {
  for (const module of modules) {
    const words = sourceOf(module).match(/\bfrom\s*["']|\bimport\s*\(/g) ?? [];
    // One is of a module that the user of the command names.
    const named = module === "cli/system.ts" ? 1 : 0;
    assertEquals(importsOf(module).length + named, words.length, module);
  }
  assert(imports.some(({ isDynamic }) => isDynamic));
  assert(imports.length > 200, `only ${imports.length} imports found`);
});

Deno.test("a part imports only what the rule lets it", () => {
  const parts = [...new Set(modules.map(partOf))].filter((part) => part !== "mod");
  assertEquals(parts.sort(), Object.keys(RULE).sort());
  const wrong = imports.filter(({ from, to }) => {
    const [part, other] = [partOf(from), partOf(to)];
    if (part === "mod" || part === other || !modules.includes(to)) return false;
    return other !== "common" && !RULE[part].includes(other);
  });
  assertEquals(wrong.map(({ from, to }) => `${from} imports ${to}`), []);
});

Deno.test("what a part may import stands above it, so parts form no circle", () => {
  const above: string[] = [];
  for (const [part, others] of Object.entries(RULE)) {
    for (const other of others) assert(above.includes(other), `${part} may import ${other}`);
    above.push(part);
  }
});

Deno.test("modules form no circle, types included", () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (module: string, path: readonly string[]) => {
    if (path.includes(module)) {
      circles.push([...path.slice(path.indexOf(module)), module].join(" → "));
    }
    if (done.has(module) || path.includes(module)) return;
    for (const { from, to } of imports) {
      if (from === module && modules.includes(to)) visit(to, [...path, module]);
    }
    done.add(module);
  };
  for (const module of modules) visit(module, []);
  assertEquals(circles, []);
});

Deno.test("fault points: only the explorer sets what happens there", () => {
  const setters = modules.filter((module) => /\bsetFaultHook\b/.test(sourceOf(module)));
  assertEquals(setters, ["internal/fault_points.ts", "testing/explorer/run.ts"]);
  const users = imports.filter(({ to }) => to === "internal/fault_points.ts").map(({ from }) =>
    partOf(from)
  );
  assertEquals([...new Set(users)].sort(), ["connection", "fleet", "testing"]);
});

Deno.test("imports from elsewhere: one function of std, node: for Node and the command, OpenTelemetry for telemetry", () => {
  const elsewhere = imports.filter(({ to }) => !modules.includes(to));
  const wrong = elsewhere.filter(({ from, to }) =>
    !(to.startsWith("node:") && NODE_ONLY.includes(from)) &&
    !(to.startsWith("node:") && NODE_FOR_COMMAND.includes(from)) &&
    !(to === "node:async_hooks" && from === "connection/async_context.ts") &&
    !(to === "@std/async/deadline" && from === "fleet/fan_out.ts") &&
    !(to === "@opentelemetry/api" && partOf(from) === "telemetry")
  );
  assertEquals(wrong, []);
  assert(elsewhere.length > 3);
});

Deno.test("only the modules for Deno use it", () => {
  const users = modules.filter((module) => /\bDeno\s*\./.test(sourceOf(module)));
  assertEquals(users.filter((module) => !DENO_ONLY.includes(module)), []);
});

Deno.test("timers and microtasks come from internal/platform.ts, which takes no fakes of a test", () => {
  const names =
    /\b(?:set|clear)(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bperformance\b/g;
  const wrong = modules.filter((module) => {
    if (module === "internal/platform.ts") return false;
    // A function of that name may be imported; the registry's page has a script of its own.
    const source = sourceOf(module).replace(/^const SCRIPT = `[^]*?^`/gm, "");
    const [imported = ""] =
      source.match(/import \{[^}]*\} from "(?:[./]+(?:internal\/)?platform.ts|node:timers)"/) ?? [];
    return (source.match(names) ?? []).some((name) => !imported.includes(name));
  });
  assertEquals(wrong, []);
});

Deno.test("nothing is used that Node 20 lacks: the npm package brings no polyfills, which are global", () => {
  const names =
    /\b(?:Promise\.(?:withResolvers|try)|Array\.fromAsync|findLast(?:Index)?|toSorted|toReversed|toSpliced|groupBy|isSubsetOf|isDisjointFrom)\b|\.(?:union|intersection|difference)\(|\bimport\.meta\b/;
  assertEquals(modules.filter((module) => names.test(sourceOf(module))), []);
});

Deno.test("neither runtime loads the other's sockets; gob and JSON-RPC load when first spoken", () => {
  const dynamic = imports.filter(({ isDynamic }) => isDynamic);
  assert(dynamic.some(({ to }) => to === "node:async_hooks"));
  const pairs = new Set(dynamic.map(({ from, to }) => `${from} ${to}`));
  assertEquals([...pairs].sort(), DYNAMIC);
  const loaded = loadedWith("mod.ts");
  assert(loaded.has("protocol/geerpc_json/client.ts"));
  const lazy = [...loaded].filter((module) =>
    /gob|jsonrpc/.test(module) || DENO_ONLY.includes(module) || NODE_ONLY.includes(module) ||
    partOf(module) === "testing"
  );
  assertEquals(lazy, []);
  // Deno has node:dns too, which tells the TTLs that its own resolver does not.
  assert(!loadedWith("discovery/dns/node.ts").has("discovery/dns/deno.ts"));
  for (const module of NODE_ONLY) assert(!loadedWith("net/deno.ts").has(module), module);
  assert(!loadedWith("net/node_tls.ts").has("net/node.ts"));
  assert(!loadedWith("net/node.ts").has("net/deno.ts"));
});

Deno.test("mod.ts only re-exports, by name", () => {
  const rest = sourceOf("mod.ts")
    .replace(/export\s+(?:type\s+)?\{[^}]*\}\s*from\s*"\.\/[\w/]+\.ts";/g, "").trim();
  assertEquals(rest, "");
  assert(importsOf("mod.ts").length > 5);
});

Deno.test("the top level fits on one screen, and only public modules are there", () => {
  const entries = readdirSync(root).filter((name) => !name.startsWith("."))
    .filter((name) => !["node_modules", "npm", "build", "coverage"].includes(name));
  assert(entries.length <= 40, entries.join(" "));
});

Deno.test("a module of more than 300 lines says which single thing it is", () => {
  for (const module of modules) {
    const source = readFileSync(root + module, "utf-8");
    const lines = source.split("\n").length - 1;
    const [moduleDoc] = source.match(/\/\*\*[^]*?\*\//) ?? [""];
    const says = /This\s+(\*\s+)?file\s+(\*\s+)?is\s+(\*\s+)?one\s/.test(moduleDoc);
    assert(lines <= 300 || says, `${module} has ${lines} lines`);
    assert(lines <= 600, `${module} has ${lines} lines`);
  }
});
