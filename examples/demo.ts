/**
 * The demo: three servers in processes of their own, and one client for all of
 * them; the task `demo`. It exits with 0 only if everything that it shows has
 * really happened.
 */

import { deadline } from "@std/async/deadline";
import {
  type CallOptions,
  dial,
  type Discovery,
  MultiServerDiscovery,
  RpcError,
  SelectMode,
  type Service,
  XClient,
} from "@geerpc/xclient";
import type { Index, Node, Settings } from "./demo_server.ts";
import { ServerProcess } from "./server_process.ts";
import { total, Traffic } from "./traffic.ts";

/** The demo takes about a tenth of it. */
const LIMIT_MS = 60_000;
const CALLS = 3000;
const CALLERS = 24;
/** Six standard deviations of the number of calls that one of three servers gets at random. */
const SPREAD = 6 * Math.sqrt(CALLS * (1 / 3) * (2 / 3));
const OPTIONS: CallOptions = { timeoutMs: 5000 };

const servers: ServerProcess[] = [];
const missing: string[] = [];

const startedAt = performance.now();
try {
  await deadline(demo(), LIMIT_MS);
} catch (error) {
  console.error(error);
  missing.push("the demo ran to its end");
} finally {
  await Promise.all(servers.map((server) => server.kill()));
}
if (missing.length === 0) {
  console.log(`\nAll of it happened, in ${seconds(performance.now() - startedAt)}.`);
} else {
  console.log(`\nThis did not happen:\n${missing.map((what) => `  ${what}`).join("\n")}`);
}
Deno.exit(missing.length === 0 ? 0 : 1);

async function demo(): Promise<void> {
  title("Three servers, each a process of its own");
  const [alpha, beta, gamma] = await Promise.all(["alpha", "beta", "gamma"].map(start));
  for (const { name, address, pid } of [alpha, beta, gamma]) {
    row(name, `${address.padEnd(22)}process ${pid}`);
  }
  const all = [alpha, beta, gamma];
  const discovery = new MultiServerDiscovery(all.map(({ address }) => address));
  await using xclient = new XClient(discovery, { mode: SelectMode.RoundRobin });

  title(`Round robin, ${number(CALLS)} calls`);
  const turns = await spread(xclient.service<Node>("Node"));
  verify("each server answered a third", all.every(({ name }) => turns.get(name) === CALLS / 3));

  title(`Random, ${number(CALLS)} calls`);
  await using random = new XClient(discovery, { mode: SelectMode.Random });
  const picks = await spread(random.service<Node>("Node"));
  verify(
    "each server answered about a third",
    total(picks) === CALLS &&
      all.every(({ name }) => Math.abs(picks.get(name)! - CALLS / 3) < SPREAD),
  );

  await broadcast(xclient, all);
  await broadcastWithFailure(xclient, beta, [alpha, gamma]);
  await replaceServer(xclient, discovery, [alpha, beta], gamma);

  await xclient.close();
  await random.close();
  await Promise.all(servers.map((server) => server.stop()));
}

/** Makes all calls at once, and shows which servers answered. */
async function spread(node: Service<Node>): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const calls = Array.from({ length: CALLS }, () => node.Name(undefined, OPTIONS));
  for (const name of await Promise.all(calls)) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  for (const [name, count] of [...counts].sort()) {
    row(name, `${number(count).padStart(6)}  ${"█".repeat(count / 40)}`);
  }
  return counts;
}

async function broadcast(xclient: XClient, all: ServerProcess[]): Promise<void> {
  title("Broadcast");
  const setting = { key: "motd", value: "hello, fleet" };
  const first = await xclient.broadcast<string>("Settings.Set", setting, OPTIONS);
  const settings = xclient.service<Settings>("Settings"); // round robin asks each server once
  const states = await Promise.all(all.map(() => settings.All(undefined, OPTIONS)));
  for (const { name, values } of states.sort((a, b) => a.name < b.name ? -1 : 1)) {
    row(name, `motd = ${values.motd}${name === first ? "   (replied first)" : ""}`);
  }
  verify(
    "one call has set it on every server",
    new Set(states.map(({ name }) => name)).size === all.length &&
      states.every(({ values }) => values.motd === setting.value),
  );
}

