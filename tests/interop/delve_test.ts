/**
 * Delve, a debugger whose server and client speak Go's JSON-RPC: its server with our client, and its
 * client with our server, which hands everything on.
 */

import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { type Client, dial } from "../../client.ts";
import { RpcError } from "../../errors.ts";
import { Server } from "../../server.ts";
import { assertFails } from "../support/helpers.ts";
import { findProgram } from "../support/processes.ts";
import { run, SOURCE } from "./peer.ts";

/** Delve, or where `go install` puts it. */
const dlv = findProgram("dlv") ?? installed();

function installed(): string | undefined {
  const { status, stdout } = spawnSync("go", ["env", "GOPATH"], { encoding: "utf-8" });
  const path = status === 0 ? `${stdout.trim()}/bin/dlv` : "";
  return spawnSync(path, ["version"]).status === 0 ? path : undefined;
}

/** What Delve's terminal calls in this test. */
const METHODS = [
  "AttachedToExistingProcess",
  "ClearBreakpoint",
  "Command",
  "CreateBreakpoint",
  "Detach",
  "Eval",
  "FindLocation",
  "GetBufferedTracepoints",
  "GetVersion",
  "IsMulticlient",
  "LastModified",
  "ListBreakpoints",
  "ListFunctionArgs",
  "ListGoroutines",
  "ListLocalVars",
  "ListTargets",
  "ListThreads",
  "ProcessPid",
  "Recorded",
  "SetApiVersion",
  "Stacktrace",
  "State",
] as const;

/** Runs a test with Delve's server, which has stopped a Go program before its first line. */
function withDelve(name: string, body: (client: Client, address: string) => Promise<void>): void {
  const fn = async () => {
    if (dlv === undefined) {
      throw new Error("Delve is not installed; in CI its tests are not skipped");
    }
    const folder = await mkdtemp(join(tmpdir(), "xclient_delve_"));
    const program = join(folder, "peer");
    await run("go", ["build", "-gcflags=all=-N -l", "-o", program, "."], SOURCE);
    const flags = ["--headless", "--listen=127.0.0.1:0", "--api-version=2", "--accept-multiclient"];
    const delve = spawn(dlv, ["exec", program, ...flags, "--", "serve"]);
    const ended = new Promise((resolve) => delve.once("close", resolve));
    try {
      const address = await new Promise<string>((resolve, reject) => {
        let output = "";
        for (const stream of [delve.stdout, delve.stderr]) {
          stream.on("data", (data) => {
            output += data;
            const [, found] = /listening at: (\S+)\n/.exec(output) ?? [];
            if (found !== undefined) resolve(found);
          });
        }
        void ended.then(() => reject(new Error(`Delve has ended: ${output}`)));
      });
      const client = await dial(`tcp@${address}`, { protocol: "netrpc/json" });
      try {
        await client.call("RPCServer.SetApiVersion", { APIVersion: 2 });
        await body(client, address);
      } finally {
        // The program and its debugger end together.
        await client.call("RPCServer.Detach", { Kill: true }).catch(() => {});
        await client.close();
      }
      await ended;
    } finally {
      if (delve.exitCode === null) delve.kill("SIGKILL");
      await rm(folder, { recursive: true });
    }
  };
  if (dlv !== undefined || process.env.CI) Deno.test(name, fn);
  else Deno.test({ name: `${name} (skipped: there is no Delve here)`, ignore: true, fn() {} });
}

type Stop = { State: { currentThread: { line: number; function: { name: string } } } };

withDelve("Delve's server: breakpoints, stacks and values, by our client", async (client) => {
  const call = <T>(method: string, args: object) => client.call<T>(`RPCServer.${method}`, args);
  await call("CreateBreakpoint", { Breakpoint: { functionName: "main.serve" } });
  const { State: { currentThread } } = await call<Stop>("Command", { name: "continue" });
  assertEquals(currentThread.function.name, "main.serve");
  const { Locations } = await call<{ Locations: { function: { name: string } }[] }>("Stacktrace", {
    Id: -1,
    Depth: 5,
  });
  assertEquals(Locations.slice(0, 2).map((place) => place.function.name), [
    "main.serve",
    "main.main",
  ]);
  const [sum, none] = await Promise.allSettled(
    ["20 + 22", "nothing"].map((Expr) =>
      call<{ Variable: { value: string } }>("Eval", {
        Scope: { GoroutineID: -1, Frame: 0 },
        Expr,
      })
    ),
  );
  assert(sum.status === "fulfilled" && sum.value.Variable.value === "42");
  assert(none.status === "rejected" && none.reason instanceof RpcError);
  assertEquals([none.reason.code, none.reason.execution], ["unknown", "answered"]);
  // It answers what it doesn't know in words of its own.
  await assertFails(call("Nothing", {}), { message: /RPCServer\.Nothing/ });
});

withDelve("Delve's client, by our server and client, to Delve's server", async (client) => {
  const called = new Set<string>();
  const server = new Server();
  server.register(
    "RPCServer",
    Object.fromEntries(METHODS.map((method) => [method, (args: unknown) => {
      called.add(method);
      return client.call(`RPCServer.${method}`, args);
    }])),
  );
  const { address } = await server.listen("tcp@127.0.0.1:0", { protocol: "netrpc/json" });
  try {
    const output = await terminal(address.slice("tcp@".length), [
      "break main.serve",
      "continue",
      "stack",
      "print 20 + 22",
      "exit",
    ]);
    assert(/main\.serve/.test(output) && /main\.main/.test(output), output);
    assert(/^(\(dlv\) )?42$/m.test(output), output);
    assert(!output.includes("can't find"), output);
    for (const method of ["CreateBreakpoint", "Command", "Stacktrace", "Eval"]) {
      assert(called.has(method), `${method} was not called: ${output}`);
    }
  } finally {
    await server.close();
  }
});

/** Types lines into Delve's terminal, and returns what it has written until it ends. */
async function terminal(address: string, lines: readonly string[]): Promise<string> {
  const child = spawn(dlv!, ["connect", address, "--allow-non-terminal-interactive=true"]);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => output += data);
  child.stdin.on("error", () => {});
  // Whether the debugged program is to be killed: no, the test does that.
  child.stdin.end([...lines, "n", ""].join("\n"));
  await new Promise((resolve) => child.once("close", resolve));
  return output;
}
