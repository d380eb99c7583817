/** The command at servers in Go: what a person sees. */

import { assert, assertEquals } from "@std/assert";
import { command, CommandWorld, steady } from "../support/command.ts";
import { withGoServers } from "./peer.ts";

const options = { fetch: (url: string, init?: RequestInit) => fetch(url, init) };
const run = (...args: string[]) => command(options, ...args);

/** Every server in Go, with the protocol that it speaks. */
const PEERS = [
  ["gob", "netrpc/gob"],
  ["http", "netrpc/gob"],
  ["unix", "netrpc/gob"],
  ["json", "netrpc/json"],
  ["gee", "geerpc/json"],
  ["gee", "geerpc/gob"],
  ["geeGob", "geerpc/gob"],
] as const;

withGoServers("call, inform, ping, health, bench and top at each server in Go", async (go) => {
  for (const [place, protocol] of PEERS) {
    const at = [go[place], "--protocol", protocol];
    const what = `${place} ${protocol}`;
    const args = '{"A": 7, "B": 2}';
    assertEquals(
      await run("call", ...at, "Arith.Sum", args),
      { code: 0, out: "9\n", err: "" },
      what,
    );
    const types = ["--types", "{A:int, B:int} -> float"];
    assertEquals((await run("call", ...at, "Arith.Divide", args, ...types)).out, "3.5\n", what);

    const failed = await run("call", ...at, "Arith.Divide", '{"A": 7, "B": 0}');
    assertEquals(failed.code, 1, what);
    assertEquals(
      steady(failed.err).replace(/at unix@.*/, "at tcp@127.0.0.1:PORT").replace("http@", "tcp@"),
      "error: unknown: divide by zero\n  at tcp@127.0.0.1:PORT\n  the call ran, and this is its answer\n",
      what,
    );

    const informed = await run("inform", ...at, "Arith.Sum", args);
    assertEquals(informed.code, 0, what);
    assert(/ ok +\S+ (?:µs|ms|s) {2}9\n1 of 1 succeeded\n$/.test(informed.out), informed.out);

    const pinged = await run("ping", ...at, "--count", "1");
    assertEquals(pinged.code, 0, `${what}: ${pinged.err}`);
    const health = await run("health", ...at);
    assertEquals(health.code, 0, `${what}: ${health.out}${health.err}`);
    assert(health.out.includes("unknown  it is reached"), health.out);

    const load = ["--concurrency", "4", "--duration", "50ms", "--warm-up", "10ms", "--json"];
    const benched = await run("bench", ...at, "Arith.Sum", args, ...load);
    assertEquals(benched.code, 0, `${what}: ${benched.err}`);
    assert(JSON.parse(benched.out).steps[0].succeeded > 0, benched.out);

    const top = await run("top", ...at, "--interval", "50ms");
    assertEquals(top.code, 0, what);
    assert(top.out.startsWith("0 of 1 serving"), top.out);
    assert(/(?:untold|unreachable) +\S/.test(top.out), `${what}: ${top.out}`);
  }
});

withGoServers("list and describe read the debug page of Go's net/rpc", async (go) => {
  const at = [go.http, "--protocol", "netrpc/gob"];
  await run("call", ...at, "Arith.Sum", '{"A": 1, "B": 2}');
  const { code, out } = await run("describe", ...at);
  assertEquals(code, 0);
  assertEquals(
    steady(out),
    `http@127.0.0.1:PORT
  told by http://127.0.0.1:PORT/debug/rpc
  Arith
    Divide  main.Args -> float64  0 calls
    Slow    int -> int            0 calls
    Sum     main.Args -> int      1 calls
  Node
    Name  struct {} -> string  0 calls
  Types
    Echo  main.All -> main.All  0 calls
`,
  );
  const listed = await run("list", ...at);
  assertEquals(listed.out.split("\n").slice(1, 4), [
    "  Arith.Divide",
    "  Arith.Slow",
    "  Arith.Sum",
  ]);
});

withGoServers("list and describe read the debug page of GeeRPC", async (go) => {
  const { code, out, err } = await run("describe", go.http, "--protocol", "geerpc/gob");
  assertEquals([code, err], [0, ""]);
  assert(
    steady(out).startsWith("http@127.0.0.1:PORT\n  told by http://127.0.0.1:PORT/debug/geerpc\n"),
    out,
  );
  assert(/\n {2}Arith\n(?: {4}.*\n)* {4}Sum +main.Args -> int +0 calls\n/.test(out), out);
});

withGoServers(
  "a server that can't be described says what would help, and so does a wrong protocol",
  async (go) => {
    const described = await run("describe", go.json, "--protocol", "netrpc/json");
    assertEquals([described.code, described.out], [1, ""]);
    assert(described.err.includes("does not describe itself to us"), described.err);
    assert(described.err.includes("give its address as http@host:port"), described.err);

    const wrong = await run("call", go.gob, "Arith.Sum", '{"A": 1, "B": 2}', "--timeout", "5s");
    assert(wrong.code === 1 || wrong.code === 4, wrong.err);
    assert(/next: .*(--protocol|--timeout)/.test(wrong.err), wrong.err);
  },
);

/** Runs a proxy of Go's net/rpc, and calls it. */
async function throughProxy(
  fleet: string,
  more: readonly string[],
  calls: readonly (readonly [protocol: string, method: string, args: string, reply: string])[],
): Promise<void> {
  const proxy = new CommandWorld(options);
  const listen = ["--listen", "tcp@127.0.0.1:0"];
  const running = proxy.run("proxy", fleet, "--protocol", "netrpc/gob", ...listen, ...more);
  await proxy.untilOut("listens at");
  const [address] = /tcp@\S+/.exec(proxy.out)!;
  for (const [protocol, method, args, reply] of calls) {
    const { out, err } = await run("call", address, method, args, "--protocol", protocol);
    assertEquals([out, err], [reply, ""], protocol);
  }
  proxy.interrupt();
  assertEquals((await running).code, 0);
}

withGoServers(
  "a proxy lets clients of other protocols call a fleet of Go's net/rpc",
  async (go) => {
    const args = '{"A": 8, "B": 2}';
    // What Go's debug page lists: its types have names, so those of the values count.
    await throughProxy(go.http, [], [
      ["geerpc/json", "Arith.Sum", args, "10\n"],
      ["geerpc/gob", "Node.Name", "{}", '"gob"\n'],
    ]);
    const named = ["--method", "Arith.Divide {A:int, B:int} -> float"];
    await throughProxy(go.gob, named, [
      ["geerpc/json", "Arith.Divide", args, "4\n"],
      ["geerpc/gob", "Arith.Divide", args, "4\n"],
    ]);
    await throughProxy(go.gob, [...named, "--listen-protocol", "netrpc/json"], [
      ["netrpc/json", "Arith.Divide", args, "4\n"],
    ]);
  },
);
