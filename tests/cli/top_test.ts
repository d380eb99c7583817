/** `top`: the screen as a function of figures and size, and the loop with a terminal of the test's. */

import { assert, assertEquals } from "@std/assert";
import { History, type Row } from "../../cli/top/history.ts";
import { screen, type ScreenOptions } from "../../cli/top/screen.ts";
import { styleOf, widthOf } from "../../cli/style.ts";
import { LATENCY_BOUNDS_US } from "../../connection/latencies.ts";
import type { ServerFigures } from "../../mod.ts";
import { FakeClock } from "../../testing.ts";
import type { Network } from "../../transport.ts";
import { CommandWorld } from "../support/command.ts";
import { inWorld, settled } from "../support/helpers.ts";

const ROWS: readonly Row[] = [
  {
    address: "tcp@10.0.0.1:9001",
    state: "serving",
    connections: 12,
    running: 3,
    waiting: 0,
    callsPerSecond: 1234.4,
    p50Ms: 0.25,
    p95Ms: 2.5,
    refusedPerSecond: 0,
    roundTripMs: 0.41,
    trend: [0, 100, 400, 800, 1234],
  },
  {
    address: "tcp@10.0.0.2:9001",
    state: "not_serving",
    connections: 2,
    running: 40,
    waiting: 7,
    refusedPerSecond: 5,
    roundTripMs: 12,
    trend: [40, 40, 39],
  },
  {
    address: "tcp@10.0.0.3:9001",
    state: "unreachable",
    why: "tcp@10.0.0.3:9001: can't connect: connection refused",
    trend: [0],
  },
];

function shown(options: Partial<ScreenOptions>): string {
  const lines = screen({
    rows: ROWS,
    columns: 100,
    lines: 24,
    sort: "address",
    isReversed: false,
    isPaused: false,
    everyMs: 1000,
    style: styleOf(false),
    hasKeys: true,
    ...options,
  });
  return `\n${lines.join("\n")}\n`;
}

Deno.test("the screen of a wide terminal", () => {
  assertEquals(
    shown({ columns: 130 }),
    `
1 of 3 serving, 1234 calls/s, 43 running, 7 waiting (every 1 s)

ADDRESS            STATE        RUNNING  WAITING  CALLS/S      P50      P95  REFUSED/S  CONNS     TRIP  TREND                     
tcp@10.0.0.1:9001  serving            3        0     1234   250 µs   2.5 ms          0     12   410 µs                       ▁▁▃▆█
tcp@10.0.0.2:9001  not serving       40        7        -        -        -          5      2    12 ms                         ███
tcp@10.0.0.3:9001  unreachable  tcp@10.0.0.3:9001: can't connect: connection refused
q quit  space pause  sort: a [address]  s state  c calls  f running  l latency  e refused
`,
  );
});

Deno.test("the screen of a terminal of 80 columns", () => {
  assertEquals(
    shown({ columns: 80 }),
    `
1 of 3 serving, 1234 calls/s, 43 running, 7 waiting (every 1 s)

ADDRESS            STATE        RUNNING  CALLS/S      P50      P95  TREND       
tcp@10.0.0.1:9001  serving            3     1234   250 µs   2.5 ms         ▁▁▃▆█
tcp@10.0.0.2:9001  not serving       40        -        -        -           ███
tcp@10.0.0.3:9001  unreachable  tcp@10.0.0.3:9001: can't connect: connection re…
q quit  space pause  sort: a [address]  s state  c calls  f running  l latency …
`,
  );
});

Deno.test("the screen of a narrow terminal", () => {
  assertEquals(
    shown({ columns: 44 }),
    `
1 of 3 serving, 1234 calls/s, 43 running, 7…

ADDRESS            STATE        RUNNING     
tcp@10.0.0.1:9001  serving            3
tcp@10.0.0.2:9001  not serving       40
tcp@10.0.0.3:9001  unreachable  tcp@10.0.0.…
q quit  space pause  sort: a [address]  s s…
`,
  );
});

Deno.test("no line is wider or lower than the terminal, whatever its size", () => {
  const rows = [...ROWS, { ...ROWS[0], address: `tcp@${"long-name.".repeat(20)}:1` }, {
    ...ROWS[2],
    address: "unix@/run/日本語.sock",
    why: "\x1b[2J日本語\n".repeat(20),
  }];
  for (let columns = 20; columns < 160; columns++) {
    for (const lines of [5, 6, 8, 24]) {
      const drawn = screen({
        rows,
        columns,
        lines,
        sort: "state",
        isReversed: false,
        isPaused: false,
        everyMs: 1000,
        style: styleOf(false),
        hasKeys: true,
      });
      assert(drawn.length <= lines, `${columns} x ${lines}: ${drawn.length}`);
      for (const line of drawn) {
        assert(widthOf(line) <= Math.max(columns, 24), `${columns}: ${widthOf(line)} ${line}`);
        assert(!line.includes("\x1b"), line);
      }
    }
  }
});

Deno.test("keys sort, the same one again the other way round", () => {
  const order = (options: Partial<ScreenOptions>) =>
    [...shown(options).matchAll(/^tcp@10\.0\.0\.(\d)/gm)].map(([, n]) => n).join("");
  assertEquals(order({ sort: "address" }), "123");
  assertEquals(order({ sort: "address", isReversed: true }), "321");
  assertEquals(order({ sort: "running" }), "213");
  assertEquals(order({ sort: "calls" }), "123");
  assertEquals(order({ sort: "state" }), "321");
  assertEquals(order({ sort: "refused" }), "213");
  assertEquals(order({ sort: "latency" }), "123");
  assert(shown({ sort: "calls", isReversed: true }).includes("c [calls ↑]"));
});

