/** `bench`: histograms, load by a clock that the test moves, and what is reported. */

import { assert, assertEquals } from "@std/assert";
import { Histogram } from "../../cli/bench/histogram.ts";
import { Result, runLoad } from "../../cli/bench/load.ts";
import { sleep } from "../../internal/time.ts";
import { FakeClock, seededRandom } from "../../testing.ts";
import { CommandWorld } from "../support/command.ts";
import { inWorld } from "../support/helpers.ts";

Deno.test("percentiles of a histogram are those of the values, to 3 %", () => {
  const random = seededRandom(3);
  const histogram = new Histogram();
  const values = Array.from({ length: 10_000 }, () => 10 ** (random() * 6 - 3)).sort((a, b) =>
    a - b
  );
  for (const value of values) histogram.add(value);
  for (const percent of [0.01, 1, 50, 90, 99, 99.9, 99.99, 100]) {
    const exact = values[Math.ceil(values.length * percent / 100) - 1];
    const found = histogram.percentileMs(percent);
    assert(
      found >= exact * 0.9999 && found <= exact * 1.03,
      `${percent} %: ${found}, not ${exact}`,
    );
  }
  assertEquals([histogram.count, histogram.leastMs, histogram.mostMs], [
    10_000,
    values[0],
    values.at(-1),
  ]);
  const bars = histogram.bars(12);
  assert(bars.length <= 12 && bars.length > 6);
  assertEquals(bars.reduce((sum, { count }) => sum + count, 0), 10_000);
  assertEquals([new Histogram().percentileMs(99), new Histogram().bars(5)], [0, []]);
});

/** A server with one worker, which stands still from the first to the second second. */
function stallingServer(clock: FakeClock): () => Promise<void> {
  let free = 0;
  return async () => {
    let begin = Math.max(clock.now(), free);
    if (begin >= 1000 && begin < 2000) begin = 2000;
    free = begin + 1;
    await sleep(clock, free - clock.now());
  };
}

async function measured(load: { rate?: number; concurrency: number }): Promise<Result> {
  const clock = new FakeClock();
  const result = new Result();
  const { signal } = new AbortController();
  const call = stallingServer(clock);
  const done = runLoad({ ...load, durationMs: 4000, call, clock, signal }, result);
  await clock.advance(8000);
  await done;
  assertEquals(clock.timers, 0);
  return result;
}

Deno.test("without a rate a stall is one slow call; with a rate it is what all callers have felt", async () => {
  const closed = await measured({ concurrency: 1 });
  // Coordinated omission, which the report tells.
  assertEquals(Math.round(closed.latencies.percentileMs(99)), 1);
  assertEquals(closed.latencies.mostMs, 1001);
  const open = await measured({ concurrency: 10_000, rate: 100 });
  assertEquals([open.latencies.count, open.unsent], [400, 0]);
  // A quarter of all calls were due while the server stood still, and waited half a second on average.
  assert(open.latencies.percentileMs(80) > 100, String(open.latencies.percentileMs(80)));
  assert(open.latencies.percentileMs(99) > 900);
  assertEquals(open.latencies.percentileMs(50) < 2, true);
});

Deno.test("a rate that finds no room: latency counts from when a call was due, the rest is unsent", async () => {
  const narrow = await measured({ concurrency: 1, rate: 100 });
  assertEquals(narrow.latencies.count + narrow.unsent, 400);
  assert(narrow.latencies.mostMs > 1000);
  const clock = new FakeClock();
  const result = new Result();
  const { signal } = new AbortController();
  const call = () => sleep(clock, 100);
  const done = runLoad(
    { concurrency: 1, rate: 100, durationMs: 1000, call, clock, signal },
    result,
  );
  await clock.advance(2000);
  await done;
  assertEquals([result.latencies.count, result.unsent], [11, 89]);
  assert(result.latencies.mostMs >= 900, "the last was due after 100 ms, and sent after 1,000");
});

Deno.test("so many calls are in flight as asked for, failures are counted by code", async () => {
  const clock = new FakeClock();
  const result = new Result();
  let [inFlight, most, made] = [0, 0, 0];
  const call = async () => {
    most = Math.max(most, ++inFlight);
    const isBad = ++made % 10 === 0;
    await sleep(clock, 10);
    inFlight--;
    if (isBad) throw new Error("bad");
  };
  const { signal } = new AbortController();
  const done = runLoad({ concurrency: 8, durationMs: 1000, call, clock, signal }, result);
  await clock.advance(1000);
  await done;
  assertEquals([most, result.latencies.count, result.failed], [8, 720, 80]);
  assertEquals([...result.errors], [["unknown", 80]]);
  assertEquals([result.elapsedMs, result.perSecond], [1000, 720]);
});

