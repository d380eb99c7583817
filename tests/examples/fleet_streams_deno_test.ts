/** The examples of streams over a fleet, with servers in processes of their own, some of which are killed. */

import { assert, assertEquals } from "@std/assert";
import { XClient } from "../../mod.ts";
import { tailAll } from "../../examples/log_tail.ts";
import { countPrimes } from "../../examples/fleet_job.ts";
import { ServerProcess } from "../../examples/server_process.ts";

const PROGRAM = `${import.meta.dirname}/../../examples/streams_server.ts`;

/** Runs a test with so many servers. */
async function withServers(
  count: number,
  body: (servers: ServerProcess[], addresses: string[]) => Promise<void>,
): Promise<void> {
  const names = ["alpha", "beta", "gamma"].slice(0, count);
  const servers = names.map((name) => new ServerProcess(name, PROGRAM));
  try {
    await Promise.all(servers.map((server) => server.ready()));
    await body(servers, servers.map(({ address }) => address));
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

Deno.test("log_tail: every server's lines, also of one that is killed and comes back", () =>
  withServers(3, async (servers, addresses) => {
    const lines: string[] = [];
    const waiting: { readonly text: string; resolve(): void }[] = [];
    const shown = (text: string) =>
      new Promise<void>((resolve) => {
        if (lines.some((line) => line.includes(text))) resolve();
        else waiting.push({ text, resolve });
      });
    const show = (line: string) => {
      lines.push(line);
      for (const { text, resolve } of waiting) if (line.includes(text)) resolve();
    };
    const ended = new AbortController();
    const tail = tailAll(addresses, show, ended.signal);
    for (const name of ["alpha", "beta", "gamma"]) await shown(`${name} is well`);
    await servers[1].kill();
    await shown(`${addresses[1]} | NO LOG`);
    const back = new ServerProcess("beta again", PROGRAM, [addresses[1]]);
    try {
      await back.ready();
      await shown("beta again is well");
      ended.abort();
      await tail;
    } finally {
      await back.stop();
    }
    assertEquals(lines.filter((line) => line.includes("NO LOG")).length, 1, lines.join("\n"));
  }));

Deno.test("fleet_job: another server goes on where the one was killed that had the job", () =>
  withServers(2, async (servers, addresses) => {
    await using xclient = new XClient(addresses);
    const seen: number[] = [];
    let killed: Promise<void> | undefined;
    const primes = await countPrimes(xclient, 10_000, ({ upTo }) => {
      seen.push(upTo);
      if (killed !== undefined || upTo < 3000) return;
      const busy = xclient.endpoints().findIndex(({ inFlight }) => inFlight > 0);
      killed = servers[busy].kill();
    }, { step: 500, pauseMs: 5 });
    await killed;
    assertEquals(primes, 1229);
    assertEquals(seen, Array.from({ length: 20 }, (_, place) => 500 * (place + 1)));
    const events = await Promise.all(servers.map((server) => server.event("counting")));
    const [first, second] = events.map((event) => Number(event.split(" ").at(-1))).sort((
      one,
      other,
    ) => one - other);
    assertEquals(first, 0);
    assert(second >= 3000, events.join());
  }));
