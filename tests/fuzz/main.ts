/**
 * Damaged frames by the million, in processes of their own; the task `fuzz`. It ends with 0 if all
 * properties of `properties.ts` held, except for faults that `known.ts` names.
 */

import { parseArgs } from "node:util";
import { ownStdFlags } from "../../scripts/std.ts";
import { coveredIn, percent } from "./coverage.ts";
import { again, fromText } from "./fuzzer.ts";
import { nameOf, type Target, TARGETS } from "./targets.ts";
import { countWork } from "./work.ts";
import type { Said } from "./worker.ts";

const USAGE = `Usage: deno task fuzz [options]
  --frames N      damaged frames for each protocol and side; default 100000
  --seed N        chooses them; default: by chance, and printed
  --protocol P    only geerpc/json, geerpc/gob, netrpc/gob or netrpc/json
  --side S        only server, client, opening (HTTP CONNECT and option) or connect (its answer)
  --jobs J        processes at once; default: as many as there are processors
  --coverage N    frames of each that are run again to see what is reached; default 5000, 0: none
  --replay FILE   runs one input that was kept, and says what it breaks`;

const ROOT = new URL("../../", import.meta.url).pathname;
const KEPT = `${ROOT}build/fuzz`;
/** So many cases are one process. */
const SLICE = 50_000;
/** A worker that says nothing for so long hangs: it says something each 200 cases. */
const HANG_MS = 120_000;
/** The most that one connection may hold, whose messages are up to 4 KiB. */
const MOST_HELD_BYTES = 64 * 1024;
/** What the frames go through. */
const READERS = /^(protocol|gob|net\/http_connect|connection\/server_handshake)/;

/** What was seen of one target. */
interface Total {
  frames: number;
  read: number;
  workPerByte: number;
  heldBytes: number;
  failed: number;
  known: number;
}

const options = parse();
if (options.replay !== undefined) Deno.exit(await replay(options.replay));

const { seed, frames } = options;
console.log(`seed ${seed}`);
const totals = new Map<string, Total>(
  options.targets.map((target) => [
    nameOf(target),
    { frames: 0, read: 0, workPerByte: 0, heldBytes: 0, failed: 0, known: 0 },
  ]),
);
const work = options.targets.flatMap((target) =>
  Array.from({ length: Math.ceil(frames / SLICE) }, (_, index) => ({
    target,
    from: index * SLICE,
    to: Math.min(frames, (index + 1) * SLICE),
  }))
);
const startedAt = performance.now();
await Promise.all(Array.from({ length: options.jobs }, async () => {
  for (let slice = work.shift(); slice !== undefined; slice = work.shift()) {
    await run(slice.target, slice.from, slice.to);
  }
}));
for (const [name, total] of totals) console.log(line(name, total));
console.log(`${Math.round((performance.now() - startedAt) / 1000)} s`);
if (options.coverage > 0) await cover();
const failed = [...totals.values()].reduce((sum, total) => sum + total.failed, 0);
console.log(failed === 0 ? "ok" : `${failed} failed; they are kept in build/fuzz`);
Deno.exit(failed === 0 ? 0 : 1);

function parse() {
  try {
    const { values } = parseArgs({
      args: Deno.args,
      options: {
        frames: { type: "string", default: "100000" },
        seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
        protocol: { type: "string" },
        side: { type: "string" },
        jobs: { type: "string", default: String(navigator.hardwareConcurrency) },
        coverage: { type: "string", default: "5000" },
        replay: { type: "string" },
        help: { type: "boolean" },
      },
    });
    if (values.help) usage(0);
    const numbers = {
      frames: Number(values.frames),
      seed: Number(values.seed),
      jobs: Number(values.jobs),
      coverage: Number(values.coverage),
    };
    const targets = TARGETS.filter(({ protocol, side }) =>
      (values.protocol ?? protocol) === protocol && (values.side ?? side) === side
    );
    if (Object.values(numbers).some((number) => !Number.isSafeInteger(number) || number < 0)) {
      throw new Error("expected whole numbers");
    }
    if (targets.length === 0) throw new Error("no such protocol and side");
    return { ...numbers, targets, replay: values.replay };
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return usage(2);
  }
}

