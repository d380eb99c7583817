/**
 * This file is one class: a call of an `XClient`, through as many attempts as
 * it needs and is allowed, with one deadline over all.
 *
 * @module
 */

import { type Execution, RpcError, TimeoutError } from "../errors.ts";
import { type Abortable, abortWith, releaseFrom } from "../internal/abort.ts";
import { type Backoff, backoffMs } from "../internal/backoff.ts";
import type { Settler } from "../connection/pending_calls.ts";
import { areItemsGone, OnceArgs } from "../connection/streams/once_args.ts";
import type { RequestExtras } from "../protocol/codec.ts";
import type { Random } from "../selector.ts";
import {
  type AttemptContext,
  type AttemptEvent,
  type AttemptOwner,
  CallAttempt,
  type FleetAttempt,
} from "./attempt.ts";
import { executionAfter, isOurs, isTimeout, withAttempts } from "./call_error.ts";
import type { FleetCallOptions } from "./call_options.ts";
import { CallTimer } from "./call_timer.ts";
import { SLOW_DIAL_MS } from "./connector.ts";
import type { Endpoint } from "./endpoint.ts";
import { FailMode } from "./fail_mode.ts";
import type { Fleet } from "./fleet.ts";
import {
  hasNoStreams,
  isLasting,
  isNoRoom,
  isTurnedAway,
  isUnexpected,
  mayDialElsewhere,
  mayRepeatAfter,
  nextStep,
  type WaitForRoom,
} from "./next_step.ts";
import type { Quantile } from "./quantile.ts";
import { LONGEST_WAIT_MS, roomInMs, withoutRoom } from "./room.ts";
import type { RetryBudget } from "./retry_budget.ts";

/** What all calls of one `XClient` share. */
export interface FleetCallContext extends AttemptContext {
  /** The endpoints. */
  readonly fleet: Fleet;
  /** What waits for the list of servers or for a backoff: closing the `XClient` ends it. */
  readonly waiting: Set<{ close(): void }>;
  /** Where backoff takes chance from. */
  readonly random: Random;
  /** Pays for attempts beyond the first. */
  readonly budget: RetryBudget;
  /** Pays for hedges, beside `budget`. */
  readonly hedgeBudget: RetryBudget;
  /** The 95th percentile of reply times. */
  readonly p95: Quantile;
  /** The policy's name, for the attempts that errors list. */
  readonly policy: string;
  /** What happens after a failed attempt. The call's own options override it. */
  readonly failMode: FailMode;
  /** The most attempts; `undefined` for the default. The call's own options override it. */
  readonly maxAttempts: number | undefined;
  /** Whether a call that is turned away everywhere waits. The call's own options override it. */
  readonly waitForRoom: WaitForRoom;
  /** Whether a method may run twice. The call's own options override it. */
  idempotent(serviceMethod: string): boolean;
}

/** Backoff before another round through the endpoints. Source: "full jitter", AWS. */
export const RETRY_BACKOFF: Backoff = {
  firstMs: 50,
  maxMs: 2000,
  jitter: { least: 0, range: 1 },
};

const MAX_ATTEMPTS = 3;
/** So many servers may have more calls than was expected; the next one runs the call in any case. */
const MAX_UNEXPECTED = 2;
/** When a hedge is sent while no reply times are known, in milliseconds. */
const HEDGE_BLIND_MS = 1000;
/** An endpoint that had less than this share of the time is not to blame for the deadline. */
const FAIR_SHARE = 0.5;
/** A deadline that expires so much too late, in milliseconds: this process stood still. */
const OWN_PAUSE_MS = 50;
const NO_ATTEMPTS: readonly FleetAttempt[] = [];

/**
 * - `listing`: the list of servers is waited for.
 * - `trying`: attempts are in flight.
 * - `backing off`: the next attempt is made when the backoff is over. Copies at
 *   stalled endpoints may be in flight.
 * - `done`: it is settled.
 */
type CallState = "listing" | "trying" | "backing off" | "done";

