/** A registry that is not closed does not keep its program running. */

import { spawn } from "node:child_process";
import process from "node:process";
import { assertEquals } from "@std/assert";
import { until } from "../support/processes.ts";

const isDeno = "Deno" in globalThis;
const registry = new URL(`../../registry.${isDeno ? "ts" : "js"}`, import.meta.url).href;
const CODE = `
  import { Registry } from ${JSON.stringify(registry)};
  const registry = new Registry();
  const ask = (method, headers) =>
    registry.fetch(new Request("http://registry/_geerpc_/registry", { method, headers }));
  const accept = "text/event-stream";
  ask("GET", { accept }).body.getReader().read();
  ask("GET", { accept, "X-Geerpc-Stream": "changes" }).body.getReader().read();
  ask("POST", { "X-Geerpc-Server": "tcp@a:1" });
  await Promise.resolve();
  console.log(registry.servers.join());
`;

Deno.test("a registry that is not closed does not keep its program running", async () => {
  const args = isDeno ? ["eval", CODE] : ["--input-type=module", "-e", CODE];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => output += chunk);
  let isOver = false;
  child.on("close", () => isOver = true);
  try {
    await until("the program has ended", () => isOver, 30_000);
    assertEquals(output.trim(), "tcp@a:1");
  } finally {
    if (!isOver) child.kill("SIGKILL");
  }
});