function usage(code: number): never {
  console.log(USAGE);
  Deno.exit(code);
}

async function replay(file: string): Promise<number> {
  countWork();
  const violation = await again(fromText(await Deno.readTextFile(file)));
  if (violation === undefined) console.log("ok: every property holds");
  else console.log(`it does not hold that ${violation.property}\n${violation.detail}`);
  return violation === undefined ? 0 : 1;
}

/** Runs a slice in a process, and takes in what it says. */
async function run(target: Target, from: number, to: number, coverage?: string): Promise<void> {
  const flags = [...ownStdFlags(), "--no-check", "--v8-flags=--expose-gc"];
  if (coverage !== undefined) flags.push(`--coverage=${coverage}`);
  const worker = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      ...flags,
      new URL("worker.ts", import.meta.url).pathname,
      target.protocol,
      target.side,
      ...[seed, from, to].map(String),
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let at = from;
  let isOver = false;
  let timer = setTimeout(() => worker.kill("SIGKILL"), HANG_MS);
  let rest = "";
  for await (const text of worker.stdout.pipeThrough(new TextDecoderStream())) {
    clearTimeout(timer);
    timer = setTimeout(() => worker.kill("SIGKILL"), HANG_MS);
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const said: Said = JSON.parse(line);
      if ("at" in said) at = said.at;
      else if ("frames" in said) isOver = true;
      if (coverage === undefined) take(target, said);
    }
  }
  clearTimeout(timer);
  await worker.status;
  if (isOver) return;
  totals.get(nameOf(target))!.failed++;
  console.log(`${nameOf(target)}, seed ${seed}: it hangs or dies behind frame ${at}`);
}

function take(target: Target, said: Said): void {
  const name = nameOf(target);
  const total = totals.get(name)!;
  if ("at" in said) return;
  if ("headline" in said) {
    total[said.known === undefined ? "failed" : "known"]++;
    if (said.known !== undefined) return;
    Deno.mkdirSync(KEPT, { recursive: true });
    const file = `${KEPT}/${name.replaceAll(/\W/g, "_")}_${seed}_${said.index}.json`;
    Deno.writeTextFileSync(file, said.input);
    console.log(`${said.headline.slice(0, 1000)}\nkept in ${file.slice(ROOT.length)}`);
    return;
  }
  total.frames += said.frames;
  total.read += said.read;
  total.workPerByte = Math.max(total.workPerByte, said.workPerByte);
  total.heldBytes = Math.max(total.heldBytes, said.heldBytes ?? 0);
  if ((said.heldBytes ?? 0) > MOST_HELD_BYTES) {
    total.failed++;
    console.log(`${name}, seed ${seed}: a connection holds ${said.heldBytes} bytes`);
  }
}

function line(name: string, total: Total): string {
  const { frames, read, workPerByte, heldBytes, failed, known } = total;
  return `${name}: ${frames} frames, ${read} read, ${frames - read} refused, at most ` +
    `${Math.round(workPerByte)} bytes gone through for each byte, at most ` +
    `${Math.ceil(heldBytes / 1024)} KiB held by a connection, ${failed} failed, ${known} known`;
}

/** Runs some of the frames again, and prints what they reach of each module. */
async function cover(): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "xclient_fuzz_" });
  try {
    for (const target of options.targets) {
      await run(target, 0, Math.min(frames, options.coverage), folder);
    }
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["coverage", "--lcov", folder],
      stderr: "inherit",
    }).output();
    console.log("\nmodule: lines and branches reached");
    for (const { module, lines, branches } of coveredIn(new TextDecoder().decode(stdout), ROOT)) {
      if (READERS.test(module)) console.log(`${module}: ${percent(lines)} ${percent(branches)}`);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
