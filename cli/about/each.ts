/**
 * Asks every server of a fleet something, each on a connection of its own.
 *
 * @module
 */

import { type Client, dial } from "../../client.ts";
import { TimeoutError } from "../../errors.ts";
import { TimeLimit } from "../../internal/time.ts";
import {
  listedServers,
  onlyAddresses,
  type ReachOptions,
  reachOptions,
  sourceOf,
  timeoutOf,
} from "../connect.ts";
import { EXIT, type Input, type Options, UsageError } from "../command.ts";
import { exitOf } from "../failures.ts";
import { errorValue, jsonText } from "../json.ts";
import type { Surroundings } from "../surroundings.ts";

/** Of every subcommand that asks each server. */
export const JSON_OPTION: Options = {
  json: {
    text: "print one JSON array: for each server address, ok, and what it tells or the error",
  },
};

const AT_ONCE = 32;

/** What came of one server. */
export type Outcome<T> =
  | { readonly address: string; readonly ok: true; readonly value: T }
  | { readonly address: string; readonly ok: false; readonly error: unknown };

/** What is at hand where a server is asked. */
export interface Asking {
  readonly address: string;
  /** Aborts when the time is over. */
  readonly signal: AbortSignal;
  /** Connects. The connection is closed when the question is over. */
  connect(): Promise<Client>;
}

/**
 * Asks all servers that the input names.
 *
 * @param ask Asks one.
 * @returns What came of each, in the order of the list.
 * @throws {UsageError} If there are words that are no addresses.
 */
export async function askEach<T>(
  input: Input,
  around: Surroundings,
  ask: (asking: Asking) => Promise<T>,
): Promise<readonly Outcome<T>[]> {
  const addresses = onlyAddresses(input.words);
  const timeoutMs = timeoutOf(input);
  const options = await reachOptions(input, around);
  const source = await sourceOf(addresses, input, around);
  try {
    const servers = await listedServers(source, timeoutMs, around);
    if (servers.length === 0) throw new UsageError("the list of servers is empty");
    return await askServers(servers, options, timeoutMs, around, ask);
  } finally {
    await source.close();
  }
}

/** Asks these servers. */
export async function askServers<T>(
  servers: readonly string[],
  options: ReachOptions,
  timeoutMs: number,
  { clock, interrupted }: Surroundings,
  ask: (asking: Asking) => Promise<T>,
): Promise<readonly Outcome<T>[]> {
  const outcomes: Outcome<T>[] = [];
  let next = 0;
  const work = async () => {
    while (next < servers.length) {
      const place = next++;
      const address = servers[place];
      const limit = new TimeLimit({ clock, signal: interrupted });
      limit.set(timeoutMs, () => {
        return new TimeoutError(`${address} has not answered within ${timeoutMs} ms`, { address });
      });
      const { signal } = limit;
      const clients: Client[] = [];
      const connect = async () => {
        const client = await dial(address, { ...options, signal });
        clients.push(client);
        return client;
      };
      try {
        const value = await limit.race(ask({ address, signal, connect }));
        outcomes[place] = { address, ok: true, value };
      } catch (error) {
        outcomes[place] = { address, ok: false, error };
      } finally {
        limit.end();
        for (const client of clients) await client.close();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, servers.length) }, work));
  interrupted.throwIfAborted();
  return outcomes;
}

/** The outcomes for scripts. */
export function outcomesJson(outcomes: readonly Outcome<object>[]): string {
  const all = outcomes.map((outcome) => {
    const { address, ok } = outcome;
    return ok
      ? { address, ok, ...outcome.value }
      : { address, ok, error: errorValue(outcome.error) };
  });
  return `${jsonText(all)}\n`;
}

/** How the command ends: as the failures do if all have failed alike, else with 1 if one has. */
export function exitOfAll(outcomes: readonly Outcome<unknown>[]): number {
  const exits = outcomes.map((outcome) => outcome.ok ? EXIT.ok : exitOf(outcome.error));
  return exits.every((exit) => exit === exits[0]) ? exits[0] : EXIT.failed;
}
