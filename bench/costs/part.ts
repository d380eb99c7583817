/** A part of the costs: what it is, what it is given, and the figures it gives. */

import type { Program } from "../program.ts";
import type { Stage } from "../stage.ts";

/** One figure: a cell of the part's table. */
export interface Figure {
  readonly row: string;
  readonly column: string;
  readonly value: number;
}

/** What runs a program. */
export type Runtime = "deno" | "node";

/** The runtimes' names, for rows. */
export const RUNTIMES: Readonly<Record<Runtime, string>> = { deno: "Deno", node: "Node" };

/** What a part is given. */
export interface PartContext {
  readonly stage: Stage;
  /** Those that are here. */
  readonly runtimes: readonly Runtime[];
  /** How many calls the soak makes. */
  readonly soakCalls: number;
  /** Whether to print more than the table. */
  readonly details: boolean;
  /** Says what is being done. */
  progress(text: string): void;
}

/** A part. */
export interface Part {
  readonly name: string;
  /** What its table shows, with units. */
  readonly title: string;
  /** Measures it. */
  measure(context: PartContext): Promise<Figure[]>;
}

/** One row of a table. */
export function row(name: string, values: Readonly<Record<string, number>>): Figure[] {
  return Object.entries(values).map(([column, value]) => ({ row: name, column, value }));
}

/** A program and the server that it calls. */
export interface Pair extends AsyncDisposable {
  readonly server: Program;
  readonly client: Program;
}

/**
 * Starts our server and a program of `bench/costs/programs/` that calls it.
 *
 * @param file The program; its arguments are the server's addresses.
 * @param listeners How many addresses.
 * @param maxInFlight The most calls that run for a connection.
 */
export async function startPair(
  { stage }: PartContext,
  runtime: Runtime,
  file: string,
  listeners: number,
  maxInFlight?: number,
): Promise<Pair> {
  const most = maxInFlight === undefined ? [] : [`${maxInFlight}`];
  const server = await stage[runtime]("peers/server.ts", "geerpc/json", `${listeners}`, ...most);
  const addresses = server.firstLine.split(" ");
  const client = await stage[runtime](`costs/programs/${file}`, ...addresses);
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
