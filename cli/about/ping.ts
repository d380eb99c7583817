/**
 * `ping` and `health`: does a server answer, how fast, and does it take calls?
 *
 * @module
 */

import { introspect } from "../../connection/introspection/view.ts";
import { codeOf, errorText, RpcError } from "../../errors.ts";
import { sleep } from "../../internal/time.ts";
import type { Client } from "../../client.ts";
import { type Command, EXIT, type Input } from "../command.ts";
import { FLEET_OPTIONS } from "../connect.ts";
import { type Cell, duration, plain, type Style, styleOf, table } from "../style.ts";
import type { Surroundings } from "../surroundings.ts";
import { askEach, exitOfAll, JSON_OPTION, type Outcome, outcomesJson } from "./each.ts";

interface Times {
  readonly connectMs: number;
  /** Of each round trip; none where the server can't be asked. */
  readonly roundTripsMs: readonly number[];
}

/** Measures round trips. */
export const ping: Command = {
  name: "ping",
  summary: "connect to servers and measure round trips",
  usage: "[ADDRESS…]",
  text: "A server that has no method for it answers that, which is a round trip too.",
  examples: ["ping tcp@127.0.0.1:9001", "ping --registry http://127.0.0.1:9999 --count 10"],
  options: {
    ...FLEET_OPTIONS,
    count: { value: "N", text: "how many round trips; default 3", short: "c" },
    interval: { value: "DURATION", text: "the pause between them; default 100ms" },
    ...JSON_OPTION,
  },
  async run(input, around) {
    const { clock } = around;
    const count = input.number("count", 1) ?? 3;
    const intervalMs = input.durationMs("interval") ?? 100;
    const outcomes = await askEach(input, around, async ({ connect, signal }): Promise<Times> => {
      const startedAtMs = clock.now();
      const client = await connect();
      const connectMs = clock.now() - startedAtMs;
      const roundTripsMs: number[] = [];
      for (let n = 0; n < count && !signal.aborted; n++) {
        if (n > 0) await sleep(clock, intervalMs, signal);
        const askedAtMs = clock.now();
        if (!await hasAnswered(client, signal)) break;
        roundTripsMs.push(clock.now() - askedAtMs);
      }
      return { connectMs, roundTripsMs };
    });
    return show(input, around, outcomes, ["CONNECT", ">MIN", ">MEAN", ">MAX"], (times, style) => {
      const { connectMs, roundTripsMs: all } = times;
      const mean = all.reduce((sum, ms) => sum + ms, 0) / all.length;
      const shown = all.length === 0
        ? ["-", "-", "-"]
        : [Math.min(...all), mean, Math.max(...all)].map(duration);
      return [{ text: duration(connectMs), paint: style.green }, ...shown];
    });
  },
};

/** Whether a question is answered, if only by "I don't know that". */
async function hasAnswered(client: Client, signal: AbortSignal): Promise<boolean> {
  try {
    await introspect(client).check("", { signal });
    return true;
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    if (error.execution === "answered" || error.execution === "rejected") return true;
    // A connection that ends over the question: a server of Go's GeeRPC.
    if (error.execution === "unknown") return false;
    throw error;
  }
}

/** Asks whether servers take calls. */
export const health: Command = {
  name: "health",
  summary: "ask servers, or one of their services, whether they take calls",
  usage: "[ADDRESS…]",
  text: "Ends with 0 if all serve or can't say, with 1 if one does not, with 3 if none is reached.",
  examples: ["health tcp@127.0.0.1:9001", "health --dns arith.example:9001 --service Arith --json"],
  options: {
    ...FLEET_OPTIONS,
    service: { value: "NAME", text: "ask about one service; default the server as a whole" },
    ...JSON_OPTION,
  },
  async run(input, around) {
    const service = input.text("service") ?? "";
    const outcomes = await askEach(input, around, async ({ connect, signal }) => {
      const client = await connect();
      try {
        return { status: await introspect(client).check(service, { signal }) as string };
      } catch (error) {
        const isAnswer = error instanceof RpcError && error.execution !== "not_sent";
        const code = codeOf(error);
        if (!isAnswer || code === "not_found" || code === "unauthenticated") throw error;
        if (code !== "unimplemented" && error.execution !== "unknown") throw error;
        return { status: "unknown", why: "it is reached, and does not tell us whether it serves" };
      }
    });
    const exit = show(input, around, outcomes, ["STATUS", ""], ({ status, why = "" }, style) => {
      const paint = { serving: style.green, not_serving: style.red }[status] ?? style.yellow;
      return [{ text: status, paint }, why];
    });
    const isOut = outcomes.some((outcome) => outcome.ok && outcome.value.status === "not_serving");
    return isOut ? EXIT.failed : exit;
  },
};

function show<T extends object>(
  input: Input,
  { terminal }: Surroundings,
  outcomes: readonly Outcome<T>[],
  heads: readonly string[],
  cells: (value: T, style: Style) => readonly Cell[],
): number {
  const style = styleOf(terminal.hasColours);
  if (input.has("json")) {
    terminal.write(outcomesJson(outcomes));
    return exitOfAll(outcomes);
  }
  const rows = outcomes.map((outcome): Cell[] => {
    const { address } = outcome;
    if (outcome.ok) return [address, ...cells(outcome.value, style)];
    const empty = heads.slice(1).map(() => "");
    const failed = { text: codeOf(outcome.error), paint: style.red };
    return [address, failed, ...empty];
  });
  terminal.write(table(["ADDRESS", ...heads], rows, style));
  for (const outcome of outcomes) {
    if (!outcome.ok) {
      terminal.writeError(`${plain(`${outcome.address}: ${errorText(outcome.error)}`)}\n`);
    }
  }
  return exitOfAll(outcomes);
}
