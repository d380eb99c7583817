/**
 * Go's own tests against us, as the Go that is installed has them. `GOB_SEED` chooses the random
 * types, `GOB_TYPES` says how many there are.
 */

import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { gob } from "../../gob.ts";
import { Server } from "../../server.ts";
import { type Difference, GobOracle } from "./gob_oracle.ts";
import { GoSuites, type GoTest } from "./go_suites.ts";
import { goTest } from "./peer.ts";

const seed = Number(process.env.GOB_SEED ?? Math.floor(Math.random() * 2 ** 31));
const count = Number(process.env.GOB_TYPES ?? 1000);

/**
 * Tests of Go's that are known to fail here, and why. Each must still fail: whoever mends one takes
 * it out.
 */
const KNOWN: Readonly<Record<string, string>> = {
  "gob TestMarshalFloatMap": "several keys that are NaN are one in JavaScript: they are refused",
};

function withSuites(name: string, body: (suites: GoSuites) => Promise<void>): void {
  goTest(name, async () => {
    const suites = await GoSuites.copy();
    try {
      await body(suites);
    } finally {
      await suites.remove();
    }
  });
}

/** Checks that what failed is what is known to fail. */
function assertKnown(suite: string, failed: readonly Difference[]): void {
  const known = Object.keys(KNOWN).filter((name) => name.startsWith(`${suite} `));
  const found = new Set(failed.map(({ test }) => `${suite} ${test}`));
  const all = failed.map(({ test, what }) => `${test}: ${what}`).join("\n");
  assertEquals([...found].sort(), known.sort(), all);
}

function failuresOf(tests: readonly GoTest[]): Difference[] {
  return tests.filter(({ passed }) => !passed).map(({ test, output }) => ({ test, what: output }));
}

type Args = { A: number; B: number };
const args = gob.struct({ A: gob.safeInt, B: gob.safeInt }, { name: "Args" });
const reply = gob.struct({ C: gob.safeInt }, { name: "Reply" });

const ARITH = {
  Add: ({ A, B }: Args) => ({ C: A + B }),
  Mul: ({ A, B }: Args) => ({ C: A * B }),
  Div({ A, B }: Args) {
    if (B === 0) throw new Error("divide by zero");
    return { C: Math.trunc(A / B) };
  },
  String: ({ A, B }: Args) => `${A}+${B}=${A + B}`,
  Scan: (text: string) => ({ C: Number(text) }),
  Error(_: Args): { C: number } {
    throw new Error("ERROR");
  },
  async SleepMilli({ A }: Args) {
    await new Promise((resolve) => setTimeout(resolve, A));
    return { C: 0 };
  },
};
const ARITH_SCHEMA = gob.service({
  Add: { args, reply },
  Mul: { args, reply },
  Div: { args, reply },
  String: { args, reply: gob.string },
  Scan: { args: gob.string, reply },
  Error: { args, reply },
  SleepMilli: { args, reply },
});

/** The services of the tests of `net/rpc`. */
function rpcServer(): Server {
  const server = new Server({ connectPaths: { "/foo": "netrpc/gob" } });
  for (const name of ["Arith", "net.rpc.Arith", "newServer.Arith"]) {
    server.register(name, ARITH, { schema: ARITH_SCHEMA });
  }
  const exported = gob.service({ Exported: { args, reply } });
  server.register("Embed", { Exported: ARITH.Add }, { schema: exported });
  server.register("BuiltinTypes", {
    Map: ({ A, B }: Args) => new Map([[A, B]]),
    Slice: ({ A, B }: Args) => [A, B],
    Array: ({ A, B }: Args) => [A, B],
  }, {
    schema: gob.service({
      Map: { args, reply: gob.map(gob.int, gob.int) },
      Slice: { args, reply: gob.slice(gob.int) },
      Array: { args, reply: gob.array(2, gob.int) },
    }),
  });
  return server;
}

/** The services of the tests of `net/rpc/jsonrpc`. */
function jsonServer(): Server {
  const server = new Server();
  server.register("Arith", ARITH);
  server.register("BuiltinTypes", {
    Map: (i: number) => ({ [i]: i }),
    Slice: (i: number) => [i],
    Array: (i: number) => [i],
  });
  return server;
}

async function portOf(server: Server, protocol: "netrpc/gob" | "netrpc/json"): Promise<string> {
  const { address } = await server.listen("tcp@127.0.0.1:0", { protocol });
  return address.slice(address.indexOf("@") + 1);
}

withSuites("the clients of Go's tests of net/rpc, with our server", async (suites) => {
  const server = rpcServer();
  try {
    const port = await portOf(server, "netrpc/gob");
    const tests = await suites.test("rpc", { OTHER_TCP: port, OTHER_HTTP: port });
    assert(tests.length > 10, `only ${tests.length} tests`);
    assertKnown("rpc", failuresOf(tests));
  } finally {
    await server.close();
  }
});

withSuites("the clients of Go's tests of net/rpc/jsonrpc, with our server", async (suites) => {
  const server = jsonServer();
  try {
    const port = await portOf(server, "netrpc/json");
    const tests = await suites.test("jsonrpc", { OTHER_JSON: port });
    assert(tests.length > 5, `only ${tests.length} tests`);
    assertKnown("jsonrpc", failuresOf(tests));
  } finally {
    await server.close();
  }
});

withSuites(
  `what Go's tests of encoding/gob encode, and types by chance (seed ${seed})`,
  async (suites) => {
    const oracle = await GobOracle.start();
    try {
      const tests = await suites.test("gob", {
        OTHER_GOB: oracle.address,
        OTHER_SEED: String(seed),
        OTHER_COUNT: String(count),
      });
      const failed = failuresOf(tests);
      assertKnown("gob", [...failed, ...oracle.differences]);
      assert(tests.length > 80, `only ${tests.length} tests`);
      console.log(
        `GOB_SEED=${seed}: ${oracle.values} values of ${oracle.types.size} types, ` +
          `${oracle.streams} streams`,
      );
      assert(oracle.values > 100 && oracle.streams > 100);
    } finally {
      await oracle.close();
    }
  },
);
