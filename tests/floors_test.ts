/**
 * The house: a module imports only from floors below its own, so that there
 * are no cycles, and what a floor rests on can be read off this table.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { assert, assertEquals } from "@std/assert";

/** Each module's floor. A new module is entered here, as low as its imports allow. */
const FLOORS: readonly (readonly string[])[] = [
  [
    "abort",
    "buffer",
    "dns_resolver",
    "due_queue",
    "errors",
    "load",
    "ranges",
    "registry_node",
    "schema",
    "selector_types",
    "seq_table",
  ],
  [
    "address",
    "clock",
    "codec",
    "etcd_json",
    "gob_wire",
    "gob_writer",
    "health",
    "json_lines",
    "retry",
    "seeded_random",
    "selector_hash",
    "selector_load",
    "selector_turns",
    "service",
    "text_writer",
  ],
  [
    "discovery_time",
    "dns_address",
    "dns_node",
    "fake_clock",
    "fake_processor",
    "geerpc",
    "gob_cursor",
    "gob_values",
    "held_calls",
    "json",
    "json_flat",
    "json_objects",
    "pending",
    "registry_http",
    "registry_leases",
    "registry_protocol",
    "registry_streams",
    "selector",
    "transport",
  ],
  [
    "discovery_options",
    "dns_deno",
    "etcd_client",
    "go_errors",
    "gob_types",
    "http_connect",
    "json_header",
    "outbox",
    "registry_feed",
    "registry_heart",
    "registry_page",
    "registry_view",
    "server_list",
    "transport_deno",
    "transport_memory",
    "transport_node",
  ],
  [
    "codec_jsonrpc",
    "discovery",
    "etcd_registration",
    "gob_definitions",
    "gob_infer",
    "gob_type_table",
    "json_message",
    "network",
    "registry_heartbeat",
    "registry_server",
  ],
  ["codec_json", "discovery_source", "gob_encoder", "gob_zero"],
  ["discovery_dns", "discovery_etcd", "gob_plans", "registry_discovery"],
  ["gob_decoder", "registry"],
  ["gob"],
  ["codec_gob"],
  ["protocol"],
  ["client", "server_handshake"],
  ["member", "server_connection"],
  ["fleet", "server"],
  ["fake_fleet", "liveness"],
  ["attempt"],
  ["fleet_call", "testing", "xclient_options"],
  ["fan_out"],
  ["xclient"],
  ["mod"],
];

/** What is for one runtime, and loaded by dynamic import only. */
const FOR_DENO = ["dns_deno", "transport_deno"];
const FOR_NODE = ["dns_node", "transport_node"];
/** What is for tests, the user's own among them. */
const FOR_TESTS = ["fake_clock", "fake_fleet", "fake_processor", "seeded_random", "testing"];
/** What no module of the core imports: it is for one runtime, or for tests. */
const APART = [...FOR_DENO, ...FOR_NODE, "transport_memory", ...FOR_TESTS];

const root = [new URL("..", import.meta.url).pathname, `${process.cwd()}/`]
  .find((folder) => existsSync(`${folder}mod.ts`))!;

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isDynamic: boolean;
}

/** The source without comments, whose examples have imports too. */
function sourceOf(module: string): string {
  return readFileSync(`${root}${module}.ts`, "utf-8")
    .replace(/\/\*[^]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "");
}

/** Imports, type imports, re-exports and dynamic imports. */
function importsOf(module: string): Import[] {
  const found = sourceOf(module).matchAll(
    /(?:^|;)\s*(?:import|export)\b[^;"'()]*?\bfrom\s*["']([^"']+)["']|(?:^|;)\s*import\s*["']([^"']+)["']|\b(import)\s*\(\s*["']([^"']+)["']/gm,
  );
  return [...found].map(([, from, bare, dynamic, path]) => ({
    from: module,
    to: from ?? bare ?? path,
    isDynamic: dynamic !== undefined,
  }));
}

const modules = readdirSync(root)
  .filter((name) => /^\w+\.ts$/.test(name))
  .map((name) => name.replace(/\.ts$/, ""));
const floorOf = new Map(FLOORS.flatMap((names, floor) => names.map((name) => [name, floor])));
const imports = modules.flatMap(importsOf);

function moduleOf(path: string): string | undefined {
  return /^\.\/(\w+)\.ts$/.exec(path)?.[1];
}

Deno.test("every module has its floor in the table, and every entry is a module", () => {
  assertEquals([...modules].sort(), [...floorOf.keys()].sort() as string[]);
});

