/**
 * The methods that a fleet offers.
 *
 * @module
 */

import { RpcError } from "../../errors.ts";
import type { ReachOptions } from "../connect.ts";
import type { Surroundings } from "../surroundings.ts";
import { askAbout } from "./describe.ts";
import { askServers } from "./each.ts";

const TIMEOUT_MS = 10_000;

/** The types of a method, as Go writes them; empty where they are not told. */
export interface MethodTexts {
  readonly args: string;
  readonly reply: string;
}

/**
 * All methods that one of the servers offers, by name.
 *
 * @throws The failure of the first server, if none describes itself.
 */
export async function methodsOfFleet(
  servers: readonly string[],
  options: ReachOptions,
  around: Surroundings,
): Promise<ReadonlyMap<string, MethodTexts>> {
  const outcomes = await askServers(servers, options, TIMEOUT_MS, around, (asking) => {
    return askAbout(asking, options.protocol, around);
  });
  const methods = new Map<string, MethodTexts>();
  for (const outcome of outcomes) {
    if (!outcome.ok) continue;
    for (const service of outcome.value.services) {
      for (const { name, args, reply } of service.methods) {
        methods.set(`${service.name}.${name}`, { args, reply });
      }
    }
  }
  if (methods.size > 0) return methods;
  const failed = outcomes.find(({ ok }) => !ok);
  if (failed !== undefined && !failed.ok) throw failed.error;
  throw new RpcError(
    "unavailable",
    "the fleet has no servers that describe their methods: name them with --method",
    { execution: "not_sent" },
  );
}
