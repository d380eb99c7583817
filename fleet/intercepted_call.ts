/**
 * A call of an `XClient` that interceptors stand around.
 *
 * @module
 */

import type { AnyCallOptions, InterceptedCall } from "../connection/intercepted_call.ts";
import type { Settler } from "../connection/pending_calls.ts";
import type { FleetAttempt } from "./attempt.ts";
import { FleetCall, type FleetCallContext } from "./call.ts";
import type { Endpoint } from "./endpoint.ts";
import { InterceptedFleetAttempt } from "./intercepted_attempt.ts";

/** A {@linkcode FleetCall} whose attempts have interceptors. */
export class InterceptedFleetCall extends FleetCall {
  readonly #call: InterceptedCall;

  /**
   * @param context What all calls of the `XClient` share.
   * @param call The call as interceptors see it.
   * @param options Its options, as they have left them.
   * @param settler Called once with the reply or the error.
   * @param only The endpoint that it is for, in a call to all of them.
   */
  constructor(
    context: FleetCallContext,
    call: InterceptedCall,
    options: AnyCallOptions,
    settler: Settler,
    only?: Endpoint,
  ) {
    super(context, call.serviceMethod, call.args, options, settler, only);
    this.#call = call;
  }

  protected override attemptAt(endpoint: Endpoint, why: string): FleetAttempt {
    return new InterceptedFleetAttempt(this, this.#call, endpoint, why);
  }
}
