/**
 * Waiting for the list of servers before a call to all of them.
 *
 * @module
 */

import { RpcError, TimeoutError } from "../errors.ts";
import { LONGEST_TIMER_MS, TimeLimit } from "../internal/time.ts";
import type { CallOptions } from "../service.ts";
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
export async function untilListed(
  update: Promise<void>,
  serviceMethod: string,
  { signal, timeoutMs = Infinity }: CallOptions,
  { clock, waiting }: FleetCallContext,
): Promise<void> {
  const details = { serviceMethod, execution: "not_sent" } as const;
  const limit = new TimeLimit({ clock, signal });
  limit.set(timerMs(timeoutMs), () => {
    const message = `${serviceMethod}: discovery has named no servers within ${timeoutMs} ms`;
    return new TimeoutError(message, details);
  });
  const wait = {
    close: () =>
      limit.abort(new RpcError("canceled", `${serviceMethod}: the client is closed`, details)),
  };
  waiting.add(wait);
  try {
    await limit.race(update);
  } finally {
    limit.end();
    waiting.delete(wait);
  }
}

/**
 * How long a timer is to wait for a time limit.
 *
 * @param timeoutMs The time limit.
 * @returns `Infinity`, for no timer, if it is more than a timer can wait: some 24 days.
 */
export function timerMs(timeoutMs: number): number {
  return timeoutMs > LONGEST_TIMER_MS ? Infinity : Math.max(timeoutMs, 0);
}
