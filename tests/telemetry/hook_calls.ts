/** Calls that are made by hand, for the hooks of `telemetry`. */

import { RpcError } from "../../errors.ts";
import type { ClientAttempt, ClientCall, ServerCall } from "../../connection/interceptor.ts";
import type { telemetry } from "../../telemetry.ts";

const METHOD = "Arith.Sum";

/** What all spans and metrics of these calls have. */
export const BASE = { "rpc.system.name": "geerpc", "rpc.method": METHOD };

/** A call, as a client's hooks see it. */
export function clientCall(serviceMethod = METHOD): ClientCall {
  const [service, method] = serviceMethod.split(".");
  return {
    serviceMethod,
    service,
    method,
    args: undefined,
    meta: {},
    timeoutMs: undefined,
    signal: undefined,
    idempotent: false,
    attempts: [],
  };
}

/** An attempt of it, at the server of that number. */
export function attemptOf(call: ClientCall, number = 1, why = "failover"): ClientAttempt {
  return { call, address: `tcp@10.0.0.${number}:9001`, number, why, meta: {} };
}

/** A call, as a server's hook sees it. */
export function serverCall(meta: Record<string, string> = {}): ServerCall {
  const [service, method] = METHOD.split(".");
  const context = {
    signal: new AbortController().signal,
    meta,
    remote: "tcp@10.0.0.9:5000",
    serviceMethod: METHOD,
    reject: (message: string) => new RpcError("unavailable", message),
    inherit: <Options extends object>(options?: Options) => options as Options,
  };
  return { serviceMethod: METHOD, service, method, args: undefined, context };
}

/** A call of a client with attempts that end one after the other, as they are told. */
export async function callWith(
  { call, attempt }: ReturnType<typeof telemetry>,
  outcomes: readonly [why: string, outcome: unknown][],
  of = clientCall(),
): Promise<unknown> {
  return await call(of, async () => {
    let last: unknown;
    for (const [place, [why, outcome]] of outcomes.entries()) {
      try {
        return await attempt(
          attemptOf(of, place + 1, why),
          () => outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome),
        );
      } catch (error) {
        last = error;
      }
    }
    throw last;
  });
}
