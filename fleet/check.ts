/**
 * Whether the servers of a fleet offer what their callers need, asked before a call fails.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { dialConnection } from "../connection/dial.ts";
import type { ClientConnection } from "../connection/client_connection.ts";
import type { ServerDescription } from "../connection/introspection/reports.ts";
import { type Caller, introspect } from "../connection/introspection/view.ts";
import { type RpcCode, RpcError, TimeoutError } from "../errors.ts";
import {
  aSignal,
  type Check,
  type Checks,
  positive,
  texts,
  wrongType,
} from "../internal/options.ts";
import { TimeLimit } from "../internal/time.ts";
import { type MethodSchema, type ServiceSchema, textOf } from "../internal/schema.ts";
import type { FleetCallContext } from "./call.ts";
import type { Endpoint } from "./endpoint.ts";
import { untilListed, withinLimit } from "./until_listed.ts";

/**
 * What callers need: names of methods (`Service.Method`); or for each service its methods'
 * names, or its schema, whose types are compared too.
 */
export type Contract =
  | readonly string[]
  | { readonly [service: string]: readonly string[] | ServiceSchema };

/** What is checked, and for how long. */
export interface CheckOptions {
  /** What callers need of each server; at least one method. */
  contract: Contract;
  /**
   * How long each server may take, in milliseconds, connecting included; and how long the
   * list of servers may. Default 10,000.
   */
  timeoutMs?: number;
  /** Gives up when it aborts: `check` rejects with its reason. */
  signal?: AbortSignal;
}

/** A type that a server has otherwise. */
export interface SchemaDifference {
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** Which of its types. */
  readonly part: "args" | "reply";
  /** The type that callers have, as Go writes it. */
  readonly wanted: string;
  /** The type that the server has. */
  readonly offered: string;
}

/**
 * What came of one server. Frozen.
 *
 * - `ok`: it offers all that is needed.
 * - `differs`: it does not; `missing` and `differing` say what.
 * - `unreachable`: it could not be asked; `error` says why.
 * - `undescribed`: it does not describe itself, or not to us. It may offer anything.
 */
export interface EndpointCheck {
  /** The server. */
  readonly address: string;
  /** What came of it. */
  readonly result: "ok" | "differs" | "unreachable" | "undescribed";
  /** The methods that it does not offer. */
  readonly missing: readonly string[];
  /** The types that it has otherwise. Those are compared for which both sides have a schema. */
  readonly differing: readonly SchemaDifference[];
  /** What it is and offers, if it has said so. */
  readonly description?: ServerDescription;
  /** Why it was not compared. */
  readonly error?: unknown;
}

/** So many servers are asked at once. */
const AT_ONCE = 32;
const TIMEOUT_MS = 10_000;
/** A server that answers with one of these might have said more at another time. */
const PASSING: readonly RpcCode[] = ["unavailable", "resource_exhausted", "deadline_exceeded"];
const METHOD = /^[^\s.]+(?:\.[^\s.]+)+$/;

const contract: Check = (name, value) => {
  if (typeof value !== "object" || value === null) {
    throw wrongType(name, "a list of Service.Method, or an object of services", value);
  }
  const methods = [...methodsOf(value as Contract).keys()];
  const wrong = methods.find((method) => !METHOD.test(method));
  if (wrong !== undefined) {
    throw new TypeError(
      `${name} must name methods as Service.Method, got ${JSON.stringify(wrong)}`,
    );
  }
  if (methods.length === 0) throw new TypeError(`${name} must name at least one method`);
};

/** Makes a connection one that calls. */
export type CallerOf = (connection: ClientConnection) => Caller;

/** What the options may be. */
export const CHECK_CHECKS: Checks<CheckOptions> = {
  contract,
  timeoutMs: positive,
  signal: aSignal,
};

/** The methods of a contract, each with the types that callers have. */
function methodsOf(contract: Contract): Map<string, MethodSchema> {
  if (Array.isArray(contract)) {
    texts("contract", contract);
    return new Map(contract.map((method) => [method, {}]));
  }
  return new Map(
    Object.entries(contract).flatMap(([service, methods]): [string, MethodSchema][] => {
      if (typeof methods !== "object" || methods === null) {
        const wanted = "a list of methods' names, or a schema";
        throw wrongType(`contract.${service}`, wanted, methods);
      }
      if (!Array.isArray(methods)) {
        return Object.entries(methods).map(([name, types]) => [`${service}.${name}`, types ?? {}]);
      }
      texts(`contract.${service}`, methods);
      return methods.map((name) => [`${service}.${name}`, {}]);
    }),
  );
}

