/**
 * Says where `@std` comes from: JSR, in the newest release that `deno.json`
 * admits or in the lowest, or the stand-ins in `offline/`.
 */

import lowest from "./lowest_std.json" with { type: "json" };

/**
 * `jsr`, `lowest` or `offline` decides without asking. Set once it was asked,
 * so that all processes started from here decide alike.
 */
const CHOICE = "XCLIENT_STD";
const PROBE_MS = 2000;
const PROBE = 'import "@std/assert"; import "@std/async/deadline";';

type Choice = "jsr" | "lowest" | "offline";

/** With what Deno is started for each choice. */
const FLAGS: Readonly<Record<Choice, string[]>> = {
  jsr: [],
  lowest: ["--import-map", `${import.meta.dirname}/lowest_std.json`],
  offline: ["--import-map", `${import.meta.dirname}/offline/import_map.json`],
};

/** Whether the stand-ins are in use; asks at most once in a process tree. */
export async function isOffline(): Promise<boolean> {
  return await chosen() === "offline";
}

/** The flags to start Deno with: none, or those that select another `@std`. */
export async function stdFlags(): Promise<string[]> {
  return FLAGS[await chosen()];
}

/**
 * The flags with which a program starts another Deno process that resolves
 * imports as it does itself: `["run", "-A", ...ownStdFlags(), "server.ts"]`.
 */
export function ownStdFlags(): string[] {
  const module = import.meta.resolve("@std/async/deadline");
  if (module.startsWith("file:")) return FLAGS.offline;
  return module === lowest.imports["@std/async/deadline"] ? FLAGS.lowest : FLAGS.jsr;
}

async function chosen(): Promise<Choice> {
  let choice = Deno.env.get(CHOICE);
  if (choice === undefined) {
    choice = await jsrAnswers() ? "jsr" : "offline";
    Deno.env.set(CHOICE, choice);
    if (choice === "offline") {
      console.error(
        `JSR does not answer: using the stand-ins in scripts/offline (set ${CHOICE}=jsr to insist on JSR)`,
      );
    }
  }
  if (Object.hasOwn(FLAGS, choice)) return choice as Choice;
  throw new TypeError(`${CHOICE} must be jsr, lowest or offline, got ${choice}`);
}

/** Whether JSR or Deno's cache of it has what we import. */
async function jsrAnswers(): Promise<boolean> {
  const probe = new Deno.Command(Deno.execPath(), {
    args: ["eval", PROBE],
    cwd: `${import.meta.dirname}/..`,
    stdin: "null",
    stdout: "null",
    stderr: "null",
    signal: AbortSignal.timeout(PROBE_MS),
  });
  return (await probe.output()).success;
}