/** One call of an `XClient`. */
export class FleetCall implements AttemptOwner, Abortable {
  #state: CallState = "trying";
  #attempts: readonly FleetAttempt[] = NO_ATTEMPTS;
  /** The first attempt of this round. A round tries each endpoint once. */
  #roundStart = 0;
  #idempotent = false;
  #backoffs = 0;
  #deadlineMs: number | undefined;
  #deadline: CallTimer | undefined;
  /** The backoff or the hedge. */
  #timer: CallTimer | undefined;

  /**
   * @param context What all calls of the `XClient` share.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options What the caller gave along with it.
   * @param settler Called once with the reply or the error.
   * @param only The endpoint that it is for, in a call to all of them.
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
   * Makes the first attempt.
   *
   * @param update The list of servers, if it has to be waited for. Deadline and
   * signal count from now.
   */
  start(update?: Promise<void>): void {
    const { context, options } = this;
    const { signal, timeoutMs = Infinity } = options;
    if (signal?.aborted || !(timeoutMs > 0)) {
      return this.settler.reject(signal?.aborted ? signal.reason : this.#timeoutPassed);
    }
    if (context.fleet.closed) return this.close(); // before anything is set that `close` ends
    if (signal !== undefined) abortWith(signal, this);
    if (timeoutMs < Infinity) this.#setDeadline(timeoutMs);
    if (update === undefined) return this.#begin();
    this.#wait("listing");
    update.then(() => this.#begin(), (error) => this.#settle(undefined, error));
  }

  abort(reason: unknown): void {
    if (this.#state === "done") return;
    if (isTimeout(reason)) this.#blameForSignal(reason);
    this.#end(reason);
    this.settler.reject(reason); // unchanged
  }

  /**
   * Goes on behind an attempt that was answered in part, as behind one that has failed.
   *
   * @param attempt That attempt. It counts as the first one.
   * @param error What it has failed with. It may be repeated if it is not certain what has run.
   */
  goOn(attempt: FleetAttempt, error: unknown): void {
    const { timeoutMs = Infinity } = this.options;
    if (timeoutMs < Infinity) this.#setDeadline(timeoutMs);
    this.#attempts = [attempt];
    this.#idempotent = true;
    this.#attemptFailed(attempt, error);
  }

  /** Ends it because the `XClient` is closed while no endpoint has the call. */
  close(): void {
    this.#settle(undefined, this.#noServers());
  }

  /** What is certain about the call so far. */
  get execution(): Execution {
    return executionAfter("not_sent", this.#attempts);
  }

  /** Since when its time counts, on the clock's scale, if not since it began. */
  protected get sinceMs(): number | undefined {
    return undefined;
  }

  /** Its attempts so far. */
  get attempts(): readonly FleetAttempt[] {
    return this.#attempts;
  }

  requestExtras(): RequestExtras {
    const { meta, schema, timeoutMs, certain } = this.options;
    if (this.#deadlineMs === undefined) return this.options;
    const leftMs = this.#deadlineMs - this.context.turnClock.now();
    return { meta, schema, timeoutMs: Math.min(Math.max(leftMs, 1), timeoutMs!), certain };
  }

  expectedAt({ endpoint, client }: CallAttempt): number | undefined {
    const { fleet, turnClock } = this.context;
    if (!fleet.usesReports || client?.server === undefined || !this.#mayMove) return undefined;
    if (this.#attempts.length > 1 && !this.#mayGoOn()) return undefined;
    const expected = fleet.expectedAt(endpoint, turnClock.now());
    return expected < Infinity ? expected : undefined;
  }

  /** Whether a further attempt may find more calls than was expected, and go on elsewhere. */
  #mayGoOn(): boolean {
    // A copy of a call that goes on is sent because of that one, not for the sake of the queues.
    const isCopy = this.#attempts.filter(({ isOver }) => !isOver).length > 1;
    return !isCopy && this.#attempts.filter(wasUnexpected).length < MAX_UNEXPECTED;
  }

  attemptChanged(attempt: FleetAttempt, event: AttemptEvent, detail?: unknown): void {
    if (event === "succeeded") {
      this.#measure(attempt);
      this.#settle(detail, undefined);
    } else if (event === "answered") this.#measure(attempt);
    else if (event === "intercepted" || event === "opened") this.#settle(detail, undefined);
    else if (this.#state !== "done") {
      if (event === "failed") this.#attemptFailed(attempt, detail);
      else if (event === "slow dial") this.#dialIsSlow(attempt);
      else this.#attemptStalled(attempt);
    }
  }

  #measure({ startedAtMs }: FleetAttempt): void {
    const { p95, turnClock } = this.context;
    p95.observe(turnClock.now() - startedAtMs);
  }

  #attemptFailed(attempt: FleetAttempt, error: unknown): void {
    const { failMode = this.context.failMode } = this.options;
    const others = this.#attempts.filter(({ isOver }) => !isOver);
    const known = {
      mayRepeat: attempt.hadNoConnection || hasNoStreams(error)
        ? mayDialElsewhere(error)
        : mayRepeatAfter(error, this.#idempotent) && !areItemsGone(this.args),
      isLasting: this.#attempts.every(({ phase, error }) =>
        phase === "dial" && isLasting(error) || hasNoStreams(error)
      ),
      failMode,
      isBackingOff: this.#state === "backing off",
      isUnexpected: isUnexpected(error),
      others: others.length === 0 ? "none" : others.every(isStalled) ? "stalled" : "alive",
      isNoRoom: this.#isNoRoom(attempt),
    } as const;
    let step = nextStep({ ...known, hasBudget: true, hasUntried: true });
    let next: Endpoint | undefined;
    if (step !== "settle" && step !== "wait" && step !== "pick anew") {
      // Only now: the policy takes its turn with a pick, and the budget pays.
      if (this.#mayMove && this.#hasAttempts) next = this.#pickUntried();
      if (this.isDone) return; // the policy threw
      // A dial that failed burdened no server: one that is connected gets the call for the first time.
      // Nor did a server that drains: what is in flight there then, once, may be more than the budget.
      const isFree = attempt.wasDrained || attempt.phase === "dial" && next?.client !== undefined;
      const mayTry = this.#hasAttempts || this.#mayWaitForRoom(error);
      // What is not to be made is not paid for.
      const isMade = nextStep({ ...known, hasBudget: true, hasUntried: next !== undefined });
      const hasBudget = mayTry && isMade !== "settle" && isMade !== "wait" && this.#isPaid(isFree);
      step = nextStep({ ...known, hasBudget, hasUntried: next !== undefined });
    }
    switch (step) {
      case "settle":
        return this.#settle(undefined, error);
      case "wait":
        return;
      case "pick anew":
        return this.#pickAnew();
      case "try elsewhere":
        return this.#try(next!, FailMode.Failover);
      case "try the same later":
        return this.#tryLater(failMode, error, attempt.endpoint);
      case "try later":
        return this.#tryLater(FailMode.Failover, error);
    }
  }

  /** A dial takes long: the call goes to an endpoint that is connected, or is so first. */
  #dialIsSlow(attempt: FleetAttempt): void {
    // It may have been sent meanwhile: this may be another endpoint's dial that has ended.
    if (this.isDone || attempt.isOver || attempt.phase !== "dial") return;
    if (!this.#mayMove || !this.#hasAttempts) return;
    const next = this.#pickUntried();
    if (next === undefined) return;
    const { connector } = next;
    if (next.client === undefined) {
      if (connector.state === "dialling" || connector.isDialDue(this.context.turnClock.now())) {
        connector.connect().then(() => this.#dialIsSlow(attempt), () => {});
      }
      return attempt.watchDial();
    }
    if (!this.#mayTry(true)) return;
    const { serviceMethod } = this;
    const { address } = attempt.endpoint;
    const message = `${serviceMethod} at ${address}: no connection within ${SLOW_DIAL_MS} ms`;
    const details = { address, serviceMethod, execution: "not_sent" as const };
    attempt.giveUp("given_up", new RpcError("unavailable", message, details));
    this.#try(next, FailMode.Failover);
  }

  /** An endpoint gives no sign of life: a copy goes elsewhere, if the call may run twice. */
  #attemptStalled(attempt: FleetAttempt): void {
    if (attempt.isOver || !isStalled(attempt) || !this.#mayMove || !this.#mayBeCopied) return;
    if (this.#state === "backing off") return; // the next attempt is to come
    if (this.#attempts.some((other) => !other.isOver && !isStalled(other))) return;
    // Where there is no other: the same endpoint, if it has a connection that lives.
    const next = this.#pickUntried() ?? attempt.endpoint;
    if (!next.connector.isStalled && this.#mayTry()) this.#try(next, "stalled");
  }

  /** Whether it is settled. Public, as a private getter shows in the time of a call. */
  get isDone(): boolean {
    return this.#state === "done";
  }

  /** Whether two attempts may be in flight at a time. */
  get #mayBeCopied(): boolean {
    return this.#idempotent && !(this.args instanceof OnceArgs);
  }

  /** Whether the call may go to another endpoint. */
  get #mayMove(): boolean {
    const { failMode = this.context.failMode } = this.options;
    return this.only === undefined &&
      (failMode === FailMode.Failover || failMode === FailMode.Failbackup);
  }

  #begin(): void {
    if (this.isDone) return;
    this.#resume();
    const { context, options, only } = this;
    context.budget.deposit();
    try {
      this.#idempotent = options.idempotent ?? context.idempotent(this.serviceMethod);
    } catch (error) {
      return this.#settle(undefined, error); // an option is wrong, or the caller's own test threw
    }
    if (this.isDone) return; // aborted by the caller's own test
    // Only now: an endpoint that is picked for its trial gets no other call until that has ended.
    const endpoint = only ?? this.#pick();
    if (endpoint === undefined) return this.#settle(undefined, this.#noServers());
    if (context.fleet.usesReports) context.fleet.callBegins(context.turnClock.now());
    if ((options.failMode ?? context.failMode) === FailMode.Failbackup) this.#hedgeLater();
    this.#try(endpoint, only === undefined ? context.policy : "fan-out");
  }

  /** Once more, as if it were the first time: the policy knows more now. */
  #pickAnew(): void {
    const endpoint = this.#pick();
    if (endpoint === undefined) this.#settle(undefined, this.#noServers());
    else this.#try(endpoint, this.context.policy);
  }

  #pick(tried?: ReadonlySet<Endpoint>): Endpoint | undefined {
    const { fleet, turnClock } = this.context;
    try {
      const { meanOthers } = fleet.reports;
      return fleet.pick({ nowMs: turnClock.now(), key: this.options.key, meanOthers }, tried);
    } catch (error) {
      this.#settle(undefined, error); // the caller's own policy threw, or a key is missing
      return undefined;
    }
  }

  /** An endpoint that was not tried in this round. */
  #pickUntried(): Endpoint | undefined {
    const round = this.#attempts.slice(this.#roundStart).filter((one) => !wasUnexpected(one));
    return this.#pick(new Set(round.map(({ endpoint }) => endpoint)));
  }

  /** Whether there may be one more attempt; the budget pays for it unless it is free. */
  #mayTry(isFree = false): boolean {
    return this.#hasAttempts && this.#isPaid(isFree);
  }

  #isPaid(isFree: boolean): boolean {
    const { turnClock, budget } = this.context;
    return isFree || budget.withdraw(turnClock.now());
  }

  get #hasAttempts(): boolean {
    const { maxAttempts = this.context.maxAttempts ?? MAX_ATTEMPTS } = this.options;
    if (this.context.fleet.closed) return false;
    // Those that servers did not run because of their queues count only if they may decide it.
    return this.#attempts.length < maxAttempts ||
      this.#attempts.filter((one) => !wasUnexpected(one)).length < maxAttempts;
  }

  /** Whether a call that was turned away waits until there is room: its deadline is what ends it. */
  #mayWaitForRoom(error: unknown): boolean {
    const { context, options } = this;
    const isLimited = (options.maxAttempts ?? context.maxAttempts) !== undefined;
    return !isLimited && this.#deadlineMs !== undefined && !context.fleet.closed &&
      isTurnedAway(error) && !isNoRoom(error, this.#waitsForRoom);
  }

  /** Whether all servers of this round have turned it away, and it is not to wait for room. */
  #isNoRoom(last: FleetAttempt): boolean {
    const waits = this.#waitsForRoom;
    if (!isNoRoom(last.error, waits)) return false; // nearly always
    // One that drains is away for a moment: that is no lack of room.
    const isRefusal = ({ error, wasDrained }: FleetAttempt) =>
      !wasDrained && !isUnexpected(error) && isNoRoom(error, waits);
    return this.#attempts.slice(this.#roundStart).every(isRefusal);
  }

