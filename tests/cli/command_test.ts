/** Help, wrong usage and completions. */

import { assert, assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import { COMMANDS } from "../../cli/commands.ts";
import { MemoryNetwork } from "../../testing.ts";
import { command } from "../support/command.ts";
import { findProgram } from "../support/processes.ts";

async function usageError(...args: string[]): Promise<string> {
  const { code, out, err } = await command({}, ...args);
  assertEquals([code, out], [2, ""], err);
  return err.split("\n")[0];
}

Deno.test("help lists the subcommands, and each has its own", async () => {
  const { code, out } = await command({}, "--help");
  assertEquals(code, 0);
  for (const { name, summary } of COMMANDS) {
    assert(out.includes(`  ${name.padEnd(13)}${summary}\n`), name);
    const { code, out: own } = await command({}, name, "--help");
    assertEquals(code, 0);
    assert(own.startsWith(`xclient ${name}: ${summary}\n\nUsage: xclient ${name} `), own);
    assertEquals((await command({}, "help", name)).out, own);
    assertEquals((await command({}, name, "-h")).out, own);
    const long = own.split("Examples:")[0].split("\n").filter((line) => line.length > 92);
    assertEquals(long, []);
  }
  assertEquals((await command({})).code, 2);
  assert(/^xclient \d+\.\d+\.\d+\n$/.test((await command({}, "--version")).out));
});

Deno.test("wrong usage ends with 2 and says what was probably meant", async () => {
  assertEquals(
    await command({}, "brodcast"),
    {
      code: 2,
      out: "",
      err: 'error: there is no subcommand "brodcast"; did you mean "broadcast"?\n' +
        "  `xclient --help` lists them\n",
    },
  );
  assertEquals(
    await usageError("call", ":1", "A.B", "--tmeout", "2s"),
    'error: there is no option --tmeout; did you mean "--timeout"?',
  );
  assertEquals(
    await usageError("call", ":1", "A.B", "--timeout", "2"),
    'error: --timeout must be a duration above 0, as 500ms, 2s or 1m, got "2"',
  );
  assertEquals(
    await usageError("call", ":1", "A.B", "--timeout"),
    "error: --timeout needs a value: --timeout DURATION",
  );
  assertEquals(
    await usageError("call", ":1", "A.B", "--json=1"),
    'error: --json has no value, got "1"',
  );
  assertEquals(
    await usageError("call", ":1", "A.B", "--protocol", "netrpc/gop"),
    "error: --protocol must be geerpc/json, geerpc/gob, netrpc/gob, netrpc/json, " +
      'got "netrpc/gop"; did you mean "netrpc/gob"?',
  );
  assertEquals(
    await usageError("call", ":1", "A.B", "-1"),
    "error: -1 is taken for an option; put -- before a negative number",
  );
  assertEquals(
    await usageError("call", "A.B"),
    "error: no servers: give addresses, as tcp@127.0.0.1:9001, or --registry, --dns or --etcd",
  );
  assertEquals(
    await usageError("call", ":1", "A.B", "--registry", "http://r"),
    "error: addresses and --registry at once: give one of them",
  );
  assertEquals(
    await usageError("call", "A.B", "--dns", "a:1", "--etcd", "http://e=x"),
    "error: --dns and --etcd at once: give one of them",
  );
  assertEquals(
    await usageError("call", "A.B", "--etcd", "http://e"),
    'error: --etcd must be URL=PREFIX, as http://10.0.0.1:2379=arith/, got "http://e"',
  );
  assertEquals(await usageError("call", ":1"), "error: no method: name one as Service.Method");
  assertEquals(
    await usageError("call", ":1", "Sum"),
    'error: a method is named as Service.Method, got "Sum"',
  );
  assertEquals(
    await usageError("call", ":1", "A.B", '{"A":', "1}"),
    'error: too many words behind A.B: "1}"; quote the argument, as \'{"A": 1}\'',
  );
  const noJson = await usageError("call", ":1", "A.B", "ann");
  assert(noJson.startsWith("error: the argument is no JSON: "), noJson);
  assert(noJson.endsWith("; a text is quoted twice: '\"ann\"'"), noJson);
  assertEquals(
    await usageError("call", ":1", "A.B", "--meta", "x"),
    'error: --meta must be K=V, got "x"',
  );
  assertEquals(
    await usageError("call", ":1", "A.B", "--attempts", "0"),
    'error: --attempts must be a whole number of at least 1, got "0"',
  );
  assertEquals(
    await usageError("list", "nonsense"),
    'error: "nonsense" is no address: it looks like tcp@127.0.0.1:9001',
  );
  const wrongAddress = await command({}, "call", "ftp@a:1", "A.B");
  assertEquals(wrongAddress.code, 2);
  assert(wrongAddress.err.includes('invalid address "ftp@a:1"'), wrongAddress.err);
  const half = await command({ files: { c: "x" } }, "call", ":1", "A.B", "--tls-cert", "c");
  assertEquals(
    half.err.split("\n")[0],
    "error: --tls-cert and --tls-key belong together: give both",
  );
});

Deno.test("a negative number behind -- is an argument", async () => {
  const network = new MemoryNetwork();
  const { code, err } = await command({ network }, "call", "memory@none", "A.B", "--", "-1");
  assertEquals(code, 3, err); // it was understood, and there is no such server
});

Deno.test("completions exist for three shells, and know every subcommand and option", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, out } = await command({}, "completions", shell);
    assertEquals(code, 0);
    for (const { name, options } of COMMANDS) {
      assert(out.includes(name), `${shell}: ${name}`);
      for (const option of Object.keys(options)) {
        assert(
          out.includes(shell === "fish" ? `-l ${option}` : `--${option}`),
          `${shell}: ${option}`,
        );
      }
    }
    const program = findProgram(shell);
    if (program === undefined) continue;
    const { status, stderr } = spawnSync(program, ["-n"], { input: out });
    assertEquals(status, 0, String(stderr));
  }
  assertEquals(
    await usageError("completions", "bsh"),
    'error: name a shell: bash, zsh or fish, got "bsh"; did you mean "bash"?',
  );
});

const bash = findProgram("bash");
Deno.test({
  name: "bash completes subcommands, options and their values",
  ignore: bash === undefined,
  async fn() {
    const { out } = await command({}, "completions", "bash");
    const complete = (...words: string[]) => {
      const quoted = words.map((word) => `'${word}'`).join(" ");
      const script = `${out}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _xclient; ` +
        'echo "${COMPREPLY[@]}"';
      const { stdout, stderr } = spawnSync(bash!, ["-c", script]);
      assertEquals(String(stderr), "");
      return String(stdout).trim();
    };
    assertEquals(complete("xclient", "br"), "broadcast");
    assertEquals(complete("xclient", "top", "--so"), "--sort");
    assertEquals(complete("xclient", "top", "--sort", "l"), "latency");
    assertEquals(complete("xclient", "call", "--protocol", "netrpc/j"), "netrpc/json");
    assertEquals(complete("xclient", "completions", "f"), "fish");
  },
});
