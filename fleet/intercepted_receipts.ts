/**
 * The receipts of a call to all endpoints that interceptors stand around.
 *
 * @module
 */

import type { ClientPipeline } from "../connection/client_pipeline.ts";
import type { InterceptedCall } from "../connection/intercepted_call.ts";
import { RpcError } from "../errors.ts";
import { TimeLimit } from "../internal/time.ts";
import { Arrivals } from "./arrivals.ts";
import type { FanOut, FanOutOptions, Receipt } from "./fan_out.ts";

/**
 * Calls all endpoints through interceptors, whose `next` resolves to the list of all receipts.
 *
 * @param pipeline Has the interceptors.
 * @param serviceMethod `Service.Method`.
 * @param args Its argument.
 * @param options Its options, with the defaults filled in.
 * @param begin Begins the call behind the interceptors.
 * @returns The receipts as they come; what interceptors give instead, if they never went on.
 * @throws What they throw, once the receipts that have come are taken.
 */
export async function* interceptedReceipts<T>(
  pipeline: ClientPipeline,
  serviceMethod: string,
  args: unknown,
  options: FanOutOptions,
  begin: (call: InterceptedCall, options: FanOutOptions) => Promise<FanOut<T>>,
): AsyncGenerator<Receipt<T>> {
  const limit = new TimeLimit({ clock: pipeline.clock, signal: options.signal });
  const arrivals = new Arrivals<Receipt<T>>();
  let wasSent = false;
  let collected: Promise<void> | undefined;
  const collect = async (call: InterceptedCall, sent: FanOutOptions) => {
    const fanOut = await begin(call, sent);
    const receipts: Receipt<T>[] = [];
    for await (const receipt of fanOut.receipts()) {
      wasSent = true;
      receipts.push(receipt);
      arrivals.add(receipt);
    }
    return receipts;
  };
  const outcome = new Promise<unknown>((resolve, reject) => {
    const followed = { ...options, signal: limit.signal };
    pipeline.intercept(
      serviceMethod,
      args,
      followed,
      { resolve, reject },
      (call, sent, settler) => {
        const inFlight = call.inFlight(settler);
        collected = collect(call, sent).then(
          (reply) => inFlight.resolve(reply),
          (error) => inFlight.reject(error),
        );
      },
    );
  });
  // In any case, as whoever stops early asks for no outcome. An abort has a receipt for each server.
  outcome.catch(() => {}).then(() => collected).finally(() => arrivals.end());
  try {
    yield* arrivals.taken();
    const instead = await outcome.catch((error) => {
      if (!wasSent || !options.signal?.aborted) throw error;
    });
    if (wasSent) return;
    if (!Array.isArray(instead)) {
      throw new TypeError(
        `${serviceMethod}: an interceptor of inform must give a list of receipts, or what next gives`,
      );
    }
    yield* instead;
  } finally {
    limit.abort(new RpcError("canceled", `${serviceMethod}: no further reply is wanted`));
  }
}
