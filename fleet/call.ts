/**
 * One call of an `XClient`, through as many tries as it takes and is allowed:
 * failover by what is certain, hedging, one deadline over all.
 *
 * @module
 */

import { type Abortable, abortWith, releaseFrom } from "../internal/abort.ts";
import { DIAL_PATIENCE_MS, Later, Try, type TryContext, type TryOwner } from "./attempt.ts";
import type { RequestExtras } from "../protocol/codec.ts";
import { type Attempt, type Execution, RpcError, TimeoutError } from "../errors.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Settler } from "../connection/pending_calls.ts";
import { atLeast } from "../internal/validate.ts";
import {
  backoffMs,
  checkFailMode,
  FailMode,
  mayRepeat,
  type Quantile,
  type RetryBudget,
} from "./retry.ts";
import type { Random } from "../selector.ts";
import type { CallOptions } from "../service.ts";

/** What may be said along with one call of an `XClient`. */
export interface FleetCallOptions extends CallOptions {
  /**
   * Whether running the call twice does no harm. Only such a call is repeated
   * when it may have run. Default: what `XClientOptions.idempotent` says.
   */
  idempotent?: boolean;
  /** What the call is about: the same key goes to the same server (`consistent_hash`). */
  key?: string;
  /** What becomes of it when a try fails. Default: the `XClient`'s. */
  failMode?: FailMode;
  /** The most tries, the first included. Default: the `XClient`'s. */
  maxAttempts?: number;
  /** For `failbackup`: when the second copy is sent, in milliseconds. Default: the measured p95. */
  hedgeAfterMs?: number;
}

/** What all calls of one `XClient` share. */
export interface FleetCallContext extends TryContext {
  /** What no server has: behind a backoff, or while discovery is asked. */
  readonly waiting: Set<{ close(): void }>;
  /** Where backoff takes chance from. */
  readonly random: Random;
  /** Tries beyond the first. */
  readonly budget: RetryBudget;
  /** Hedges. */
  readonly hedgeBudget: RetryBudget;
  /** The 95th percentile of reply times. */
  readonly p95: Quantile;
  /** The policy's name, for the story of the attempts. */
  readonly policy: string;
  /** What calls without options of their own get. */
  readonly failMode: FailMode;
  /** Likewise. */
  readonly maxAttempts: number;
  /** Likewise: whether a method may be run twice. */
  idempotent(serviceMethod: string): boolean;
}

/** For how long a first hedge waits while no reply times are known, in milliseconds. */
const HEDGE_BLIND_MS = 1000;
/** A server that was given less than this share of the time is not to blame for the deadline. */
const FAIR_SHARE = 0.5;
/** A deadline that is seen so much too late, in milliseconds: it was we who stood still. */
const OWN_PAUSE_MS = 50;
const NO_TRIES: readonly Try[] = [];

function checkCallOptions({ failMode, maxAttempts, hedgeAfterMs }: FleetCallOptions): void {
  if (failMode !== undefined) checkFailMode(failMode);
  if (maxAttempts !== undefined) atLeast(1, "maxAttempts", maxAttempts);
  if (hedgeAfterMs !== undefined) atLeast(0, "hedgeAfterMs", hedgeAfterMs);
}

/** One call of an `XClient`. */
export class FleetCall implements TryOwner, Abortable {
  #tries: readonly Try[] = NO_TRIES;
  #idempotent = false;
  #round = 0;
  /** The first try of this round. A round goes through the servers once. */
  #roundStart = 0;
  #deadlineMs: number | undefined;
  #deadline: Later | undefined;
  #later: Later | undefined;
  #isWaiting = false;
  #settled = false;

  /**
   * @param context What all calls of the `XClient` share.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options What was said along with it.
   * @param settler Told once how the call ended.
   * @param only The server it is for, if the caller chose one: it is not tried elsewhere.
   */
  constructor(
    readonly context: FleetCallContext,
    readonly serviceMethod: string,
    readonly args: unknown,
    readonly options: FleetCallOptions,
    readonly settler: Settler,
    readonly only?: Endpoint,
  ) {}