Deno.test("the imports that the check reads are all there are", () => {
  for (const module of modules) {
    const words = sourceOf(module).match(/\bfrom\s*["']|\bimport\s*\(/g) ?? [];
    assertEquals(importsOf(module).length, words.length, `${module}.ts`);
  }
  assert(imports.some(({ isDynamic }) => isDynamic));
  assert(imports.length > 80, `only ${imports.length} imports found`);
});

Deno.test("a module imports only from floors below its own", () => {
  const wrong = imports.filter(({ from, to }) => {
    const target = moduleOf(to);
    return target !== undefined && !(floorOf.get(target)! < floorOf.get(from)!);
  });
  assertEquals(wrong.map(({ from, to }) => `${from}.ts imports ${to}`), []);
});

Deno.test("imports from elsewhere: one function of std, and node: in the files for Node", () => {
  const elsewhere = imports.filter(({ to }) => moduleOf(to) === undefined);
  for (const { from, to } of elsewhere) {
    const isAllowed = to === "@std/async/deadline" && from === "fan_out" ||
      to.startsWith("node:") && FOR_NODE.includes(from);
    assert(isAllowed, `${from}.ts imports ${to}`);
  }
  assertEquals(elsewhere.filter(({ to }) => to.startsWith("node:")).length, 3);
});

Deno.test("only the files for Deno speak to it", () => {
  for (const module of modules) {
    if (FOR_DENO.includes(module)) continue;
    assert(!/\bDeno\s*\./.test(sourceOf(module)), `${module}.ts uses Deno`);
  }
});

Deno.test("dynamic imports: a runtime's sockets, and the protocols that not all programs use", () => {
  const dynamic = imports.filter(({ isDynamic }) => isDynamic);
  assertEquals(
    new Set(dynamic.map(({ from, to }) => `${from} ${to}`)),
    new Set([
      "discovery_dns ./dns_deno.ts",
      "discovery_dns ./dns_node.ts",
      "network ./transport_deno.ts",
      "network ./transport_node.ts",
      "protocol ./codec_gob.ts",
      "protocol ./codec_jsonrpc.ts",
    ]),
  );
  for (const { from, to, isDynamic } of imports) {
    const target = moduleOf(to);
    if (isDynamic || target === undefined || FOR_TESTS.includes(from)) continue;
    if (from === "dns_deno") continue; // Deno has node:dns too, which tells TTLs
    assert(!APART.includes(target), `${from}.ts imports ${to}`);
  }
});

Deno.test("who imports mod.ts loads nothing of gob, types included", () => {
  const loaded = new Set(["mod"]);
  for (const module of loaded) { // grows as it is walked
    for (const { to, isDynamic } of importsOf(module)) {
      const target = moduleOf(to);
      if (!isDynamic && target !== undefined) loaded.add(target);
    }
  }
  assert(loaded.has("codec_json"));
  assertEquals([...loaded].filter((module) => /gob|jsonrpc/.test(module)), []);
});

Deno.test("mod.ts only re-exports, by name", () => {
  const rest = sourceOf("mod")
    .replace(/export\s+(?:type\s+)?\{[^}]*\}\s*from\s*"\.\/\w+\.ts";/g, "").trim();
  assertEquals(rest, "");
  assert(importsOf("mod").length > 5);
});

Deno.test("no module is over 300 lines without a reason", () => {
  const reasons: Record<string, string> = {
    client: "one class, whose states belong together",
    codec_gob: "both halves of one format",
    codec_json: "both halves of one format",
    codec_jsonrpc: "both halves of one format",
    discovery_source: "one class, with its documentation",
    fan_out: "one class, and what it waits for",
    fleet: "one class, whose lists belong together",
    fleet_call: "one class, whose states belong together",
    gob_decoder: "one class, with its documentation",
    gob_definitions: "definitions, and the walk that reads them within values",
    gob_encoder: "plans that share one state and call each other",
    gob_plans: "plans that share one state and call each other",
    gob_types: "every builder carries its documentation",
    server_connection: "one class, whose states belong together",
    xclient: "one class, with its documentation",
  };
  for (const module of modules) {
    const lines = readFileSync(`${root}${module}.ts`, "utf-8").split("\n").length - 1;
    assert(lines <= 300 || module in reasons, `${module}.ts has ${lines} lines`);
    assert(lines <= 700, `${module}.ts has ${lines} lines`);
  }
});