  get #waitsForRoom(): WaitForRoom {
    return this.options.waitForRoom ?? this.context.waitForRoom;
  }

  #try(endpoint: Endpoint, why: string): void {
    if (this.isDone) return;
    const attempt = this.attemptAt(endpoint, why);
    this.#attempts = this.#attempts.length === 0 ? [attempt] : [...this.#attempts, attempt];
    attempt.start();
  }

  /** Makes an attempt, which has not begun. */
  protected attemptAt(endpoint: Endpoint, why: string): FleetAttempt {
    return new CallAttempt(this, endpoint, why);
  }

  #tryLater(why: string, error: unknown, endpoint?: Endpoint): void {
    const { clock, turnClock, random } = this.context;
    const roomMs = roomInMs(this.#attempts.slice(endpoint === undefined ? this.#roundStart : -1));
    const leftMs = this.#deadlineMs === undefined
      ? LONGEST_WAIT_MS
      : this.#deadlineMs - clock.now();
    if (roomMs >= leftMs) return this.#settle(undefined, error); // there will be none in time
    this.#roundStart = this.#attempts.length;
    this.#wait("backing off");
    this.#setTimer(roomMs + backoffMs(RETRY_BACKOFF, this.#backoffs++, random()), () => {
      this.#resume();
      const tried = endpoint === undefined
        ? withoutRoom(this.#attempts, turnClock.now())
        : undefined;
      const next = endpoint ?? this.#pick(tried) ?? this.#pick();
      if (next === undefined) return this.#settle(undefined, this.#noServers());
      this.#try(next, why);
    });
  }

  #hedgeLater(): void {
    if (!this.#mayBeCopied) return;
    const { hedgeAfterMs = this.context.p95.valueMs ?? HEDGE_BLIND_MS } = this.options;
    this.context.hedgeBudget.deposit();
    this.#setTimer(hedgeAfterMs, () => {
      const { hedgeBudget, turnClock } = this.context;
      const next = this.#hasAttempts ? this.#pickUntried() : undefined;
      if (next === undefined || !hedgeBudget.withdraw(turnClock.now()) || !this.#mayTry()) return;
      this.#try(next, "hedge");
    });
  }

  #setTimer(ms: number, expire: () => void): void {
    const { clock, deadlines } = this.context;
    if (this.#timer !== undefined) deadlines.remove(this.#timer);
    this.#timer = new CallTimer(clock.now() + ms, () => this.isDone || expire());
    deadlines.add(this.#timer);
  }

  #setDeadline(timeoutMs: number): void {
    const { clock, deadlines } = this.context;
    this.#deadlineMs = (this.sinceMs ?? clock.now()) + timeoutMs;
    this.#deadline = new CallTimer(this.#deadlineMs, () => this.#timeOut(timeoutMs));
    deadlines.add(this.#deadline);
  }

  #timeOut(timeoutMs: number): void {
    if (this.isDone) return;
    const { context, serviceMethod } = this;
    const last = this.#attempts.filter(({ isOver }) => !isOver).at(-1) ?? this.#attempts.at(-1);
    const where = last === undefined ? "" : ` at ${last.endpoint.address}`;
    const what = this.#state === "backing off" && isTurnedAway(last?.error)
      ? `turned away (${last.error.message}), no room`
      : last?.phase === "dial"
      ? "no connection"
      : "no reply";
    const message = `${serviceMethod}${where}: ${what} within ${timeoutMs} ms`;
    const { address } = last?.endpoint ?? {};
    const error = new TimeoutError(message, { address, serviceMethod, execution: this.execution });
    const nowMs = context.turnClock.now();
    const fairMs = timeoutMs * FAIR_SHARE;
    // If this process stood still, the reply may have come in time, and was not read.
    const stoodStill = nowMs - this.#deadlineMs! >= Math.min(OWN_PAUSE_MS, fairMs);
    const isFailure = !stoodStill && context.isFailure(error);
    for (const attempt of this.#attempts) {
      const isToBlame = isFailure && nowMs - attempt.startedAtMs >= fairMs;
      attempt.giveUp(isToBlame ? "failure" : "given_up", error);
    }
    this.#settle(undefined, error);
  }

  /**
   * The signal was a deadline, as `AbortSignal.timeout` makes one. It may be that
   * of many calls, of which some have only just begun: an endpoint is to blame if
   * its attempt has taken longer than 95 % of calls do.
   */
  #blameForSignal(reason: unknown): void {
    const { context } = this;
    if (!context.isFailure(reason)) return;
    const nowMs = context.turnClock.now();
    const [first] = this.#attempts;
    for (const attempt of this.#attempts) {
      const fairMs = context.p95.valueMs ?? (nowMs - first.startedAtMs) * FAIR_SHARE;
      if (nowMs - attempt.startedAtMs >= fairMs) attempt.giveUp("failure", reason);
    }
  }

  get #timeoutPassed(): TimeoutError {
    const { serviceMethod, only } = this;
    const where = only === undefined ? "" : ` at ${only.address}`;
    const message = `${serviceMethod}${where}: the deadline has passed already`;
    const details = { address: only?.address, serviceMethod, execution: "not_sent" as const };
    return new TimeoutError(message, details);
  }

  #noServers(): RpcError {
    const { fleet } = this.context;
    const details = { serviceMethod: this.serviceMethod, execution: "not_sent" as const };
    if (fleet.closed) {
      return new RpcError("canceled", `${this.serviceMethod}: the client is closed`, details);
    }
    const count = fleet.endpoints.length;
    const what = count === 0 ? fleet.emptyText : `the selector picked none of ${count} servers`;
    return new RpcError("unavailable", `${this.serviceMethod}: ${what}`, details);
  }

  #settle(value: unknown, error: unknown): void {
    if (this.isDone) return;
    // Before copies that are still in flight end with this error too: it is not what became of them.
    const execution = isOurs(error) ? executionAfter(error.execution, this.#attempts) : "unknown";
    this.#end(error);
    if (error === undefined) return this.settler.resolve(value);
    if (!isOurs(error)) return this.settler.reject(error);
    this.settler.reject(withAttempts(error, this.serviceMethod, execution, this.#attempts));
  }

  /** Ends timers, attempts, and the listening to the signal. */
  #end(error: unknown): void {
    this.#resume();
    this.#state = "done";
    const { deadlines } = this.context;
    const { signal } = this.options;
    if (signal !== undefined) releaseFrom(signal, this);
    if (this.#deadline !== undefined) deadlines.remove(this.#deadline);
    if (this.#timer !== undefined) deadlines.remove(this.#timer);
    if (error === undefined && this.#attempts.length === 1) return; // it is the one that succeeded
    for (const attempt of this.#attempts) attempt.giveUp("given_up", error);
  }

  /** Waits for what is no attempt: closing the `XClient` ends the call then. */
  #wait(state: "listing" | "backing off"): void {
    this.#state = state;
    this.context.waiting.add(this);
  }

  #resume(): void {
    if (this.#state !== "listing" && this.#state !== "backing off") return;
    this.#state = "trying";
    this.context.waiting.delete(this);
  }
}

function wasUnexpected({ error }: FleetAttempt): boolean {
  return isUnexpected(error);
}

function isStalled({ endpoint, client }: FleetAttempt): boolean {
  return endpoint.connector.isSilent(client);
}