async function broadcastWithFailure(
  xclient: XClient,
  failing: ServerProcess,
  others: ServerProcess[],
): Promise<void> {
  title("Broadcast in which one server fails");
  const outcome = xclient.broadcast("Index.Rebuild", undefined, { timeoutMs: 30_000 })
    .then(() => undefined, (error) => error);
  await Promise.all([failing, ...others].map((server) => server.event("started")));

  await using client = await dial(failing.address);
  const brokenAt = performance.now();
  await client.service<Index>("Index").Break("disk full", OPTIONS);
  const error = await outcome;
  const isTheirs = error instanceof RpcError && error.address === failing.address;
  row(failing.name, `fails: ${error?.message}`);
  verify(
    `the broadcast rejects with ${failing.name}'s error`,
    isTheirs && error.message === "disk full" && error.execution === "answered",
  );

  const aborts = await Promise.all(others.map((server) => server.event("aborted")));
  const tookMs = performance.now() - brokenAt;
  others.forEach(({ name }, place) => row(name, `sees the abort: ${aborts[place]}`));
  verify(
    `both other handlers saw their signal abort, ${tookMs.toFixed(0)} ms after the failure`,
    aborts.length === 2 && aborts.every((text) => text.includes("gave Index.Rebuild up")),
  );
}

async function replaceServer(
  xclient: XClient,
  discovery: Discovery,
  survivors: ServerProcess[],
  victim: ServerProcess,
): Promise<void> {
  title(`A server is killed and replaced while ${CALLERS} callers go on`);
  const node = xclient.service<Node>("Node");
  const traffic = new Traffic(() => node.Work(undefined, OPTIONS), CALLERS);
  const healthy = traffic.nextPhase();
  await traffic.until(() => total(healthy.answered) >= CALLS);

  const broken = traffic.nextPhase();
  await victim.kill();
  const [successor] = await Promise.all([
    start("delta"),
    traffic.until(() => total(broken.answered) >= CALLS),
  ]);

  await discovery.update([...survivors, successor].map(({ address }) => address));
  const replaced = traffic.nextPhase();
  await traffic.until(() => total(replaced.answered) + replaced.errors.length >= CALLS);
  await traffic.stop();

  row("", "answered  failed", 24);
  for (
    const [what, { answered, errors }] of [
      ["three servers", healthy],
      [`${victim.name} is dead`, broken],
      [`${successor.name} in its place`, replaced],
    ] as const
  ) {
    const counts = number(total(answered)).padStart(8) + number(errors.length).padStart(8);
    row(what, `${counts}   ${[...answered.keys()].sort().join(", ")}`, 24);
  }
  const errors = [...healthy.errors, ...broken.errors];
  const refused = errors.filter((error) => executionOf(error) === "not_sent").length;
  row(
    victim.name,
    `${number(refused)} calls were not sent, ${errors.length - refused} may have run when it died`,
  );

  const names = survivors.map(({ name }) => name);
  verify(
    `${names.join(" and ")} went on answering`,
    names.every((name) => broken.answered.get(name)! > 0),
  );
  verify(
    `every failed call names ${victim.name}'s address`,
    errors.every((error) => error instanceof RpcError && error.address === victim.address),
  );
  verify(
    `since ${successor.name} is in the list, all calls succeed`,
    replaced.errors.length === 0 &&
      [...names, successor.name].every((name) => replaced.answered.get(name)! > 0),
  );
}

function start(name: string): Promise<ServerProcess> {
  const server = new ServerProcess(name);
  servers.push(server);
  return server.ready();
}

function executionOf(error: unknown): string | undefined {
  return error instanceof RpcError ? error.execution : undefined;
}

function verify(what: string, happened: boolean): void {
  console.log(`  ${happened ? "ok" : "NO"}  ${what}`);
  if (!happened) missing.push(what);
}

function title(text: string): void {
  console.log(`\n${text}`);
}

function row(name: string, text: string, width = 10): void {
  console.log(`      ${name.padEnd(width)}${text}`);
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
