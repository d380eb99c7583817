/**
 * This file is one list: what must hold in every run, as far as it can be told
 * when it is over.
 *
 * @module
 */

import { RpcError, TimeoutError } from "../../errors.ts";
import { isUnexpected } from "../../fleet/next_step.ts";
import { errorLine, executionOf } from "./outcome.ts";
import type { CallRecord, ClientRecord } from "./records.ts";
import type { Plan } from "./plan.ts";
import type { Run } from "./run.ts";
import { checkStreams } from "./stream_properties.ts";

/** Times are sums of fractions. */
const ROUNDING_MS = 1e-6;

/** Checks a run that is over. */
export function checkProperties(run: Run): void {
  for (const call of run.calls.values()) {
    if (call.outcome === undefined) continue; // the run has said so
    checkTime(run, call);
    checkRuns(run, call);
    checkAnswer(run, call);
    checkError(run, call);
    checkHandlers(run, call);
    if (call.step.certain) checkCertain(run, call);
    if (call.step.kind === "inform") checkReceipts(run, call);
  }
  checkStreams(run);
  for (const client of run.clients) {
    checkBudget(run, client);
    checkHedges(run, client);
    checkCloses(run, client);
  }
}

/** A call ends no later than it was told to: by its deadline, or by being aborted. */
function checkTime(run: Run, call: CallRecord): void {
  const { step, atMs, settledAtMs = 0, abortedAtMs, outcome } = call;
  const { timeoutMs = Infinity } = step;
  const dueAtMs = run.clock.reachable(atMs + timeoutMs);
  if (settledAtMs > dueAtMs + ROUNDING_MS) {
    const tookMs = settledAtMs - atMs;
    run.violate("a deadline is kept", `call ${step.id} took ${tookMs} of ${timeoutMs} ms`);
  }
  if (abortedAtMs !== undefined && settledAtMs > abortedAtMs) {
    run.violate("an abort ends a call at once", `call ${step.id} ended at ${settledAtMs} ms`);
  }
  if (
    outcome?.ok === false && outcome.error instanceof TimeoutError &&
    settledAtMs < atMs + Math.min(timeoutMs, step.serverTimeoutMs ?? Infinity) - ROUNDING_MS
  ) {
    run.violate("a deadline is kept", `call ${step.id} ran out of time too early`);
  }
}

function checkRuns(run: Run, { step, runs, outcome }: CallRecord): void {
  const { id, kind } = step;
  const ran = runs.filter(({ outcome }) => outcome !== "turned_away");
  if (!isIdempotent(run, step)) {
    const places = kind === "call" ? [ran] : groupByServer(ran);
    if (places.some(({ length }) => length > 1)) {
      const where = ran.map(({ server }) => server).join(" and ");
      run.violate("a call that is not idempotent runs once", `call ${id} ran at ${where}`);
    }
  }
  if (outcome?.ok === false) {
    // The error of a call to many is about the server that it names.
    const { error } = outcome;
    const isOurs = error instanceof RpcError || error instanceof TimeoutError;
    const address = kind !== "call" && isOurs ? error.address : undefined;
    if (kind !== "call" && address === undefined && run.without.has("fan_out_execution")) return;
    const there = address === undefined
      ? ran
      : ran.filter(({ server }) => address === `memory@${server}`);
    const execution = executionOf(error);
    if ((execution === "not_sent" || execution === "rejected") && there.length > 0) {
      const message = `call ${id} is ${execution} and ran at ${there[0].server}`;
      run.violate("what did not run says so, and no other", message);
    }
  } else if (kind !== "inform" && ran.length === 0) {
    run.violate("a success is its call's answer", `call ${id} succeeded and ran nowhere`);
  }
}

/** Fan-outs ask each server once, whatever the method. */
function isIdempotent({ subject }: Run, { idempotent, method, kind }: CallRecord["step"]): boolean {
  if (kind !== "call") return false;
  return (idempotent ?? subject.methods[method % subject.methods.length].idempotent) === true;
}

function groupByServer<T extends { readonly server: string }>(some: readonly T[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const one of some) groups.set(one.server, [...groups.get(one.server) ?? [], one]);
  return [...groups.values()];
}

