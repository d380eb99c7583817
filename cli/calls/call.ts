/**
 * `call`, `broadcast` and `fork`: one reply, from one server or from all of them.
 *
 * @module
 */

import type { FanOutOptions } from "../../fleet/fan_out.ts";
import type { MethodSchema } from "../../internal/schema.ts";
import type { XClient } from "../../xclient.ts";
import { METHOD_OPTIONS, methodCall } from "../argument.ts";
import { type Command, EXIT, type Input, type Options } from "../command.ts";
import { FLEET_OPTIONS, openFleet, POLICY_OPTIONS, timeoutOf } from "../connect.ts";
import { exitOf, failureText } from "../failures.ts";
import { errorValue, jsonText } from "../json.ts";
import { styleOf } from "../style.ts";
import type { Surroundings } from "../surroundings.ts";

const JSON_OPTION: Options = {
  json: { text: "print one JSON object: ok, reply or error, elapsedMs" },
};

const REPLY = "Prints the reply as JSON: indented in a terminal, on one line in a pipe.";

/** How many and how long, for calls of all servers. */
export const FAN_OUT_OPTIONS: Options = {
  quorum: { value: "N", text: "how many must succeed; default all, for fork 1" },
  concurrency: { value: "N", text: "the most servers that are asked at once; default all" },
  "server-timeout": { value: "DURATION", text: "how long each server may take" },
};

/** What {@linkcode FAN_OUT_OPTIONS} say, with time, signal and types of a call. */
export function fanOutOptions(
  input: Input,
  signal: AbortSignal,
  schema: MethodSchema | undefined,
): FanOutOptions {
  const quorum = input.number("quorum", 1);
  const concurrency = input.number("concurrency", 1);
  const serverTimeoutMs = input.durationMs("server-timeout");
  return {
    ...(quorum === undefined ? {} : { quorum }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(serverTimeoutMs === undefined ? {} : { serverTimeoutMs }),
    timeoutMs: timeoutOf(input),
    signal,
    ...(schema === undefined ? {} : { schema }),
  };
}

/** Calls one server. */
export const call: Command = {
  name: "call",
  summary: "call a method on one server of the fleet",
  usage: "[ADDRESS…] SERVICE.METHOD [JSON | @FILE | -]",
  text: `${REPLY} A failed call is tried elsewhere if that is safe.`,
  examples: [
    `call tcp@127.0.0.1:9001 Arith.Sum '{"A": 1, "B": 2}'`,
    "call --registry http://127.0.0.1:9999 Arith.Sum @args.json",
    `call :9001 Arith.Divide '{"A": 7, "B": 2}' --protocol netrpc/gob --types '{A:int, B:int} -> float'`,
  ],
  options: { ...METHOD_OPTIONS, ...FLEET_OPTIONS, ...POLICY_OPTIONS, ...JSON_OPTION },
  run: (input, around) =>
    oneReply(input, around, (xclient, method, args, options) => {
      return xclient.call(method, args, options);
    }),
};

/** Calls all servers; all must succeed. */
export const broadcast: Command = {
  name: "broadcast",
  summary: "call a method on every server; all must succeed",
  usage: call.usage,
  text: `${REPLY} The first failure cancels the other calls.`,
  examples: [`broadcast :9001 :9002 Cache.Flush '"user-7"' --timeout 2s`],
  options: { ...METHOD_OPTIONS, ...FLEET_OPTIONS, ...FAN_OUT_OPTIONS, ...JSON_OPTION },
  run: (input, around) =>
    oneReply(input, around, (xclient, method, args, options) => {
      return xclient.broadcast(method, args, options);
    }),
};

/** Calls all servers; one must succeed. */
export const fork: Command = {
  name: "fork",
  summary: "call a method on every server; the first success is the reply",
  usage: call.usage,
  text: REPLY,
  examples: [`fork --dns search.example:9001 Search.Find '{"text": "fleet"}'`],
  options: { ...METHOD_OPTIONS, ...FLEET_OPTIONS, ...FAN_OUT_OPTIONS, ...JSON_OPTION },
  run: (input, around) =>
    oneReply(input, around, (xclient, method, args, options) => {
      return xclient.fork(method, args, options);
    }),
};

type Ask = (
  xclient: XClient,
  serviceMethod: string,
  args: unknown,
  options: FanOutOptions,
) => Promise<unknown>;

async function oneReply(input: Input, around: Surroundings, ask: Ask): Promise<number> {
  const { terminal, clock, interrupted: signal } = around;
  const { addresses, serviceMethod, args, schema } = await methodCall(input, around.files);
  const options = fanOutOptions(input, signal, schema);
  const { xclient, source } = await openFleet(addresses, input, around);
  const startedAtMs = clock.now();
  const asJson = input.has("json");
  const print = (outcome: object) => {
    const elapsedMs = Math.round((clock.now() - startedAtMs) * 1000) / 1000;
    terminal.write(`${jsonText({ ...outcome, elapsedMs })}\n`);
  };
  try {
    const reply = await ask(xclient, serviceMethod, args, options);
    if (asJson) print({ ok: true, reply });
    else terminal.write(`${jsonText(reply, terminal.isTerminal ? 2 : 0)}\n`);
    return EXIT.ok;
  } catch (error) {
    if (signal.aborted) throw error;
    if (asJson) print({ ok: false, error: errorValue(error) });
    else terminal.writeError(failureText(error, styleOf(terminal.hasColours)));
    return exitOf(error);
  } finally {
    await xclient.close();
    await source.close();
  }
}
