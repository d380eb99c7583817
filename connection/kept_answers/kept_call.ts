/**
 * One call whose answer is kept, from its arrival until it is forgotten.
 *
 * @module
 */

import { deferred } from "../../internal/deferred.ts";
import type { CallId } from "./call_id.ts";
import type { KeptAnswer } from "./kept_answer.ts";

/** What a call counts beside its answer: about what its objects take. */
export const CALL_BYTES = 1024;

/**
 * - `running`: its handler runs.
 * - `answered`: its answer is there.
 * - `gone`: it ran, and its answer is not kept, or there is none, as its time was over.
 * - `refused`: it was asked for before it came, and must not run any more.
 */
export type KeptState = "running" | "answered" | "gone" | "refused";

/** Who has asked for a call last: its connection keeps it, and is still there or not. */
export interface KeptOwner {
  /** It is one of its calls from now on. */
  adopt(call: KeptCall): void;
  /** It is no more. */
  release(call: KeptCall): void;
}

/** One call whose answer is kept. */
export class KeptCall {
  #state: KeptState;
  #owner: KeptOwner | undefined;
  #answer: KeptAnswer | undefined;
  readonly #cancel: () => void;
  readonly #settled = deferred<never>();

  /**
   * @param id What names it.
   * @param identity Who its client is, by its certificate.
   * @param state How it begins: it runs, or must not.
   * @param cancel Gives its handler up.
   */
  constructor(
    readonly id: CallId,
    readonly identity: string,
    state: "running" | "refused",
    cancel: () => void = () => {},
  ) {
    this.#state = state;
    this.#cancel = cancel;
    this.#settled.promise.catch(() => {}); // there may be nobody who waits
  }

  /** How far it has come. */
  get state(): KeptState {
    return this.#state;
  }

  /** How many bytes it counts. */
  get bytes(): number {
    return CALL_BYTES + (this.#answer?.bytes.length ?? 0);
  }

  /** Its answer, if that is kept. */
  get answer(): KeptAnswer | undefined {
    return this.#answer;
  }

  /** Rejects with the answer: see {@linkcode KeptAnswer}. */
  get settled(): Promise<never> {
    return this.#settled.promise;
  }

  /** Its caller waits at another connection, or at none any more. */
  moveTo(owner: KeptOwner | undefined): void {
    if (owner === this.#owner) return;
    this.#owner?.release(this);
    this.#owner = owner;
    owner?.adopt(this);
  }

  /** Its handler has ended with this. */
  settle(answer: KeptAnswer): void {
    if (this.#state === "running") {
      this.#state = "answered";
      this.#answer = answer;
    }
    this.#settled.reject(answer);
  }

  /** It has no answer, or none any more. */
  lose(): void {
    this.#state = "gone";
    this.#answer = undefined;
  }

  /** Nobody waits for it: its handler is given up. */
  cancel(): void {
    this.#cancel();
  }
}
