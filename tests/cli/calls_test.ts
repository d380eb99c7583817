/** `call`, `broadcast`, `fork` and `inform`: what a person sees, and how they end. */

import { assert, assertEquals } from "@std/assert";
import type { CallContext } from "../../server.ts";
import { command, type CommandOptions, CommandWorld, steady } from "../support/command.ts";
import { inWorld, type World } from "../support/helpers.ts";

const arith = {
  Sum: ({ A, B }: { A: number; B: number }) => A + B,
  Divide: ({ A, B }: { A: number; B: number }) => {
    if (B === 0) throw new Error("divide by zero");
    return A / B;
  },
  Echo: (args: unknown) => args,
  Meta: (_args: unknown, ctx: CallContext) => ctx.meta,
  Never: () => new Promise(() => {}),
};

async function inFleet(
  body: (options: CommandOptions, world: World) => Promise<void>,
): Promise<void> {
  await inWorld(async (world) => {
    await world.serve("a", {}, { Arith: arith, Node: { Status: () => "fine" } });
    await world.serve("b", {}, {
      Arith: arith,
      Node: {
        Status: () => {
          throw new Error("disk full");
        },
      },
    });
    await body(world.options, world);
  });
}

Deno.test("call prints the reply: on one line in a pipe, indented in a terminal", async () => {
  await inFleet(async (options) => {
    const args = ["call", "memory@a", "Arith.Echo", '{"A": [1, "x"]}'];
    assertEquals(await command(options, ...args), { code: 0, out: '{"A":[1,"x"]}\n', err: "" });
    const { out } = await command({ ...options, isTerminal: true }, ...args);
    assertEquals(out, '{\n  "A": [\n    1,\n    "x"\n  ]\n}\n');
    const { out: none } = await command(options, "call", "Arith.Echo", "memory@a");
    assertEquals(none, "null\n");
  });
});

Deno.test("an argument comes from a file or the standard input, and metadata goes along", async () => {
  await inFleet(async (options) => {
    const files = { "args.json": '{"A": 2, "B": 5}', token: "secret\n" };
    const from = { ...options, files, input: '{"A": 3, "B": 5}' };
    assertEquals((await command(from, "call", "memory@a", "Arith.Sum", "@args.json")).out, "7\n");
    assertEquals((await command(from, "call", "memory@a", "Arith.Sum", "-")).out, "8\n");
    const meta = ["--meta", "user=ann", "-m", "a=b=c", "--token", "@token"];
    const { out } = await command(from, "call", "memory@a", "Arith.Meta", ...meta);
    assertEquals(JSON.parse(out), { user: "ann", a: "b=c", token: "secret" });
    const { out: byEnv } = await command(
      { ...from, env: { XCLIENT_TOKEN: "other" } },
      "call",
      "memory@a",
      "Arith.Meta",
    );
    assertEquals(JSON.parse(byEnv), { token: "other" });
    const { code, err } = await command(from, "call", "memory@a", "Arith.Sum", "@none.json");
    assertEquals(code, 2);
    assertEquals(err.split("\n")[0], "error: none.json can't be read: no such file: none.json");
  });
});

Deno.test("a failure says what, where, whether it ran and what to do next; codes tell scripts", async () => {
  await inFleet(async (options) => {
    assertEquals(
      await command(options, "call", "memory@a", "Arith.Divide", '{"A": 1, "B": 0}'),
      {
        code: 1,
        out: "",
        err: "error: unknown: divide by zero\n  at memory@a\n" +
          "  the call ran, and this is its answer\n",
      },
    );
    const wrong = await command(options, "call", "memory@a", "Arith.Dvide", "1");
    assertEquals(wrong.code, 1);
    assertEquals(
      wrong.err,
      "error: unimplemented: rpc server: can't find method Dvide\n  at memory@a\n" +
        "  the call was rejected: it did not run\n" +
        "  next: `xclient describe ADDRESS` shows what the server offers\n",
    );
    const nobody = await command(
      options,
      "call",
      "memory@none",
      "Arith.Sum",
      "1",
      "--attempts",
      "1",
    );
    assertEquals(nobody.code, 3);
    assert(
      nobody.err.endsWith(
        "  the call was not sent: it did not run\n" +
          "  next: is the server running, and is this its address? `xclient ping ADDRESS` tries again\n",
      ),
      nobody.err,
    );
    const sum = ["call", "memory@a", "Arith.Sum", '{"A": 1, "B": 2}', "--json"];
    const { code, out } = await command(options, ...sum);
    assertEquals([code, out], [0, '{"ok":true,"reply":3,"elapsedMs":0}\n']);
    const json = await command(
      options,
      ...["call", "memory@a", "Arith.Divide", '{"A": 1, "B": 0}', "--json"],
    );
    assertEquals([json.code, json.err], [1, ""]);
    const { ok, error } = JSON.parse(json.out);
    assertEquals([ok, error.code, error.message, error.address, error.execution], [
      false,
      "unknown",
      "divide by zero",
      "memory@a",
      "answered",
    ]);
  });
});

