/**
 * A client of the test of faulty networks, for Deno and Node. It does what the lines of its standard
 * input say, and writes a line for each that has ended, and for each event. At the end of its input
 * it closes what is open, and ends by itself.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { type Client, dial, type DialOptions } from "../../client.ts";
import { RpcError, TimeoutError } from "../../errors.ts";
import type { XClientOptions } from "../../fleet/options.ts";
import { XClient } from "../../xclient.ts";
import { arithSchema } from "../interop/services.ts";

/** What it is told. */
export type Order =
  & { readonly id: number }
  & (
    | {
      readonly open: "client" | "xclient";
      readonly name: string;
      readonly addresses: string[];
      readonly options: DialOptions & XClientOptions;
    }
    | { readonly close: string }
    | {
      readonly on: string;
      readonly method: keyof typeof arithSchema;
      readonly args: unknown;
      readonly options: { timeoutMs?: number; idempotent?: boolean };
    }
  );

/** How a call has failed. */
export interface Fault {
  readonly code: string;
  readonly execution?: string;
  readonly message: string;
}

/** What it says. */
export type Reply =
  | { readonly id: number; readonly value?: unknown; readonly fault?: Fault }
  | { readonly name: string; readonly event: string; readonly address: string };

type Caller = Pick<Client, "call" | "close">;
const open = new Map<string, Caller>();

function say(reply: Reply): void {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

function faultOf(error: unknown): Fault {
  const message = String(error);
  if (error instanceof TimeoutError) return { code: "TimeoutError", message };
  if (error instanceof RpcError) return { code: error.code, execution: error.execution, message };
  return { code: "", message };
}

async function obey(order: Order): Promise<unknown> {
  if ("open" in order) {
    const { name, addresses, options } = order;
    open.set(
      name,
      order.open === "client" ? await dial(addresses[0], options) : new XClient(addresses, {
        ...options,
        onEvent: ({ type, address }) => say({ name, event: type, address }),
      }) as unknown as Caller,
    );
  } else if ("close" in order) {
    await open.get(order.close)?.close();
    open.delete(order.close);
  } else {
    const schema = arithSchema[order.method];
    const { on, method, args, options } = order;
    return await open.get(on)!.call(`Arith.${method}`, args, { ...options, schema });
  }
}

async function answer(order: Order): Promise<void> {
  try {
    say({ id: order.id, value: await obey(order) });
  } catch (error) {
    say({ id: order.id, fault: faultOf(error) });
  }
}

for await (const line of createInterface({ input: process.stdin })) void answer(JSON.parse(line));
for (const caller of open.values()) await caller.close();
