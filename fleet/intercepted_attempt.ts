/**
 * One attempt of a call that interceptors stand around. To its call it is an
 * attempt like any other; at the endpoint it is as many as they go on to.
 *
 * @module
 */

import type { ClientConnection } from "../connection/client_connection.ts";
import { InterceptedAttempt } from "../connection/intercepted_attempt.ts";
import type { InterceptedCall } from "../connection/intercepted_call.ts";
import type { Settler } from "../connection/pending_calls.ts";
import { RpcError } from "../errors.ts";
import type { RequestExtras } from "../protocol/codec.ts";
import { type AttemptEvent, type AttemptOwner, CallAttempt, type FleetAttempt } from "./attempt.ts";
import { isTimeout } from "./call_error.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Outcome } from "./load.ts";

/** An attempt that ends when its interceptors do. It is in flight at its endpoint when they go on. */
export class InterceptedFleetAttempt implements FleetAttempt, AttemptOwner {
  isOver = false;
  error: unknown;
  readonly #shown: InterceptedAttempt;
  /** What was sent: once, unless an interceptor goes on again. */
  readonly #sends: { readonly attempt: CallAttempt; readonly settler: Settler }[] = [];
  #last: CallAttempt | undefined;

  /**
   * @param owner The call that it is made for.
   * @param call The same call, as interceptors see it.
   * @param endpoint Where.
   * @param why Why there.
   */
  constructor(
    readonly owner: AttemptOwner,
    readonly call: InterceptedCall,
    readonly endpoint: Endpoint,
    readonly why: string,
  ) {
    this.#shown = new InterceptedAttempt(call, endpoint.address, why, this);
  }

  get context(): AttemptOwner["context"] {
    return this.owner.context;
  }

  get serviceMethod(): string {
    return this.owner.serviceMethod;
  }

  get args(): unknown {
    return this.call.args;
  }

  /** The dial, unless an interceptor has made something else of its failure. */
  get phase(): "dial" | "call" {
    const last = this.#last;
    if (last?.phase !== "dial") return "call";
    return last.isOver && this.isOver && last.error !== this.error ? "call" : "dial";
  }

  get client(): ClientConnection | undefined {
    return this.#last?.client;
  }

  get wasDrained(): boolean {
    return this.#last !== undefined && this.#last.error === this.error && this.#last.wasDrained;
  }

  get hadNoConnection(): boolean {
    const last = this.#last;
    return last !== undefined && last.error === this.error && last.hadNoConnection;
  }

  get startedAtMs(): number {
    return this.#last?.startedAtMs ?? this.#shown.startedAtMs;
  }

  get tookMs(): number | undefined {
    return this.isOver ? this.#shown.elapsedMs : undefined;
  }

  get endedAtMs(): number {
    return this.#shown.startedAtMs + this.#shown.elapsedMs;
  }

  get recalls(): number {
    return this.#sends.reduce((sum, { attempt }) => sum + attempt.recalls, 0);
  }

  start(): void {
    this.#shown.run((settler) => this.#send(settler), {
      resolve: (reply) => {
        if (this.#end()) this.owner.attemptChanged(this, "intercepted", reply);
      },
      reject: (error) => {
        error ??= new RpcError("unknown", `${this.#place}: an interceptor threw undefined`);
        if (this.#end(error)) this.owner.attemptChanged(this, "failed", error);
      },
    });
  }

  watchDial(): void {
    this.#last?.watchDial();
  }

  giveUp(outcome: Outcome, error?: unknown): void {
    if (!this.#end(error, outcome)) return;
    for (const { settler } of this.#sends) settler.reject(this.#reason);
  }

  requestExtras(): RequestExtras {
    const extras = this.owner.requestExtras();
    const meta = this.#shown.metaOver(extras.meta);
    return meta === extras.meta ? extras : { ...extras, meta };
  }

  expectedAt(attempt: CallAttempt): number | undefined {
    // An interceptor that goes on again has its reasons: it is not sent elsewhere a second time.
    return this.#sends.length > 1 ? undefined : this.owner.expectedAt(attempt);
  }

  attemptChanged(attempt: CallAttempt, event: AttemptEvent, detail?: unknown): void {
    const settler = this.#sends.find((sent) => sent.attempt === attempt)?.settler;
    if (event === "succeeded") {
      this.owner.attemptChanged(attempt, "answered");
      settler?.resolve(detail);
    } else if (event === "opened") settler?.resolve(detail);
    else if (event === "failed") settler?.reject(detail);
    else if (attempt === this.#last && !this.isOver) this.owner.attemptChanged(this, event);
  }

  #send(settler: Settler): void {
    if (this.isOver) return settler.reject(this.#reason);
    const attempt = this.attempt();
    this.#last = attempt;
    this.#sends.push({ attempt, settler });
    attempt.start();
  }

  /** Makes what is sent. */
  protected attempt(): CallAttempt {
    return new CallAttempt(this, this.endpoint, this.why);
  }

  /** What its interceptors see it end with when it is given up: no error of another endpoint. */
  get #reason(): unknown {
    const { error, endpoint: { address } } = this;
    const isAnothers = error instanceof RpcError && !isTimeout(error) &&
      error.address !== undefined && error.address !== address;
    if (error !== undefined && !isAnothers) return error;
    const why = isAnothers ? `failed at ${error.address}` : "was answered";
    const details = { address, serviceMethod: this.serviceMethod, cause: error };
    return new RpcError("canceled", `${this.#place}: given up, as another attempt ${why}`, details);
  }

  get #place(): string {
    return `${this.serviceMethod} at ${this.endpoint.address}`;
  }

  /** Ends it, and takes along what its interceptors have left in flight. */
  #end(error?: unknown, outcome: Outcome = "given_up"): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.error = error;
    this.#shown.end(error);
    for (const { attempt } of this.#sends) attempt.giveUp(outcome, error);
    return true;
  }
}
