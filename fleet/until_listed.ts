/**
 * Waiting for the list of servers before a call to all of them.
 *
 * @module
 */

import { RpcError, TimeoutError } from "../errors.ts";
import { TimeLimit } from "../internal/time.ts";
import type { CallOptions } from "../internal/service.ts";
import type { FleetCallContext } from "./call.ts";

/**
 * Waits for the list of servers, within the call's time, and until its signal
 * aborts or the client is closed.
 *
 * @param update The list, on its way.
 * @param serviceMethod For messages.
 * @param options Time and signal of the call.
 * @param context What all calls of the `XClient` share.
 * @throws {TimeoutError} If the time is over, `not_sent`.
 * @throws {RpcError} `canceled` if the client is closed.
 * @throws The signal's reason, or what the list fails with.
 */
export function untilListed(
  update: Promise<void>,
  serviceMethod: string,
  options: CallOptions,
  context: FleetCallContext,
): Promise<void> {
  const late = () =>
    `${serviceMethod}: discovery has named no servers within ${options.timeoutMs} ms`;
  return withinLimit(serviceMethod, options, context, late, (limit) => limit.race(update));
}

/**
 * Does something that sends no call, within a limit of time, and until a signal
 * aborts or the client is closed.
 *
 * @param what The method, or what else is done, for messages.
 * @param options Time and signal.
 * @param context What all calls of the `XClient` share.
 * @param late The message when the time is over.
 * @param work What is done; it has to end when the limit's signal aborts.
 * @returns What the work gives.
 * @throws {TimeoutError} If the time is over, `not_sent`.
 * @throws {RpcError} `canceled` if the client is closed.
 * @throws The signal's reason, or what the work fails with.
 */
export async function withinLimit<T>(
  what: string,
  { signal, timeoutMs = Infinity }: Pick<CallOptions, "signal" | "timeoutMs">,
  { clock, waiting }: FleetCallContext,
  late: () => string,
  work: (limit: TimeLimit) => Promise<T>,
): Promise<T> {
  const details = { serviceMethod: what, execution: "not_sent" } as const;
  const limit = new TimeLimit({ clock, signal });
  limit.set(timeoutMs, () => new TimeoutError(late(), details));
  const wait = {
    close: () => limit.abort(new RpcError("canceled", `${what}: the client is closed`, details)),
  };
  waiting.add(wait);
  try {
    return await work(limit);
  } finally {
    limit.end();
    waiting.delete(wait);
  }
}
