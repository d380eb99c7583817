/**
 * Runs other programs: shows their output as it comes, and passes signals on to
 * them. All of them trust the certificates that the system trusts.
 */

// npm may only be reached through a proxy whose certificate the system alone knows.
const CERTIFICATES = "DENO_TLS_CA_STORE";
if (Deno.env.get(CERTIFICATES) === undefined) Deno.env.set(CERTIFICATES, "system,mozilla");

/** Options for {@linkcode exec}. */
export interface ExecOptions {
  /** Where to run; the current directory if left out. */
  cwd?: string;
  /** Environment variables to add. */
  env?: Record<string, string>;
  /** Also keep what the program writes to its standard output. */
  capture?: boolean;
  /** When to stop the program and all that it started, in milliseconds. Default: never. */
  timeoutMs?: number;
}

/** How a program ended. */
export interface ExecResult {
  code: number;
  /** Its standard output without colours; empty unless captured. */
  output: string;
  timedOut: boolean;
}

const SIGNALS: Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

// How long to wait for the rest of the output when the program has ended: a
// process that it left behind may hold the output open for ever.
const REST_MS = 2000;

/** `npm` as the system calls it. */
export function npmPath(): string {
  return Deno.build.os === "windows" ? "npm.cmd" : "npm";
}

/** `npx` as the system calls it. */
export function npxPath(): string {
  return Deno.build.os === "windows" ? "npx.cmd" : "npx";
}

/** Runs a program to its end. */
export async function exec(
  program: string,
  args: string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  const { cwd, env, capture = false, timeoutMs } = options;
  const child = new Deno.Command(program, {
    args,
    cwd,
    env,
    stdin: "inherit",
    stdout: capture ? "piped" : "inherit",
    stderr: "inherit",
  }).spawn();
  const removeHandlers = SIGNALS.map((signal) => passOn(signal, child.pid));

  let timedOut = false;
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => {
    timedOut = true;
    killTree(child.pid);
  }, timeoutMs);

  let restTimer: ReturnType<typeof setTimeout> | undefined;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  try {
    const shown = capture ? show(child.stdout, chunks) : undefined;
    const { code } = await child.status;
    await Promise.race([
      shown,
      new Promise((end) => restTimer = setTimeout(end, REST_MS)),
    ]);
    return { code, output: text(await new Blob(chunks).bytes()), timedOut };
  } finally {
    clearTimeout(timer);
    clearTimeout(restTimer);
    for (const remove of removeHandlers) remove();
  }
}

function passOn(signal: Deno.Signal, pid: number): () => void {
  const handler = () => {
    // On Ctrl-C the terminal itself signals the program, too.
    if (signal !== "SIGINT" || !Deno.stdin.isTerminal()) kill(pid, signal);
  };
  Deno.addSignalListener(signal, handler);
  return () => Deno.removeSignalListener(signal, handler);
}

function kill(pid: number, signal: Deno.Signal) {
  try {
    Deno.kill(pid, signal);
  } catch { /* It has ended. */ }
}

/** Ends a process and all that it started, which may hold our output open. */
function killTree(pid: number) {
  const pids = [pid];
  const links = processes();
  for (const each of pids) {
    pids.push(...links.filter(([, from]) => from === each).map(([id]) => id));
  }
  for (const each of pids) kill(each, "SIGKILL");
}

/** Each process with the one that started it; none where there is no `ps`. */
function processes(): [id: number, from: number][] {
  try {
    const ps = new Deno.Command("ps", { args: ["-A", "-o", "pid=,ppid="] });
    const lines = text(ps.outputSync().stdout).matchAll(/(\d+)\s+(\d+)/g);
    return Array.from(lines, ([, id, from]) => [Number(id), Number(from)]);
  } catch {
    return [];
  }
}

/** Writes a stream to the standard output, and keeps what it wrote. */
async function show(
  stream: ReadableStream<Uint8Array>,
  chunks: Uint8Array<ArrayBuffer>[],
) {
  for await (const chunk of stream) {
    chunks.push(new Uint8Array(chunk));
    for (let rest = chunk; rest.length > 0;) {
      rest = rest.subarray(await Deno.stdout.write(rest));
    }
  }
}

/** What a program wrote, without colours. */
function text(bytes: Uint8Array): string {
  // deno-lint-ignore no-control-regex
  return new TextDecoder().decode(bytes).replace(/\x1b\[[0-9;]*m/g, "");
}
