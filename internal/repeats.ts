/**
 * Whether a call that interceptors stand around may be made again.
 *
 * @module
 */

import { type Execution, RpcError } from "../errors.ts";

/** What decides whether one call may be made again. */
export interface RepeatRules {
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** Whether it may run twice. */
  readonly idempotent: boolean;
}

/**
 * Whether an error says that its call did not run.
 *
 * @param error Anything.
 */
export function didNotRun(error: unknown): boolean {
  return error instanceof RpcError &&
    (error.execution === "not_sent" || error.execution === "rejected");
}

/** Makes one call, as often as is safe. */
export class Repeats {
  readonly #rules: RepeatRules;
  readonly #didNotRun: (error: unknown) => boolean;
  /** How many times it is being made, or may have run. */
  #uncertain = 0;
  #execution: Execution = "not_sent";
  #error: unknown;

  /**
   * @param rules What decides.
   * @param saysThatNot Whether an error says that the call did not run.
   */
  constructor(rules: RepeatRules, saysThatNot: (error: unknown) => boolean = didNotRun) {
    this.#rules = rules;
    this.#didNotRun = saysThatNot;
  }

  /** What is certain about the call when it was last made. */
  get execution(): Execution {
    return this.#execution;
  }

  /** What it last failed with. */
  get error(): unknown {
    return this.#error;
  }

  /**
   * It is to be made.
   *
   * @returns Why it may not be; `undefined` if it may, and then it has begun.
   */
  begin(): RpcError | undefined {
    if (this.#uncertain > 0 && !this.#rules.idempotent) return this.#refusal();
    this.#uncertain++;
    this.#execution = "unknown";
    return undefined;
  }

  /** It was answered. */
  answered(): void {
    this.#execution = "answered";
    this.#error = undefined;
  }

  /** It has failed. */
  failed(error: unknown): void {
    this.#execution = error instanceof RpcError ? error.execution : "unknown";
    this.#error = error;
    if (this.#didNotRun(error)) this.#uncertain--;
  }

  /**
   * Makes it.
   *
   * @param make Makes it. It throws nothing.
   * @returns Its reply. Rejects with its error, or says that it may not be made again.
   */
  run(make: () => Promise<unknown>): Promise<unknown> {
    const refusal = this.begin();
    if (refusal !== undefined) return Promise.reject(refusal);
    const reply = make();
    reply.then(() => this.answered(), (error) => this.failed(error));
    return reply;
  }

  #refusal(): RpcError {
    const { serviceMethod } = this.#rules;
    const message = `${serviceMethod}: an interceptor called next again, but the call may have ` +
      "run already and is not known to be idempotent";
    const execution = this.#execution;
    return new RpcError("failed_precondition", message, {
      serviceMethod,
      execution,
      cause: this.#error,
    });
  }
}