/** A success is the answer to the call's own argument. */
function checkAnswer(run: Run, { step, args, outcome, receipts }: CallRecord): void {
  const method = run.subject.methods[step.method % run.subject.methods.length];
  const replies = receipts.filter(({ ok }) => ok).map(({ reply }) => reply);
  if (outcome?.ok && step.kind !== "inform") replies.push(outcome.reply);
  for (const reply of replies) {
    try {
      method.check?.(reply, args);
    } catch (error) {
      run.violate("a success is its call's answer", `call ${step.id}: ${errorLine(error)}`);
    }
  }
}

function checkError(run: Run, { step, outcome, reason, abortedAtMs }: CallRecord): void {
  if (outcome === undefined || outcome.ok) return;
  const { error } = outcome;
  const wrong = (message: string) =>
    run.violate("an error is of a kind that is documented", `call ${step.id}: ${message}`);
  if (error === reason) {
    if (abortedAtMs === undefined) wrong("it was aborted by nobody");
    return;
  }
  if (error instanceof RangeError && (step.quorum ?? 0) > 1) return;
  if (error instanceof TimeoutError) {
    if (step.timeoutMs === undefined && step.serverTimeoutMs === undefined) {
      wrong(`nobody has set a deadline: ${errorLine(error)}`);
    }
    return;
  }
  if (!(error instanceof RpcError)) return wrong(errorLine(error));
  const isOddArgument = step.argument === "throws" || step.argument === "calls";
  // An attempt at an entry of the list that can't be dialled, if it is the last, says so.
  const isOddEntry = run.plan.badEntry !== undefined;
  if (error.code === "invalid_argument" && step.kind === "call" && !isOddArgument && !isOddEntry) {
    wrong(`nothing is wrong with its argument: ${errorLine(error)}`);
  }
  // The servers that may have run it, which need not be the last that was tried.
  const lost = error.attempts.filter((attempt) => executionOf(attempt.error) === "unknown");
  const places = lost.length > 0 ? lost : [{ address: error.address, error }];
  if (
    error.execution === "unknown" && !run.without.has("lossless_drains") &&
    places.every(({ address, error }) => isUnavailable(error) && isOnlyDrained(run, address))
  ) {
    run.violate("a drain loses no call", `call ${step.id}: ${errorLine(error)}`);
  }
  const { closes } = run.clients.find(({ plan }) => plan.name === step.client)!;
  if (error.code === "canceled" && closes.length === 0) {
    wrong(`nobody has cancelled it: ${errorLine(error)}`);
  }
}

/** So long a process that ends may still have had a call, in milliseconds: the longest grace, and more. */
const ENDING_MS = 6000;

/**
 * A caller that wants to be certain is: it does not know what became of its call only if the
 * server's process is gone, or the call was given up.
 */
function checkCertain(run: Run, call: CallRecord): void {
  const { step, runs, receipts, outcome, atMs, settledAtMs = 0 } = call;
  if (!isIdempotent(run, step)) {
    const places = runs.filter(({ outcome }) => outcome !== "turned_away")
      .map(({ server, process }) => `${server}, process ${process}`);
    if (new Set(places).size < places.length) {
      const message = `call ${step.id} ran at ${places.join(" and ")}`;
      run.violate("a call that is certain runs once at a process", message);
    }
  }
  for (const { address, error } of failuresOf(step, receipts, outcome)) {
    if (!(error instanceof RpcError) || error instanceof TimeoutError) continue;
    if (error.execution !== "unknown" || error.code === "canceled") continue;
    if (error.address !== address) continue; // given up for another attempt, of which this tells
    const server = run.servers.find((server) => server.address === address);
    const plan = run.plan.servers.find(({ name }) => name === server?.name);
    if (plan?.protocol !== "geerpc/json") continue; // no other knows of ids
    if (plan.keepAnswersMs !== undefined || plan.keepAnswersBytes !== undefined) continue;
    // Where ends are heard late, the connection may be to a process that is long gone.
    const isLate = run.plan.steps.some((step) =>
      (step.do === "stall" || step.do === "fault") && step.server === plan.name
    );
    const sinceMs = isLate ? 0 : atMs - ENDING_MS;
    if (server!.ends.some((ms) => ms >= sinceMs && ms <= settledAtMs)) continue;
    const message = `call ${step.id}: ${errorLine(error)}`;
    run.violate("a call that is certain is unknown only if its process is gone", message);
  }
}