function figures(
  uptimeMs: number,
  bucketCounts: Record<number, number>,
  draining = 0,
): ServerFigures {
  const counts = Array.from(
    { length: LATENCY_BOUNDS_US.length + 1 },
    (_, n) => bucketCounts[n] ?? 0,
  );
  const latency = { method: "A.B", count: 0, sumUs: 0, p50Us: 0, p95Us: 0, p99Us: 0, counts };
  return {
    uptimeMs,
    connections: 1,
    accepted: 1,
    running: 0,
    waiting: 0,
    maxConcurrent: 0,
    kept: { running: 0, answers: 0, bytes: 0, recalled: 0, refused: 0, dropped: 0 },
    streams: 0,
    itemsSent: 0,
    itemsReceived: 0,
    refused: { draining } as ServerFigures["refused"],
    latencies: [latency],
  };
}

Deno.test("rates and percentiles are those since the last sample; a restart has none", () => {
  const history = new History("tcp@a:1");
  assertEquals(history.row.state, "asking");
  history.add({ atMs: 1000, state: "serving", figures: figures(500, { 0: 10 }) });
  assertEquals(history.row.callsPerSecond, undefined);
  history.add({ atMs: 3000, state: "serving", figures: figures(2500, { 0: 100, 3: 10 }, 4) });
  const { callsPerSecond, p50Ms, p95Ms, refusedPerSecond, trend } = history.row;
  assertEquals([callsPerSecond, p50Ms, p95Ms, refusedPerSecond], [50, 0.1, 1, 2]);
  assertEquals(trend, [0, 50]);
  history.add({ atMs: 4000, state: "serving", figures: figures(100, { 0: 1 }) });
  assertEquals(history.row.callsPerSecond, undefined);
});

Deno.test("the loop draws without a flicker, follows keys, and leaves the terminal as it was", async () => {
  await inWorld(async (world) => {
    await world.serve("a", { latencies: true });
    await world.serve("b", { latencies: true });
    const { clock, network } = world;
    const terminal = new CommandWorld({ clock, network, isTerminal: true, columns: 80, rows: 10 });
    const ended = terminal.run("top", "memory@a", "memory@b", "memory@none");
    await clock.advance(0);
    const client = await world.dial("memory@b");
    await client.call("Gate.Echo", 1);
    await client.call("Gate.Echo", 1);
    await clock.advance(1000);
    await settled();
    const frames = () => terminal.out.split("\x1b[?2026h").slice(1);
    const last = frames().at(-1)!;
    assert(terminal.out.startsWith("\x1b[?1049h\x1b[?25l"), "another screen, no cursor");
    assert(last.startsWith("\x1b[H") && last.endsWith("\x1b[J\x1b[?2026l"), JSON.stringify(last));
    assert(!terminal.out.includes("\x1b[2J"), "it never clears the screen, which would flicker");
    assert(/memory@b +serving +0 +2 /.test(last), last);
    assert(/memory@none +unreachable +memory@none: can't connect/.test(last), last);
    assert(last.includes("2 of 3 serving, 2 calls/s"), last);
    terminal.press("c");
    assert(frames().at(-1)!.includes("c [calls]"));
    terminal.press(" ");
    const count = frames().length;
    assert(frames().at(-1)!.includes("(paused)"));
    await clock.advance(5000);
    assertEquals(frames().length, count);
    terminal.press("x");
    assertEquals(frames().length, count);
    terminal.press("q");
    const { code, out } = await ended;
    assertEquals(code, 0);
    assert(out.endsWith("\x1b[?25h\x1b[?1049l"));
    assert(!terminal.readsKeys);
    await client.close();
  });
});

Deno.test("in a pipe one screen is printed, with --json arrays", async () => {
  await inWorld(async (world) => {
    await world.serve("a");
    const { clock, network } = world;
    const run = async (...args: string[]) => {
      const terminal = new CommandWorld({ clock, network });
      const ended = terminal.run("top", "memory@a", ...args);
      await clock.advance(3000);
      return await ended;
    };
    const { code, out } = await run();
    assertEquals(code, 0);
    assert(out.startsWith("1 of 1 serving, 0 running, 0 waiting (every 1 s)\n"), out);
    const json = await run("--json", "--count", "2");
    const lines = json.out.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines.length, 2);
    assertEquals([lines[1][0].address, lines[1][0].state], ["memory@a", "serving"]);
  });
});

Deno.test("a server that comes back is dialled again, and Ctrl-C ends it all", async () => {
  await inWorld(async (world) => {
    const { clock, network } = world;
    const terminal = new CommandWorld({ clock, network, isTerminal: true });
    const ended = terminal.run("top", "memory@late");
    await clock.advance(1000);
    assert(terminal.out.includes("unreachable"));
    await world.serve("late");
    await clock.advance(1000);
    assert(terminal.out.includes("1 of 1 serving"), terminal.out);
    network.cut("memory@late");
    await clock.advance(2000);
    const last = terminal.out.split("\x1b[?2026h").at(-1)!;
    assert(last.includes("1 of 1 serving"), last);
    terminal.interrupt();
    await clock.advance(0);
    assertEquals((await ended).code, 0);
  });
});

Deno.test("q does not wait for a server that can't be dialled", async () => {
  const clock = new FakeClock();
  const network: Network = {
    connect: (_endpoint, { signal } = {}) =>
      new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
      }),
    listen: () => Promise.reject(new Error("nobody listens")),
  };
  const terminal = new CommandWorld({ clock, network, isTerminal: true });
  const ended = terminal.run("top", "tcp@192.0.2.1:9");
  await clock.advance(1000);
  assert(terminal.out.includes("asking"), terminal.out);
  terminal.press("q");
  assertEquals((await ended).code, 0);
  assertEquals(clock.timers, 0);
});