  /**
   * Makes the first try.
   *
   * @param update What has to be waited for before: deadline and signal count already.
   */
  start(update?: Promise<void>): void {
    const { context, options } = this;
    const { signal, timeoutMs = Infinity } = options;
    if (signal?.aborted || !(timeoutMs > 0)) {
      update?.catch(() => {}); // nobody waits for it
      return this.settler.reject(signal?.aborted ? signal.reason : this.#tooLate(timeoutMs));
    }
    if (context.fleet.closed) return this.close(); // nothing may wait any more
    if (signal !== undefined) abortWith(signal, this);
    if (timeoutMs < Infinity) this.#setDeadline(timeoutMs);
    if (update === undefined) return this.#begin();
    this.#fallAsleep();
    update.then(() => this.#begin(), (error) => this.#settle(undefined, error));
  }

  abort(reason: unknown): void {
    if (this.#settled) return;
    this.#end(reason);
    this.settler.reject(reason); // as it is
  }

  /** The `XClient` is closed, and no server has the call. */
  close(): void {
    this.#settle(undefined, this.#noServers());
  }

  extras(): RequestExtras {
    const { meta, schema, timeoutMs } = this.options;
    if (this.#deadlineMs === undefined) return this.options;
    const leftMs = this.#deadlineMs - this.context.fleet.nowMs();
    return { meta, schema, timeoutMs: Math.min(Math.max(leftMs, 1), timeoutMs!) };
  }

  undialled(error: unknown): unknown {
    if (!(error instanceof RpcError)) return error;
    const { code, message, address, execution } = error;
    const { serviceMethod } = this;
    const details = { address, serviceMethod, execution, cause: error };
    return new RpcError(code, `${serviceMethod}: ${message}`, details);
  }

  /** A try has been answered. */
  succeeded(one: Try, value: unknown): void {
    this.context.p95.observe(this.context.fleet.nowMs() - one.startedAtMs);
    this.#settle(value, undefined);
  }

  /** A try has failed: another one, if it may be. */
  failed(one: Try, error: unknown): void {
    if (this.#settled) return;
    if (!this.#mayRepeat(error)) return this.#settle(undefined, error);
    if (this.#isWaiting) return; // for its next try
    const copies = this.#tries.filter((other) => !other.over);
    if (copies.some((copy) => !copy.endpoint.stalled)) return; // it may yet be answered
    const { failMode = this.context.failMode } = this.options;
    const next = this.#hasTries && this.#mayMove ? this.#pickOther() : undefined;
    // A dial that failed has burdened nobody: who is connected gets the call for the first time.
    const isFirst = one.phase === "dial" && next?.client !== undefined;
    if (failMode === FailMode.Failfast || !this.#mayTry(isFirst)) {
      return copies.length > 0 ? undefined : this.#settle(undefined, error);
    }
    if (failMode === FailMode.Failtry) return this.#tryLater(one.endpoint, failMode);
    if (next !== undefined) return this.#try(next, FailMode.Failover);
    this.#roundStart = this.#tries.length; // all have been tried: once more round, after a while
    this.#tryLater(undefined, FailMode.Failover);
  }

  /** A dial takes long: the call goes to whoever else is connected, or is so first. */
  impatient(one: Try): void {
    // It may have been sent meanwhile: what was waited for is another server's dial.
    if (this.#settled || one.over || one.phase !== "dial") return;
    if (!this.#mayMove || !this.#hasTries) return;
    const next = this.#pickOther();
    if (next === undefined) return;
    if (next.client === undefined) {
      if (next.isDialling || next.isDialDue(this.context.fleet.nowMs())) {
        next.connect().then(() => this.impatient(one), () => {});
      }
      return one.bePatient();
    }
    if (!this.#mayTry(true)) return;
    const { serviceMethod } = this;
    const { address } = one.endpoint;
    const message = `${serviceMethod} at ${address}: no connection within ${DIAL_PATIENCE_MS} ms`;
    const details = { address, serviceMethod, execution: "not_sent" as const };
    one.giveUp("given_up", new RpcError("unavailable", message, details));
    this.#try(next, FailMode.Failover);
  }

  /** A server gives no sign of life: a copy elsewhere, if that does no harm. */
  stalled(one: Try): void {
    if (this.#settled || one.over || !this.#mayMove || !this.#idempotent) return;
    if (this.#isWaiting) return; // for its next try
    if (this.#tries.some((other) => !other.over && !other.endpoint.stalled)) return;
    const next = this.#pickOther();
    if (next !== undefined && !next.stalled && this.#mayTry()) this.#try(next, "stalled");
  }

  /** Whether another server may have the call while this one has not failed. */
  get #mayMove(): boolean {
    const { failMode = this.context.failMode } = this.options;
    return this.only === undefined &&
      (failMode === FailMode.Failover || failMode === FailMode.Failbackup);
  }

  #begin(): void {
    if (this.#isWaiting) this.#wakeUp();
    if (this.#settled) return;
    const { context, options, only } = this;
    context.budget.deposit();
    try {
      checkCallOptions(options);
      this.#idempotent = options.idempotent ?? context.idempotent(this.serviceMethod);
    } catch (error) {
      return this.#settle(undefined, error); // they may be wrong, or the caller's own test fail
    }
    if (this.#settled) return; // by the caller's own test
    // Only now: who is picked for a trial gets no other call until that has ended.
    const endpoint = only ?? this.#pick();
    if (endpoint === undefined) return this.#settle(undefined, this.#noServers());
    if ((options.failMode ?? context.failMode) === FailMode.Failbackup) this.#hedgeLater();
    this.#try(endpoint, only === undefined ? context.policy : "fan-out");
  }

  #mayRepeat(error: unknown): boolean {
    if (!(error instanceof RpcError)) return false;
    // An argument that is too long is so for every server.
    const { code, execution, cause } = error;
    const isTooLong = code === "resource_exhausted" && execution === "not_sent" &&
      cause !== undefined;
    return !isTooLong && mayRepeat(error, this.#idempotent);
  }

  #pick(tried?: ReadonlySet<Endpoint>): Endpoint | undefined {
    const { fleet } = this.context;
    try {
      return fleet.pick({ nowMs: fleet.nowMs(), key: this.options.key }, tried);
    } catch (error) {
      this.#settle(undefined, error); // the caller's selector, or a key that is missing
      return undefined;
    }
  }

  /** A server that has not been tried in this round. */
  #pickOther(): Endpoint | undefined {
    return this.#pick(new Set(this.#tries.slice(this.#roundStart).map((one) => one.endpoint)));
  }

  /** Whether there may be one more try; the budget pays for it unless it is free. */
  #mayTry(isFree = false): boolean {
    const { fleet, budget } = this.context;
    return this.#hasTries && (isFree || budget.withdraw(fleet.nowMs()));
  }

  get #hasTries(): boolean {
    const { maxAttempts = this.context.maxAttempts } = this.options;
    return !this.context.fleet.closed && this.#tries.length < maxAttempts;
  }

  #try(endpoint: Endpoint, why: string): void {
    if (this.#settled) return;
    const one = new Try(this, endpoint, why);
    this.#tries = this.#tries.length === 0 ? [one] : [...this.#tries, one];
    one.start();
  }

  #tryLater(endpoint: Endpoint | undefined, why: string): void {
    if (this.#settled) return;
    const { random } = this.context;
    const last = this.#tries.at(-1)!.endpoint;
    this.#fallAsleep();
    this.#wait(backoffMs(this.#round++, random()), () => {
      this.#wakeUp();
      const next = endpoint ?? this.#pick(new Set([last])) ?? this.#pick();
      if (next === undefined) return this.#settle(undefined, this.#noServers());
      this.#try(next, why);
    });
  }

  #hedgeLater(): void {
    if (!this.#idempotent) return;
    const { hedgeAfterMs = this.context.p95.valueMs ?? HEDGE_BLIND_MS } = this.options;
    this.context.hedgeBudget.deposit();
    this.#wait(hedgeAfterMs, () => {
      const { hedgeBudget, fleet } = this.context;
      const next = this.#hasTries ? this.#pickOther() : undefined;
      if (next === undefined || !hedgeBudget.withdraw(fleet.nowMs()) || !this.#mayTry()) return;
      this.#try(next, "hedge");
    });
  }

  #wait(ms: number, then: () => void): void {
    const { clock, deadlines } = this.context;
    if (this.#later !== undefined) deadlines.remove(this.#later);
    this.#later = new Later(clock.now() + ms, () => this.#settled || then());
    deadlines.add(this.#later);
  }

  #setDeadline(timeoutMs: number): void {
    const { clock, deadlines } = this.context;
    this.#deadlineMs = clock.now() + timeoutMs;
    this.#deadline = new Later(this.#deadlineMs, () => this.#late(timeoutMs));
    deadlines.add(this.#deadline);
  }

  #late(timeoutMs: number): void {
    if (this.#settled) return;
    const { context, serviceMethod } = this;
    const last = this.#tries.findLast((one) => !one.over) ?? this.#tries.at(-1);
    const where = last === undefined ? "" : ` at ${last.endpoint.address}`;
    const what = last?.phase === "dial" ? "no connection" : "no reply";
    const message = `${serviceMethod}${where}: ${what} within ${timeoutMs} ms`;
    const { address } = last?.endpoint ?? {};
    const execution = this.#execution("not_sent");
    const error = new TimeoutError(message, { address, serviceMethod, execution });
    const nowMs = context.fleet.nowMs();
    const fairMs = timeoutMs * FAIR_SHARE;
    // If we stood still, the reply may have come in time, and lie unread.
    const stoodStill = nowMs - this.#deadlineMs! >= Math.min(OWN_PAUSE_MS, fairMs);
    const isFailure = !stoodStill && context.isFailure(error);
    for (const one of this.#tries) {
      const isToBlame = isFailure && nowMs - one.startedAtMs >= fairMs;
      one.giveUp(isToBlame ? "failure" : "given_up", error);
    }
    this.#settle(undefined, error);
  }

  #tooLate(timeoutMs: number): unknown {
    if (Number.isNaN(timeoutMs)) return new RangeError("timeoutMs is not a number");
    const { serviceMethod } = this;
    const message = `${serviceMethod}: the deadline has passed already`;
    return new TimeoutError(message, { serviceMethod, execution: "not_sent" });
  }

  #noServers(): RpcError {
    const { fleet } = this.context;
    const details = { serviceMethod: this.serviceMethod, execution: "not_sent" as const };
    if (fleet.closed) {
      return new RpcError("canceled", `${this.serviceMethod}: the client is closed`, details);
    }
    const count = fleet.endpoints.length;
    const what = count === 0
      ? "no available servers"
      : `the selector picked none of ${count} servers`;
    return new RpcError("unavailable", `${this.serviceMethod}: ${what}`, details);
  }

  #settle(value: unknown, error: unknown): void {
    if (this.#settled) return;
    // Copies that still run are given this error too, but it is not what became of them.
    const execution = isOurs(error) ? this.#execution(error.execution) : "unknown";
    this.#end(error);
    if (error === undefined) this.settler.resolve(value);
    else this.settler.reject(isOurs(error) ? this.#withStory(error, execution) : error);
  }

  /** Leaves nothing behind. */
  #end(error: unknown): void {
    this.#settled = true;
    const { deadlines } = this.context;
    const { signal } = this.options;
    if (signal !== undefined) releaseFrom(signal, this);
    if (this.#deadline !== undefined) deadlines.remove(this.#deadline);
    if (this.#later !== undefined) deadlines.remove(this.#later);
    if (this.#isWaiting) this.#wakeUp();
    if (error === undefined && this.#tries.length === 1) return; // it was the one that succeeded
    for (const one of this.#tries) one.giveUp("given_up", error);
  }

  /** No server has the call for a while; `close` can end it then. */
  #fallAsleep(): void {
    this.#isWaiting = true;
    this.context.waiting.add(this);
  }

  #wakeUp(): void {
    this.#isWaiting = false;
    this.context.waiting.delete(this);
  }

  /** What is certain about the whole call, when its last try says `last`. */
  #execution(last: Execution): Execution {
    if (last === "answered") return last;
    let execution: Execution = last;
    for (const { phase, error, over } of this.#tries) {
      if (phase === "dial") continue;
      const said = over && error instanceof RpcError ? error.execution : "unknown";
      if (said === "unknown") return said;
      if (said === "rejected") execution = said;
    }
    return execution;
  }

  /**
   * The error, naming the method and telling every try that was made: a copy,
   * since the last of the tries tells it too, and it may be another's.
   */
  #withStory(error: RpcError | TimeoutError, execution: Execution): RpcError | TimeoutError {
    const { serviceMethod } = this;
    const { message, address } = error;
    const attempts: readonly Attempt[] = this.#tries.map((one) => ({
      address: one.endpoint.address,
      phase: one.phase,
      elapsedMs: one.tookMs ?? 0,
      why: one.why,
      error: one.error,
    }));
    const details = { address, serviceMethod, execution, attempts };
    if (error instanceof TimeoutError) return new TimeoutError(message, details);
    return new RpcError(
      error.code,
      message,
      error.cause === undefined ? details : { ...details, cause: error.cause },
    );
  }
}

/** Whether an error says what became of a call: the caller's own do not. */
function isOurs(error: unknown): error is RpcError | TimeoutError {
  return error instanceof RpcError || error instanceof TimeoutError;
}
