/**
 * The server of `payment.ts`, in a process of its own. It prints the address that it listens on and
 * what its handlers do, one event a line, and ends when its standard input does.
 */

import process from "node:process";
import { Server } from "@geerpc/xclient";

/** How long the bank takes, in milliseconds. */
const BANK_MS = 200;

/** Charges cards. What has begun can't be undone: a signal that aborts changes nothing. */
export class Payments {
  readonly #charged = new Map<string, number>();

  /** Charges a card for an order; replies with the receipt. */
  async Charge({ order, cents }: { order: string; cents: number }): Promise<string> {
    console.log(`charging ${order}`);
    await new Promise((resolve) => setTimeout(resolve, BANK_MS));
    this.#charged.set(order, (this.#charged.get(order) ?? 0) + 1);
    console.log(`charged ${order}`);
    return `receipt ${order}: ${(cents / 100).toFixed(2)} EUR`;
  }

  /** How many times an order was charged. */
  Times(order: string): number {
    return this.#charged.get(order) ?? 0;
  }
}

const server = new Server();
server.register("Payments", new Payments());
const { address } = await server.listen("tcp@127.0.0.1:0");
console.log(`listening ${address}`);
for await (const _ of process.stdin); // until whoever started it is gone
await server.close({ graceMs: 0 });
