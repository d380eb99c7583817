/**
 * `inform`: the outcome of a call at every server.
 *
 * @module
 */

import { codeOf, errorText } from "../../errors.ts";
import type { Receipt } from "../../fleet/fan_out.ts";
import { METHOD_OPTIONS, methodCall } from "../argument.ts";
import { type Command, EXIT } from "../command.ts";
import { FLEET_OPTIONS, openFleet } from "../connect.ts";
import { exitOf } from "../failures.ts";
import { errorValue, jsonText } from "../json.ts";
import { duration, type Style, styleOf, table } from "../style.ts";
import { FAN_OUT_OPTIONS, fanOutOptions } from "./call.ts";

/** Calls all servers, and shows what came of each. */
export const inform: Command = {
  name: "inform",
  summary: "call a method on every server and show the outcome of each",
  usage: "[ADDRESS…] SERVICE.METHOD [JSON | @FILE | -]",
  text: "With --json each outcome is a line as it comes; else a table at the end, in order of " +
    "the addresses. Ends with 1 if one failed, with 3 if none could be reached.",
  examples: [
    "inform :9001 :9002 Node.Status",
    "inform --registry http://reg:9999 Node.Status --json",
  ],
  options: {
    ...METHOD_OPTIONS,
    ...FLEET_OPTIONS,
    ...FAN_OUT_OPTIONS,
    json: { text: "print one JSON object a line: address, ok, reply or error, elapsedMs" },
  },
  async run(input, around) {
    const { terminal, interrupted: signal } = around;
    const { addresses, serviceMethod, args, schema } = await methodCall(input, around.files);
    const options = fanOutOptions(input, signal, schema);
    const { xclient, source } = await openFleet(addresses, input, around);
    const receipts: Receipt<unknown>[] = [];
    try {
      for await (const receipt of xclient.inform(serviceMethod, args, options)) {
        receipts.push(receipt);
        if (input.has("json")) terminal.write(`${jsonText(lineOf(receipt))}\n`);
      }
    } finally {
      await xclient.close();
      await source.close();
    }
    if (!input.has("json")) {
      receipts.sort((a, b) => a.address < b.address ? -1 : a.address > b.address ? 1 : 0);
      terminal.write(receiptTable(receipts, styleOf(terminal.hasColours)));
    }
    const exits = receipts.map((receipt) => receipt.ok ? EXIT.ok : exitOf(receipt.error));
    if (exits.every((exit) => exit === EXIT.ok)) return EXIT.ok;
    return exits.every((exit) => exit === EXIT.unreachable) ? EXIT.unreachable : EXIT.failed;
  },
};

function lineOf(receipt: Receipt<unknown>): unknown {
  const { address, elapsedMs } = receipt;
  const rounded = Math.round(elapsedMs * 1000) / 1000;
  if (receipt.ok) return { address, ok: true, reply: receipt.reply, elapsedMs: rounded };
  return { address, ok: false, error: errorValue(receipt.error), elapsedMs: rounded };
}

function receiptTable(receipts: readonly Receipt<unknown>[], style: Style): string {
  const rows = receipts.map((receipt) => {
    const { address, elapsedMs } = receipt;
    const state = receipt.ok
      ? { text: "ok", paint: style.green }
      : { text: codeOf(receipt.error), paint: style.red };
    const text = receipt.ok ? jsonText(receipt.reply) : errorText(receipt.error);
    return [address, state, duration(elapsedMs), text];
  });
  const failed = receipts.filter(({ ok }) => !ok).length;
  const sum = `${receipts.length - failed} of ${receipts.length} succeeded`;
  return table(["ADDRESS", "OUTCOME", ">TIME", "REPLY"], rows, style) +
    `${failed === 0 ? style.green(sum) : style.red(sum)}\n`;
}