/** What a call has failed with at each server, as far as it is told. */
function failuresOf(
  { kind }: CallRecord["step"],
  receipts: CallRecord["receipts"],
  outcome: CallRecord["outcome"],
): readonly { readonly address?: string; readonly error?: unknown }[] {
  if (kind === "inform") return receipts;
  const error = outcome?.ok === false ? outcome.error : undefined;
  if (kind !== "call" || !(error instanceof RpcError)) return [];
  return error.attempts.length > 0 ? error.attempts : [{ address: error.address, error }];
}

/** Whether a connection was lost: a close of the client, or a server's deadline, is no loss. */
function isUnavailable(error: unknown): boolean {
  return error instanceof RpcError && error.code === "unavailable";
}

/** A drain's grace that is enough for every handler, in milliseconds. */
const AMPLE_GRACE_MS = 5000;

/** Whether nothing happened to a server but drains with ample grace. */
function isOnlyDrained({ plan }: Run, address: string | undefined): boolean {
  const server = plan.servers.find(({ name }) => `memory@${name}` === address);
  // Other protocols can't say that they drain.
  if (server?.protocol !== "geerpc/json") return false;
  // One that holds as much as it may says nothing for a second, which is too long for some clients.
  const mayPause = server.maxInFlight !== undefined;
  if (mayPause && plan.clients.some(({ liveness }) => (liveness?.deadMs ?? Infinity) < 1500)) {
    return false;
  }
  return plan.steps.every((step) => {
    switch (step.do) {
      case "call":
        return step.workMs < AMPLE_GRACE_MS;
      case "drain":
        return step.server !== server.name || step.graceMs >= AMPLE_GRACE_MS;
      case "jump":
        return false;
      case "point":
        // A longer wait is a silence, for which a connection may be given up.
        return step.waitMs !== undefined && step.waitMs <= 1;
      case "stream":
      case "list":
      case "discovery":
      case "close":
        return true;
      default:
        return step.server !== server.name;
    }
  });
}

/** How long a server may take to hear that nobody waits any more, in milliseconds. */
const HEARD_MS = 1000;

/** A handler does not work on for a caller who has aborted, where nothing keeps it from hearing. */
function checkHandlers(run: Run, call: CallRecord): void {
  const { plan } = run;
  const { step, runs, abortedAtMs = Infinity } = call;
  for (const { server, outcome, endedAtMs = 0 } of runs) {
    if (step.stubborn || outcome !== "replied" || endedAtMs < abortedAtMs + HEARD_MS) continue;
    const isTroubled = plan.steps.some((other) =>
      other.do === "jump" || other.do === "point" || "server" in other && other.server === server
    );
    const { protocol, maxInFlight } = plan.servers.find(({ name }) => name === server)!;
    if (isTroubled || protocol !== "geerpc/json") continue;
    // A server that holds as much as it may reads no cancels.
    if (maxInFlight !== undefined && run.without.has("floods")) continue;
    run.violate("nobody works for nobody", `call ${step.id} was aborted and ran on at ${server}`);
  }
}

/** A server has one receipt, and each has one unless the listening ended early. */
function checkReceipts(run: Run, { step, receipts, outcome, reason }: CallRecord): void {
  const servers = new Set(receipts.map(({ address }) => address));
  if (servers.size < receipts.length) {
    run.violate("a call settles once", `call ${step.id} has two receipts of one server`);
  }
  if (outcome?.ok && receipts.length === 0) {
    run.violate("a call settles once", `call ${step.id} has no receipts`);
  }
  for (const { ok, error, address } of receipts) {
    if (ok || error === reason || executionOf(error) !== undefined) continue;
    const message = `call ${step.id} at ${address}: ${errorLine(error)}`;
    run.violate("an error is of a kind that is documented", message);
  }
}

const USUAL = { ratio: 0.2, perSecond: 10 };

/** What a budget has earned: a share of the calls, and some each second. */
function earned({ ratio, perSecond }: typeof USUAL, calls: number, untilMs: number): number {
  const reserve = perSecond === 0 ? 0 : Math.max(perSecond, 1) + perSecond * untilMs / 1000;
  return Math.floor(ratio * calls + reserve + ROUNDING_MS);
}

/**
 * Tries beyond the first are paid for. What is seen of them is less than there
 * may have been: handlers that began, and the attempts of calls that failed.
 */
