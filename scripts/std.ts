/** Says where `@std` comes from: JSR, or the stand-ins in `offline/`. */

// "jsr" or "offline" decides without asking. Set once asked, so that all
// processes started from here decide alike.
const CHOICE = "XCLIENT_STD";
const PROBE_MS = 2000;
const PROBE = 'import "@std/assert"; import "@std/async/deadline";';

const OFFLINE = [
  "--import-map",
  `${import.meta.dirname}/offline/import_map.json`,
];

/** Whether the stand-ins are in use; asks at most once in a process tree. */
export async function isOffline(): Promise<boolean> {
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
  if (choice !== "jsr" && choice !== "offline") {
    throw new TypeError(`${CHOICE} must be jsr or offline, got ${choice}`);
  }
  return choice === "offline";
}

/** The flags to start Deno with: none, or those that select the stand-ins. */
export async function stdFlags(): Promise<string[]> {
  return await isOffline() ? OFFLINE : [];
}

/**
 * The flags with which a program starts another Deno process that resolves
 * imports as it does itself: `["run", "-A", ...ownStdFlags(), "server.ts"]`.
 */
export function ownStdFlags(): string[] {
  return import.meta.resolve("@std/async/deadline").startsWith("file:") ? OFFLINE : [];
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
