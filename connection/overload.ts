/**
 * How a server rejects calls of one connection because there are too many.
 *
 * @module
 */

import { NOT_RUN, retryAfterText } from "../protocol/go_errors.ts";
import type { Replies } from "./replies.ts";
import type { Refusal, ServerLoad } from "./server_load.ts";

/** Rejects the calls that are too many, and tells when that begins and when it is over. */
export class Overload {
  readonly #load: ServerLoad;
  readonly #replies: Replies;
  readonly #tell: (type: "overloaded" | "recovered", reason: string) => void;
  #isOn = false;

  /**
   * @param load Counts what is refused.
   * @param replies Rejects calls.
   * @param tell Called when calls begin to be rejected, and when none waits any more.
   */
  constructor(
    load: ServerLoad,
    replies: Replies,
    tell: (type: "overloaded" | "recovered", reason: string) => void,
  ) {
    this.#load = load;
    this.#replies = replies;
    this.#tell = tell;
  }

  /** Whether calls were rejected, and some have waited ever since. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Rejects a call, so that its caller goes elsewhere. */
  turnAway(
    seq: number,
    serviceMethod: string,
    limit: Refusal,
    why: string,
    retryAfterMs?: number,
  ): void {
    this.#load.refuse(limit);
    const text = NOT_RUN + why + retryAfterText(retryAfterMs);
    this.#replies.reject(seq, serviceMethod, "resource_exhausted", text, { retryAfterMs });
    if (this.#isOn) return;
    this.#isOn = true;
    this.#tell("overloaded", `${serviceMethod} did not run: ${why}`);
  }

  /** Calls run without waiting again. */
  end(): void {
    this.#isOn = false;
    this.#tell("recovered", "calls run without waiting again");
  }
}