function checkBudget(run: Run, { plan, nested }: ClientRecord): void {
  let calls = nested.length + streamsOf(run, plan.name);
  let extra = 0;
  let lastMs = 0;
  for (const call of run.calls.values()) {
    if (call.step.client !== plan.name) continue;
    calls += call.step.kind === "call" ? 1 : run.servers.length + 1;
    const beyond = call.step.kind === "call" ? triesSeen(run, call) - 1 : 0;
    extra += beyond;
    if (beyond > 0) lastMs = Math.max(lastMs, call.settledAtMs ?? run.clock.now());
  }
  const most = earned(plan.retryBudget ?? USUAL, calls, lastMs);
  if (extra > most) {
    const message = `${plan.name} made ${extra} tries beyond the first, at most ${most} may be`;
    run.violate("budgets hold", message);
  }
}

/** For how many calls streams have paid into the budgets, at most. */
function streamsOf({ streams, servers }: Run, client: string): number {
  let calls = 0;
  for (const { step, runs } of streams.streams.values()) {
    if (step.client === client) calls += step.kind === "all" ? servers.length + 1 + runs.length : 1;
  }
  return calls;
}

/** What is certain of a try that came to a server, or to a connection, that drains. */
const TURNED_AWAY: ReadonlySet<string | undefined> = new Set(["rejected", "not_sent"]);

/**
 * How many tries were sent on a connection, as far as it was seen; at least 1.
 * One that a draining server turned away costs nothing, nor does one that found its
 * connection drained, or met a queue that nobody expected.
 */
function triesSeen({ plan }: Run, { runs, outcome }: CallRecord): number {
  const error = outcome?.ok === false ? outcome.error : undefined;
  const attempts = error instanceof RpcError || error instanceof TimeoutError
    ? error.attempts.filter(({ phase, address, error }) =>
      phase === "call" && !isUnexpected(error) &&
      !(TURNED_AWAY.has(executionOf(error)) && drains(plan, address))
    ).length
    : 0;
  return Math.max(1, runs.length, attempts);
}

function drains(plan: Plan, address: string): boolean {
  return plan.steps.some((step) => step.do === "drain" && `memory@${step.server}` === address);
}

/** Hedges are paid for, too: what overlaps is a copy of a call. */
function checkHedges(run: Run, { plan, events, nested }: ClientRecord): void {
  let calls = nested.length + streamsOf(run, plan.name);
  let hedges = 0;
  let lastMs = 0;
  for (const { step, runs, atMs, settledAtMs = Infinity } of run.calls.values()) {
    if (step.client !== plan.name || step.kind !== "call") continue;
    calls++;
    if (step.stubborn) continue; // its handler works on when its connection is over, beside the next
    // A stalled server's calls are copied, also when another connection to it takes the silent
    // one's place ("resumed"); a lost connection's are repeated while they may still run.
    const isExplained = events.some((event) =>
      ["stalled", "resumed", "disconnected", "left"].includes(event.type) && event.atMs >= atMs &&
      event.atMs <= settledAtMs
    );
    if (isExplained) continue;
    const copy = runs.find((one, place) =>
      runs.slice(0, place).some(({ endedAtMs = Infinity }) => one.atMs < endedAtMs)
    );
    if (copy === undefined) continue;
    hedges++;
    lastMs = Math.max(lastMs, copy.atMs);
  }
  const most = earned(plan.hedgeBudget ?? { ratio: 0.05, perSecond: 1 }, calls, lastMs);
  if (hedges <= most) return;
  run.violate("budgets hold", `${plan.name} hedged ${hedges} calls, at most ${most} may be`);
}

/** A close ends within its grace, and with it every call. */
function checkCloses(run: Run, { plan, closes }: ClientRecord): void {
  let dueAtMs = Infinity;
  for (const { atMs, graceMs } of closes) dueAtMs = Math.min(dueAtMs, atMs + graceMs);
  if (dueAtMs === Infinity) return;
  dueAtMs = run.clock.reachable(dueAtMs);
  for (const { endedAtMs = Infinity, atMs } of closes) {
    if (endedAtMs <= Math.max(dueAtMs, atMs) + ROUNDING_MS) continue;
    run.violate("a close ends", `${plan.name} closed at ${endedAtMs} ms, due at ${dueAtMs} ms`);
  }
  for (const { step, atMs, settledAtMs } of run.calls.values()) {
    if (step.client !== plan.name || settledAtMs === undefined) continue;
    if (settledAtMs > Math.max(dueAtMs, atMs) + ROUNDING_MS) {
      run.violate("a close ends", `call ${step.id} ended at ${settledAtMs} ms, behind the close`);
    }
  }
}
