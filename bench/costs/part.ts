/** The interface of a part of `bench:costs`. */

import type { Program } from "../program.ts";
import type { Stage } from "../stage.ts";

/** One figure: a cell of a part's table. */
export interface Figure {
  readonly row: string;
  readonly column: string;
  readonly value: number;
}

/** A runtime. */
export type Runtime = "deno" | "node";

/** The runtimes' names, as rows show them. */
export const RUNTIMES: Readonly<Record<Runtime, string>> = { deno: "Deno", node: "Node" };

/** What a part may use. */
export interface PartContext {
  readonly stage: Stage;
  /** The runtimes that are installed. */
  readonly runtimes: readonly Runtime[];
  /** How many calls the soak test makes. */
  readonly soakCalls: number;
  /** Whether to print more than the table. */
  readonly details: boolean;
  /** Shows what is being measured. */
  progress(text: string): void;
}

/** A part of the costs. */
export interface Part {
  readonly name: string;
  /** The title of its table, with units. */
  readonly title: string;
  /** Runs the measurements. */
  measure(context: PartContext): Promise<Figure[]>;
}

/** The figures of one row of a table. */
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
 * @param listeners How many addresses the server listens on.
 * @param maxInFlight The most calls that it runs for a connection. Default: the library's.
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