Deno.test("the time is over after --timeout: exit code 4", async () => {
  await inFleet(async (options, { clock }) => {
    const ended = command(options, "call", "memory@a", "Arith.Never", "--timeout", "2s");
    await clock.advance(1999);
    await clock.advance(1);
    const { code, err } = await ended;
    assertEquals(code, 4);
    assert(err.startsWith("error: deadline_exceeded: "), err);
    assert(err.includes("give it more time with --timeout"), err);
  });
});

Deno.test("Ctrl-C ends a call at once, and the server hears of it", async () => {
  await inFleet(async (options, { sites }) => {
    const terminal = new CommandWorld(options);
    const ended = terminal.run("call", "memory@a", "Gate.Wait");
    await sites[0].gate.untilBegun(1);
    terminal.interrupt();
    assertEquals(await ended, { code: 130, out: "", err: "" });
    await sites[0].gate.untilAborted(1);
  });
});

Deno.test("broadcast needs all, fork one", async () => {
  await inFleet(async (options) => {
    const sum = ["memory@a", "memory@b", "Arith.Sum", '{"A": 1, "B": 2}'];
    assertEquals((await command(options, "broadcast", ...sum)).out, "3\n");
    const status = ["memory@a", "memory@b", "Node.Status"];
    const { code, err } = await command(options, "broadcast", ...status);
    assertEquals([code, err.split("\n").slice(0, 2)], [
      1,
      ["error: unknown: disk full", "  at memory@b"],
    ]);
    assertEquals(await command(options, "fork", ...status), { code: 0, out: '"fine"\n', err: "" });
    const quorum = await command(options, "broadcast", ...status, "--quorum", "1");
    assertEquals(quorum.out, '"fine"\n');
  });
});

Deno.test("inform shows a table, and each outcome as a line of JSON", async () => {
  await inFleet(async (options) => {
    const servers = ["memory@b", "memory@none", "memory@a"];
    const { code, out } = await command(options, "inform", ...servers, "Node.Status");
    assertEquals(code, 1);
    assertEquals(
      steady(out),
      `ADDRESS      OUTCOME      TIME  REPLY
memory@a     ok TIME  "fine"
memory@b     unknown TIME  disk full
memory@none  unavailable TIME  Node.Status: memory@none: can't connect: connection refused
1 of 3 succeeded
`,
    );
    const json = await command(options, "inform", ...servers, "Node.Status", "--json");
    const lines = json.out.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(json.code, 1);
    assertEquals(lines.map(({ address, ok }) => [address, ok]).sort(), [
      ["memory@a", true],
      ["memory@b", false],
      ["memory@none", false],
    ]);
    assertEquals((await command(options, "inform", "memory@a", "Node.Status")).code, 0);
    assertEquals((await command(options, "inform", "memory@none", "Node.Status")).code, 3);
  });
});

Deno.test("colours only where a terminal has them", async () => {
  await inFleet(async (options) => {
    const args = ["inform", "memory@a", "memory@b", "Node.Status"];
    const coloured = await command({ ...options, isTerminal: true, hasColours: true }, ...args);
    assert(coloured.out.includes("\x1b[32mok"), coloured.out);
    assert(coloured.out.includes("\x1b[31munknown"), coloured.out);
    const { out } = await command({ ...options, isTerminal: true }, ...args);
    assert(!out.includes("\x1b"), out);
  });
});

Deno.test("what a server says can't take over the terminal", async () => {
  await inWorld(async (world) => {
    const evil = () => {
      throw new Error("\x1b]0;owned\x07\x1b[2Jgone\u202e");
    };
    const Say = () => "\x9b2J\u202e\x1b[2J";
    await world.serve("a", {}, { Evil: { Do: evil, Say } });
    const said = await command(world.options, "call", "memory@a", "Evil.Say");
    assertEquals(said.out, '"\\u009b2J\\u202e\\u001b[2J"\n');
    for (const name of ["call", "inform"]) {
      const { out, err } = await command(world.options, name, "memory@a", "Evil.Do");
      // deno-lint-ignore no-control-regex
      assert(!/[\x00-\x09\x0b-\x1f\u202e]/.test(out + err), JSON.stringify(out + err));
    }
  });
});
