/**
 * `bench`: load for a method, and what it takes.
 *
 * @module
 */

import { METHOD_OPTIONS, methodCall } from "../argument.ts";
import { type Command, EXIT, type Input, quoted, UsageError } from "../command.ts";
import { FLEET_OPTIONS, listedServers, openFleet, POLICY_OPTIONS, timeoutOf } from "../connect.ts";
import { exitOf, failureText } from "../failures.ts";
import { jsonText } from "../json.ts";
import { digits, duration, styleOf } from "../style.ts";
import type { Surroundings } from "../surroundings.ts";
import { type Load, Result, runLoad } from "./load.ts";
import { picture } from "./picture.ts";
import { type Report, reportText, reportValue, type Step, stepName } from "./report.ts";

const DURATION_MS = 5000;
const WARM_UP_MS = 1000;
const CONCURRENCY = "64";
/** With a rate, calls in flight are limited so that a server that stalls does not fill the memory. */
const MOST_IN_FLIGHT = 10_000;
const PROGRESS_MS = 250;

/** Makes load. */
export const bench: Command = {
  name: "bench",
  summary: "make load with a method: calls a second, latencies, failures",
  usage: "[ADDRESS…] SERVICE.METHOD [JSON | @FILE | -]",
  text:
    "Without --rate, --concurrency calls are in flight, and a server that stalls is asked less. " +
    "With --rate, calls are due at fixed times and latency counts from then (no coordinated " +
    "omission). The method is really called: take one that does no harm. Ends with 1 if calls failed.",
  examples: [
    `bench :9001 Arith.Sum '{"A": 1, "B": 2}' --concurrency 1,8,64`,
    `bench --registry http://reg:9999 Arith.Sum '{"A": 1, "B": 2}' --rate 5000 --duration 30s --svg latency.svg`,
  ],
  options: {
    ...METHOD_OPTIONS,
    concurrency: {
      value: "N[,N…]",
      text:
        `calls in flight, one step for each number; default ${CONCURRENCY}, with --rate ${MOST_IN_FLIGHT}`,
    },
    rate: { value: "N[,N…]", text: "calls a second, one step for each number" },
    duration: { value: "DURATION", text: "how long each step takes; default 5s" },
    "warm-up": { value: "DURATION", text: "how long calls are made before that; default 1s" },
    ...FLEET_OPTIONS,
    ...POLICY_OPTIONS,
    svg: { value: "FILE", text: "draw the latencies" },
    json: { text: "print one JSON object, with the histograms" },
  },
  async run(input, around) {
    const { terminal, files, interrupted } = around;
    const steps = stepsOf(input);
    const durationMs = input.durationMs("duration") ?? DURATION_MS;
    const warmUpMs = input.durationMs("warm-up") ?? WARM_UP_MS;
    const timeoutMs = timeoutOf(input);
    const { addresses, serviceMethod, args, schema } = await methodCall(input, files);
    const { xclient, source } = await openFleet(addresses, input, around);
    const options = { timeoutMs, signal: interrupted, ...(schema === undefined ? {} : { schema }) };
    const call = () => xclient.call(serviceMethod, args, options);
    const style = styleOf(terminal.hasColours);
    try {
      const servers = await listedServers(source, timeoutMs, around);
      await call(); // what can't work at all is said at once
      const results: Step[] = [];
      for (const step of steps) {
        const load = { ...step, call, clock: around.clock, signal: interrupted };
        await runLoad({ ...load, durationMs: warmUpMs }, new Result());
        const result = new Result();
        if (interrupted.aborted) break;
        await withProgress(around, { ...step, result }, { ...load, durationMs });
        results.push({ ...step, result });
      }
      if (results.length === 0) throw interrupted.reason;
      const shares = xclient.endpoints().map(({ address, successes, failures }) => {
        return { address, successes, failures };
      });
      const report: Report = { serviceMethod, servers, durationMs, steps: results, shares };
      if (input.has("svg")) await files.write(input.text("svg")!, picture(report));
      terminal.write(
        input.has("json") ? `${jsonText(reportValue(report))}\n` : reportText(report, style),
      );
      return results.some(({ result }) => result.failed > 0) ? EXIT.failed : EXIT.ok;
    } catch (error) {
      if (interrupted.aborted) throw error;
      terminal.writeError(failureText(error, style));
      return exitOf(error);
    } finally {
      await xclient.close();
      await source.close();
    }
  },
};

/** Runs a step, and tells a person how far it is. */
async function withProgress(around: Surroundings, step: Step, load: Load): Promise<void> {
  const { terminal, clock } = around;
  const { durationMs } = load;
  const startedAtMs = clock.now();
  let isOver = false;
  const tell = () => {
    if (isOver) return;
    const elapsedMs = clock.now() - startedAtMs;
    const { latencies, failed } = step.result;
    const perSecond = elapsedMs > 0 ? latencies.count / elapsedMs * 1000 : 0;
    terminal.writeError(
      `\r${stepName(step)}: ${duration(elapsedMs)} of ${duration(durationMs)}, ` +
        `${digits(perSecond)} calls/s, p99 ${duration(latencies.percentileMs(99))}, ` +
        `${digits(failed)} failed\x1b[K`,
    );
    timer = clock.setTimer(PROGRESS_MS, tell);
  };
  let timer = terminal.isTerminal ? clock.setTimer(PROGRESS_MS, tell) : undefined;
  await runLoad(load, step.result);
  isOver = true;
  timer?.cancel();
  if (terminal.isTerminal) terminal.writeError("\r\x1b[K");
}

function stepsOf(input: Input): { readonly concurrency: number; readonly rate?: number }[] {
  const rates = numbers(input, "rate");
  const concurrencies = numbers(input, "concurrency");
  if (rates.length === 0) {
    return (concurrencies.length === 0 ? [Number(CONCURRENCY)] : concurrencies)
      .map((concurrency) => ({ concurrency }));
  }
  if (concurrencies.length > 1) {
    throw new UsageError("--concurrency has one number with --rate: the most calls in flight");
  }
  const concurrency = concurrencies[0] ?? MOST_IN_FLIGHT;
  return rates.map((rate) => ({ concurrency, rate }));
}

function numbers(input: Input, name: string): number[] {
  return (input.text(name)?.split(",") ?? []).map((text) => {
    const number = Number(text);
    if (/^\d+$/.test(text.trim()) && number >= 1 && number <= 1e7) return number;
    throw new UsageError(
      `--${name} must be whole numbers from 1 on, as 1,8,64, got ${quoted(text)}`,
    );
  });
}