/** Runs the command with a method that takes 10 ms each. */
async function benched(
  options: { isTerminal?: boolean; interruptAtMs?: number },
  ...args: string[]
): Promise<{ code: number; out: string; err: string; files: Record<string, string> }> {
  let ended!: Awaited<ReturnType<typeof benched>>;
  await inWorld(async (world) => {
    const { clock, network } = world;
    const Take = () => sleep(clock, 10).then(() => "done");
    await world.serve("a", {}, { Slow: { Take } });
    const terminal = new CommandWorld({ clock, network, ...options });
    const running = terminal.run("bench", "memory@a", "Slow.Take", ...args);
    const { interruptAtMs = 0 } = options;
    await clock.advance(interruptAtMs);
    if (interruptAtMs > 0) terminal.interrupt();
    await clock.advance(10_000);
    ended = { ...await running, files: terminal.files };
  });
  return ended;
}

Deno.test("the report is a table and a histogram", async () => {
  const { code, out, err } = await benched({}, "--concurrency", "1,4", "--duration", "2s");
  assertEquals([code, err], [0, ""]);
  assertEquals(
    out,
    `Slow.Take at memory@a, 2 s a step

LOAD         CALLS/S   MEAN    P50    P90    P99  P99.9    MAX  FAILED
1 in flight      100  10 ms  10 ms  10 ms  10 ms  10 ms  10 ms       0
4 in flight      400  10 ms  10 ms  10 ms  10 ms  10 ms  10 ms       0

Latencies of 4 in flight:
  ≤   10 ms  ████████████████████████████████████████  100 %

Each call began when one before it had ended, so a server that stalls was asked less, and its latencies look better
than to clients that come on their own. --rate measures those.
`,
  );
});

Deno.test("the report as JSON and as a picture, with a rate", async () => {
  const { code, out, files } = await benched(
    {},
    ...["--rate", "50,200", "--duration", "1s", "--json", "--svg", "latency.svg"],
  );
  assertEquals(code, 0);
  const report = JSON.parse(out);
  assertEquals([report.latencyFrom, report.serviceMethod], ["due", "Slow.Take"]);
  const counts = report.steps.map((step: Record<string, number>) => [
    step.rate,
    step.succeeded,
    step.failed,
    step.unsent,
  ]);
  assertEquals(counts, [[50, 50, 0, 0], [200, 200, 0, 0]]);
  assertEquals(report.steps[1].latencyMs.p99, 10);
  const svg = files["latency.svg"];
  assert(svg.startsWith("<svg ") && svg.trim().endsWith("</svg>"));
  assertEquals(svg.match(/<polyline/g)!.length, 2);
  assert(svg.includes(">200 calls/s</text>") && svg.includes("prefers-color-scheme:dark"));
  assert(!/NaN|Infinity|undefined/.test(svg), svg);
});

Deno.test("the report says how calls were spread over a fleet", async () => {
  await inWorld(async (world) => {
    const { clock, network } = world;
    for (const name of ["a", "b"]) {
      await world.serve(name, {}, { Slow: { Take: () => sleep(clock, 10).then(() => name) } });
    }
    const args = [
      "--mode",
      "round_robin",
      "--concurrency",
      "2",
      "--duration",
      "1s",
      "--warm-up",
      "10ms",
    ];
    const terminal = new CommandWorld({ clock, network });
    const running = terminal.run("bench", "memory@a", "memory@b", "Slow.Take", ...args);
    await clock.advance(5000);
    const { code, out } = await running;
    assertEquals(code, 0);
    assert(
      /\nSERVER +CALLS +SHARE +FAILED\nmemory@a +\d+ +(?:49|50)[.\d]* % +0\nmemory@b /.test(out),
      out,
    );
  });
});

Deno.test("a person sees progress beside the report, and Ctrl-C reports what there is", async () => {
  const { code, out, err } = await benched({ isTerminal: true }, "--duration", "1s");
  assertEquals(code, 0);
  assert(err.includes("64 in flight: 500 ms of 1 s, "), JSON.stringify(err));
  assert(err.endsWith("\r\x1b[K") && !out.includes("\r"));
  const stopped = await benched({ interruptAtMs: 2500 }, "--duration", "5s");
  assertEquals(stopped.code, 0);
  assert(stopped.out.includes("64 in flight"), stopped.out + stopped.err);
});

Deno.test("what can't work is said before there is load", async () => {
  await inWorld(async (world) => {
    await world.serve("a");
    const terminal = new CommandWorld(world.options);
    const { code, err } = await terminal.run("bench", "memory@a", "Gate.None");
    assertEquals(code, 1);
    assert(err.startsWith("error: unimplemented: "), err);
    const wrong = await new CommandWorld(world.options)
      .run("bench", "memory@a", "Gate.Echo", "--concurrency", "1,x");
    assertEquals([wrong.code, wrong.err.split("\n")[0]], [
      2,
      'error: --concurrency must be whole numbers from 1 on, as 1,8,64, got "x"',
    ]);
  });
});
