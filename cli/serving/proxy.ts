/**
 * `proxy`: one address in front of a fleet, for clients that know one address only.
 *
 * @module
 */

import { RpcError } from "../../errors.ts";
import { splitName } from "../../internal/method_name.ts";
import type { MethodSchema } from "../../internal/schema.ts";
import { type CallContext, type IntrospectionMode, Server } from "../../server.ts";
import { XClient } from "../../xclient.ts";
import { methodsOfFleet } from "../about/methods.ts";
import { type Command, quoted, UsageError } from "../command.ts";
import {
  FLEET_OPTIONS,
  fleetOptions,
  listedServers,
  onlyAddresses,
  POLICY_OPTIONS,
  sourceOf,
} from "../connect.ts";
import { goType, methodTypes } from "../gob_types.ts";
import type { Input } from "../command.ts";
import type { Surroundings } from "../surroundings.ts";
import { LISTEN_OPTIONS, serveUntilInterrupted } from "./listen.ts";

const LISTING_MS = 10_000;

/** Balances onto a fleet. */
export const proxy: Command = {
  name: "proxy",
  summary: "listen at one address and balance its calls onto a fleet",
  usage: "[ADDRESS…]",
  text: "For clients in any language that know one address. Both sides speak any protocol: " +
    "--protocol is the fleet's, --listen-protocol that in front. Methods are those that the fleet's " +
    "servers describe at the start, and those that --method names. A call keeps its deadline, its " +
    "metadata and its cancellation. --timeout is for calls whose client sets none.",
  examples: [
    "proxy --registry http://127.0.0.1:9999 --listen :9000",
    "proxy :9001 :9002 --listen :9000 --listen-protocol netrpc/gob",
    "proxy :1234 --protocol netrpc/gob --method 'Arith.Divide {A:int, B:int} -> float'",
  ],
  options: {
    method: {
      value: "S.M [TYPES]",
      text: "offer this method, with Go's types where gob needs them",
      isMany: true,
    },
    ...LISTEN_OPTIONS,
    ...FLEET_OPTIONS,
    ...POLICY_OPTIONS,
  },
  async run(input, around) {
    const addresses = onlyAddresses(input.words);
    const options = await fleetOptions(input, around);
    const named = methodsNamed(input);
    const timeoutMs = input.durationMs("timeout");
    const source = await sourceOf(addresses, input, around);
    const xclient = new XClient(source, options);
    try {
      const servers = await listedServers(source, LISTING_MS, around);
      const offered = named.size > 0 ? named : await described(servers, options, around);
      const server = new Server({
        clock: around.clock,
        latencies: true,
        introspection: (input.text("introspection") ?? "loopback") as IntrospectionMode,
      });
      offer(server, offered, xclient, timeoutMs);
      const what = `proxy of ${servers.length} servers, ${offered.size} methods,`;
      return await serveUntilInterrupted(server, what, input, around);
    } finally {
      await xclient.close();
      await source.close();
    }
  },
};

type Methods = ReadonlyMap<string, MethodSchema>;

function methodsNamed(input: Input): Map<string, MethodSchema> {
  return new Map(
    input.texts("method").map((text) => {
      const [, name, types] = /^\s*([^\s.]+(?:\.[^\s.]+)+)(?:\s+([^]*))?$/.exec(text) ?? [];
      if (name === undefined) {
        throw new UsageError(`--method must begin with Service.Method, got ${quoted(text)}`);
      }
      return [name, types === undefined ? {} : methodTypes(types)];
    }),
  );
}

async function described(
  servers: readonly string[],
  options: Parameters<typeof methodsOfFleet>[1],
  around: Surroundings,
): Promise<Methods> {
  const methods = await methodsOfFleet(servers, options, around);
  return new Map([...methods].map(([name, { args, reply }]) => {
    const [argsType, replyType] = [typeOf(args), typeOf(reply)];
    return [name, {
      ...(argsType === undefined ? {} : { args: argsType }),
      ...(replyType === undefined ? {} : { reply: replyType }),
    }];
  }));
}

/** Types with names of their own, as `main.Args` on Go's page, can't be read: those are inferred. */
function typeOf(text: string): ReturnType<typeof goType> | undefined {
  try {
    return text === "" ? undefined : goType(text);
  } catch {
    return undefined;
  }
}

/** Registers the methods, each as a call of the fleet's. */
function offer(
  server: Server,
  methods: Methods,
  xclient: XClient,
  timeoutMs: number | undefined,
): void {
  const services = new Map<string, [method: string, schema: MethodSchema][]>();
  for (const [serviceMethod, schema] of methods) {
    const { service, method } = splitName(serviceMethod);
    services.set(service, [...services.get(service) ?? [], [method, schema]]);
  }
  for (const [service, all] of services) {
    const handlers = all.map(([method, schema]) => {
      const serviceMethod = `${service}.${method}`;
      const forward = async (args: unknown, ctx: CallContext) => {
        const own = ctx.deadline === undefined && timeoutMs !== undefined ? { timeoutMs } : {};
        try {
          const options = ctx.inherit({ ...own, meta: ctx.meta, schema });
          return await xclient.call(serviceMethod, args, options);
        } catch (error) {
          throw passedOn(error, ctx);
        }
      };
      return [method, forward] as const;
    });
    server.register(service, Object.fromEntries(handlers), {
      methods: all.map(([method]) => method),
      schema: Object.fromEntries(all),
    });
  }
}

/** A call that did not run at the fleet did not run for the client in front, who may repeat it. */
function passedOn(error: unknown, ctx: CallContext): unknown {
  if (!(error instanceof RpcError)) return error;
  const { code, message, execution, retryAfterMs } = error;
  if (execution !== "not_sent" && execution !== "rejected") return error;
  return ctx.reject(message, { code, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}
