/** The time from the start of a process to its first reply. */

import { ownStdFlags } from "../../scripts/std.ts";
import { median } from "../rounds.ts";
import { run, type Stage } from "../stage.ts";
import { type Figure, type Part, type PartContext, row, type Runtime, RUNTIMES } from "./part.ts";

const PROCESSES = 15;
/** The first processes of each kind fill the caches of files and of compiled code. */
const WARM_UPS = 2;
const FOLDER = "bench/costs/programs";

/** The programs that are timed, with their first argument. */
const PROGRAMS: readonly [name: string, file: string, kind?: string][] = [
  ["Client", "first", "client"],
  ["XClient", "first", "xclient"],
  ["empty program", "empty"],
];

/** New processes, each of which makes one call. */
export const firstCall: Part = {
  name: "first-call",
  title: "milliseconds from the start of a process to its first reply",
  measure,
};

async function measure({ stage, runtimes, progress }: PartContext): Promise<Figure[]> {
  const server = await stage.deno("peers/server.ts", "geerpc/json", "1");
  const figures: Figure[] = [];
  for (const runtime of runtimes) {
    const { start, library } = await command(stage, runtime);
    const steps = PROGRAMS.map((): number[][] => []);
    // In turn, so that other load on the machine affects all of them equally.
    for (let turn = -WARM_UPS; turn < PROCESSES; turn++) {
      for (const [place, [name, file, kind = ""]] of PROGRAMS.entries()) {
        progress(`${RUNTIMES[runtime]}, ${name}, process ${turn + 1} of ${PROCESSES}`);
        const [path, args] = start(file);
        const from = performance.timeOrigin + performance.now();
        const stdout = await run(path, [...args, kind, server.firstLine, library], ".");
        const times: number[] = JSON.parse(stdout);
        const took = times.map((at, step) => at - (step === 0 ? from : times[step - 1]));
        if (turn >= 0) steps[place].push([...took, times.at(-1)! - from]);
      }
    }
    for (const [place, [name]] of PROGRAMS.entries()) {
      const step = (index: number) => median(steps[place].map((took) => took.at(index)!));
      const all = { "in all": step(-1), "runtime": step(0) };
      const own = steps[place][0].length === 2
        ? all
        : { ...all, "import": step(1), "dial": step(2), "first call": step(3) };
      figures.push(...row(`${RUNTIMES[runtime]}, ${name}`, own));
    }
  }
  await server[Symbol.asyncDispose]();
  return figures;
}

/** How to start a program as users start theirs: without flags that change how it runs. */
async function command(stage: Stage, runtime: Runtime): Promise<{
  start(file: string): [path: string, args: string[]];
  library: string;
}> {
  if (runtime === "deno") {
    const root = `${import.meta.dirname}/../..`;
    const args = ["run", "-A", ...ownStdFlags()];
    return {
      start: (file) => [Deno.execPath(), [...args, `${root}/${FOLDER}/${file}.ts`]],
      library: `${root}/mod.ts`,
    };
  }
  const out = await stage.javascript();
  return {
    start: (file) => ["node", [`${out}/${FOLDER}/${file}.js`]],
    library: `${out}/mod.js`,
  };
}