/**
 * Asks every server what it offers, on a connection of its own: a server that does not know
 * the question may end that, and it does not count for its health.
 *
 * @param context What all calls of the `XClient` share.
 * @param options What is needed, checked; and the time.
 * @param callerOf Makes a connection one that calls as the `XClient` does, with its
 * defaults and interceptors.
 * @returns What came of each, in the order of the list.
 * @throws {RpcError} `unavailable` if there are no servers, `canceled` if the client is closed.
 * @throws {TimeoutError} If the list of servers does not come in time.
 * @throws The signal's reason, if it aborts.
 */
export async function checkFleet(
  context: FleetCallContext,
  options: CheckOptions,
  callerOf: CallerOf,
): Promise<readonly EndpointCheck[]> {
  const { timeoutMs = TIMEOUT_MS, signal } = options;
  if (options.contract === undefined) contract("contract", undefined);
  const wanted = methodsOf(options.contract);
  signal?.throwIfAborted();
  const { fleet } = context;
  const update = fleet.update();
  if (update !== undefined) await untilListed(update, "check", { timeoutMs, signal }, context);
  const { endpoints, closed } = fleet;
  const notSent = { execution: "not_sent" } as const;
  if (closed) throw new RpcError("canceled", "check: the client is closed", notSent);
  if (endpoints.length === 0) throw new RpcError("unavailable", fleet.emptyText, notSent);
  return await withinLimit("check", { signal }, context, () => "", async (limit) => {
    const results: EndpointCheck[] = [];
    let next = 0;
    const work = async () => {
      while (next < endpoints.length) {
        const place = next++;
        const describe = (connection: ClientConnection) =>
          introspect(callerOf(connection)).describe();
        const about = { clock: context.clock, wanted, timeoutMs, describe };
        results[place] = await checkEndpoint(endpoints[place], about, limit);
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, endpoints.length) }, work));
    return Object.freeze(results);
  });
}

/** What is asked of each endpoint, and how. */
interface Question {
  readonly clock: Clock;
  readonly wanted: ReadonlyMap<string, MethodSchema>;
  readonly timeoutMs: number;
  describe(connection: ClientConnection): Promise<ServerDescription>;
}

async function checkEndpoint(
  endpoint: Endpoint,
  { clock, wanted, timeoutMs, describe }: Question,
  all: TimeLimit,
): Promise<EndpointCheck> {
  const { address } = endpoint;
  all.signal.throwIfAborted();
  const limit = new TimeLimit({ clock, signal: all.signal });
  const late = `check: ${address} has not described itself within ${timeoutMs} ms`;
  limit.set(timeoutMs, () => new TimeoutError(late, { address }));
  let connection: ClientConnection | undefined;
  try {
    const { signal } = limit;
    connection = await dialConnection(endpoint.dialAddress, { ...endpoint.options, signal });
    const description = await limit.race(describe(connection));
    return compared(address, wanted, description);
  } catch (error) {
    all.signal.throwIfAborted();
    const result = connection !== undefined && isLasting(error) ? "undescribed" : "unreachable";
    return Object.freeze({ address, result, missing: NONE, differing: NONE, error });
  } finally {
    limit.end();
    await connection?.close();
  }
}

const NONE: readonly never[] = Object.freeze([]);

/** Whether a server that was asked would answer the same again. */
function isLasting(error: unknown): boolean {
  if (!(error instanceof RpcError)) return true; // what it has answered is no description
  const isAnswer = error.execution === "answered" || error.execution === "rejected";
  return isAnswer && !PASSING.includes(error.code);
}

function compared(
  address: string,
  wanted: ReadonlyMap<string, MethodSchema>,
  description: ServerDescription,
): EndpointCheck {
  const offered = new Map(
    description.services.flatMap(({ name, methods }) =>
      methods.map((method) => [`${name}.${method.name}`, method])
    ),
  );
  const missing = [...wanted.keys()].filter((serviceMethod) => !offered.has(serviceMethod));
  const differing = [...wanted].flatMap(([serviceMethod, schema]) =>
    (["args", "reply"] as const).flatMap((part): SchemaDifference[] => {
      const [ours, theirs] = [textOf(schema[part]), offered.get(serviceMethod)?.[part] ?? ""];
      if (ours === "" || theirs === "" || ours === theirs) return [];
      return [Object.freeze({ serviceMethod, part, wanted: ours, offered: theirs })];
    })
  );
  return Object.freeze({
    address,
    result: missing.length === 0 && differing.length === 0 ? "ok" : "differs",
    missing: Object.freeze(missing),
    differing: Object.freeze(differing),
    description,
  });
}
