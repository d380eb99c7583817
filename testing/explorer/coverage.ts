/**
 * Rare paths, and whether a run has come through them. This file is one list, with a look for each.
 *
 * @module
 */

import { AT_POINTS } from "./fault_points.ts";
import { RpcError, TimeoutError } from "../../errors.ts";
import { executionOf, kindOf } from "./outcome.ts";
import type { CallRecord, ClientRecord } from "./records.ts";
import type { Run } from "./run.ts";
import { lookAtStream, STREAM_PATHS } from "./stream_coverage.ts";

/** The paths that a long run must have come through at least once. */
export const RARE_PATHS = [
  "hedge won by the first copy",
  "hedge won by the second copy",
  "copy for a stalled server",
  "trial won",
  "trial lost",
  "panic: a call at an ejected server",
  "ejected",
  "stalled",
  "resumed",
  "unreachable",
  "disconnected",
  "left with calls in flight",
  "drain let a call end",
  "drain cut a call short",
  "dial given up",
  "slow dial finished",
  "deadline during a dial",
  "deadline during a call",
  "retry budget empty",
  "hedge budget empty",
  "retry after not_sent",
  "retry after rejected",
  "retry after unknown",
  "not repeated: unknown",
  "abort during a call",
  "abort during a dial",
  "abort while encoding",
  "argument threw",
  "argument made a call",
  "argument closed the client",
  "message at the limit sent",
  "message over the limit refused",
  "quorum reached early",
  "quorum missed",
  "fork: first success",
  "broadcast: all succeeded",
  "broadcast: one failed",
  "inform: all receipts",
  "inform broken off",
  "close let calls end",
  "close cut calls short",
  "discovery failed, list kept",
  "discovery failed, no list yet",
  "no servers",
  "clock jumped over a deadline",
  "calls waited at the server",
  "too many calls in flight",
  "all servers failed",
  "certain: the answer was asked for",
  "certain: it had not run",
  "certain: another process answered",
  ...STREAM_PATHS,
  ...Object.keys(AT_POINTS).map((point) => `point ${point}`),
] as const;

/** Counts the rare paths of runs. */
export class Coverage {
  /** How many runs came through each path. */
  readonly counts = new Map<string, number>();

  /** Looks at a run that is over. */
  look(run: Run): void {
    const seen = new Set<string>();
    for (const client of run.clients) lookAtClient(run, client, seen);
    for (const call of run.calls.values()) lookAtCall(run, call, seen);
    for (const { kept: { recalled, refused } } of run.servers) {
      if (recalled > refused) seen.add("certain: the answer was asked for");
      if (refused > 0) seen.add("certain: it had not run");
    }
    for (const stream of run.streams.streams.values()) lookAtStream(run, stream, seen);
    for (const point of run.points.passed) seen.add(`point ${point}`);
    for (const path of seen) this.counts.set(path, (this.counts.get(path) ?? 0) + 1);
  }

  /** Takes in what another has counted. */
  add(counts: Iterable<readonly [string, number]>): void {
    for (const [path, count] of counts) {
      this.counts.set(path, (this.counts.get(path) ?? 0) + count);
    }
  }

  /** The paths that no run has come through. */
  get missing(): string[] {
    return RARE_PATHS.filter((path) => !this.counts.has(path));
  }
}

function lookAtClient(run: Run, client: ClientRecord, seen: Set<string>): void {
  const { events, network, closes, discovery, plan } = client;
  const out = new Set<string>();
  for (const { type, address } of events) {
    if (type === "ejected") {
      seen.add(out.has(address) ? "trial lost" : "ejected");
      out.add(address);
    } else if (type === "restored") {
      seen.add("trial won");
      out.delete(address);
    } else if (type === "left") out.delete(address);
    else if (["stalled", "resumed", "unreachable", "disconnected"].includes(type)) seen.add(type);
  }
  for (const { outcome, startedAtMs, endedAtMs = 0 } of network.dials) {
    if (outcome === "given_up") seen.add("dial given up");
    if (outcome === "connected" && endedAtMs - startedAtMs > 500) seen.add("slow dial finished");
  }
  for (const { open, endedAtMs, atMs, graceMs } of closes) {
    if (open === 0) continue;
    if (graceMs > 0 && endedAtMs! < atMs + graceMs) seen.add("close let calls end");
    else seen.add("close cut calls short");
  }
  if (discovery.failures > 0) {
    const calls = [...run.calls.values()].filter(({ step }) => step.client === plan.name);
    const isKept = calls.some(({ outcome }) => outcome?.ok);
    const isUnknown = calls.some(({ outcome }) =>
      outcome?.ok === false && outcome.error instanceof RpcError &&
      outcome.error.message.includes("source of servers is down")
    );
    if (isKept) seen.add("discovery failed, list kept");
    if (isUnknown) seen.add("discovery failed, no list yet");
  }
}

function lookAtCall(run: Run, call: CallRecord, seen: Set<string>): void {
  const { step, outcome, runs } = call;
  if (outcome === undefined) return;
  const client = run.clients.find(({ plan }) => plan.name === step.client)!;
  if (runs.some(({ atMs, server }) => isPanic(run, client, call, server, atMs))) {
    seen.add("panic: a call at an ejected server");
  }
  lookAtServers(run, call, seen);
  if (step.kind === "call") lookAtTries(client, call, seen);
  else lookAtFanOut(call, seen);
  if (step.argument === "at_limit" && outcome.ok) seen.add("message at the limit sent");
  if (outcome.ok) return;
  const { error } = outcome;
  if (error === call.reason) {
    const isOnWire = runs.length > 0;
    if (step.argument === "aborts") seen.add("abort while encoding");
    else seen.add(isOnWire ? "abort during a call" : "abort during a dial");
  }
  if (error instanceof TimeoutError) {
    const isDial = error.attempts.at(-1)?.phase === "dial";
    seen.add(isDial ? "deadline during a dial" : "deadline during a call");
    const dueAtMs = call.atMs + (step.timeoutMs ?? Infinity);
    if (run.clock.reachable(dueAtMs) > dueAtMs) seen.add("clock jumped over a deadline");
  }
  if (!(error instanceof RpcError)) return;
  if (error.message.includes("no available servers")) seen.add("no servers");
  if (error.code === "resource_exhausted") {
    if (error.message.includes("maxInFlight")) seen.add("too many calls in flight");
    else if (step.argument === "at_limit") seen.add("message over the limit refused");
  }
  if (step.argument === "throws" && error.code === "invalid_argument") seen.add("argument threw");
  if (step.argument === "closes" && error.code === "canceled") {
    seen.add("argument closed the client");
  }
  if (client.nested.length > 0) seen.add("argument made a call");
}

/** Whether a call was sent to a server that had been left out before it was made. */
function isPanic(
  run: Run,
  { events }: ClientRecord,
  { atMs, step }: CallRecord,
  server: string,
  ranAtMs: number,
): boolean {
  if (step.kind !== "call" || run.servers.length < 2) return false;
  const { address } = run.servers.find(({ name }) => name === server)!;
  let ejectedAtMs = Infinity;
  for (const event of events) {
    if (event.address !== address || event.atMs > ranAtMs) continue;
    if (event.type === "ejected") ejectedAtMs = event.atMs;
    else if (event.type === "restored" || event.type === "left") ejectedAtMs = Infinity;
  }
  const { ejectionMs = 10_000 } = run.plan.clients
    .find(({ name }) => name === step.client)?.health ?? {};
  return ejectedAtMs < atMs && ranAtMs < ejectedAtMs + ejectionMs;
}

function lookAtServers(
  run: Run,
  { step, runs, outcome, atMs, settledAtMs }: CallRecord,
  seen: Set<string>,
) {
  for (const one of runs) {
    for (const other of run.plan.steps) {
      if (other.do !== "drain" || other.server !== one.server) continue;
      const endedAtMs = one.endedAtMs ?? Infinity;
      if (other.atMs <= one.atMs || other.atMs >= endedAtMs) continue;
      if (one.outcome === "replied" && outcome?.ok) seen.add("drain let a call end");
      if (one.outcome === "aborted" && endedAtMs === other.atMs + other.graceMs) {
        seen.add("drain cut a call short");
      }
    }
    if (outcome?.ok && one.atMs > atMs + 1) {
      const plan = run.plan.servers.find(({ name }) => name === one.server);
      if (plan?.maxInFlight !== undefined) seen.add("calls waited at the server");
    }
  }
  const { events } = run.clients.find(({ plan }) => plan.name === step.client)!;
  const isLeft = (server: string) =>
    events.some(({ type, address, atMs: leftAtMs }) =>
      type === "left" && address === `memory@${server}` && leftAtMs > atMs &&
      leftAtMs < (settledAtMs ?? 0)
    );
  if (outcome?.ok && runs.some(({ server }) => isLeft(server))) {
    seen.add("left with calls in flight");
  }
}

function lookAtTries(client: ClientRecord, call: CallRecord, seen: Set<string>): void {
  const { step, runs, outcome, settledAtMs = 0 } = call;
  const { failMode = client.plan.failMode } = step;
  const [first, second] = runs;
  const stalls = client.events.filter(({ type, atMs }) =>
    type === "stalled" && atMs >= call.atMs && atMs < settledAtMs
  );
  const isStalled = stalls.length > 0;
  if (
    outcome?.ok && step.idempotent &&
    stalls.some(({ atMs: stalledAtMs, address }) =>
      runs.some(({ server, atMs }) => address !== `memory@${server}` && atMs >= stalledAtMs)
    )
  ) seen.add("copy for a stalled server");
  const overlaps = second !== undefined && second.atMs < (first.endedAtMs ?? Infinity);
  if (overlaps && step.idempotent && outcome?.ok) {
    const winner = runs.find(({ outcome, endedAtMs }) =>
      outcome === "replied" && endedAtMs! <= settledAtMs
    );
    if (failMode === "failbackup" && !isStalled) {
      if (winner === first) seen.add("hedge won by the first copy");
      if (winner === second) seen.add("hedge won by the second copy");
    }
  }
  if (runs.length > 1 && first.outcome === "turned_away") seen.add("retry after rejected");
  const isHedged = step.idempotent && failMode === "failbackup" && step.hedgeAfterMs !== undefined;
  const { hedgeBudget } = client.plan;
  if (
    isHedged && hedgeBudget?.ratio === 0 && hedgeBudget.perSecond === 0 && runs.length === 1 &&
    settledAtMs - first.atMs > step.hedgeAfterMs! + 1
  ) seen.add("hedge budget empty");
  if (outcome?.ok !== false) {
    // What was still at work when the answer came from elsewhere may have run twice.
    if (step.idempotent && runs.length > 1 && first.outcome === "aborted") {
      seen.add("retry after unknown");
    }
    return;
  }
  const { error } = outcome;
  if (!(error instanceof RpcError)) return;
  const { attempts, execution } = error;
  for (const [place, { error }] of attempts.slice(0, -1).entries()) {
    const before = executionOf(error);
    if (before === undefined || before === "answered" || attempts[place + 1].error === error) {
      continue;
    }
    seen.add(`retry after ${before}`);
  }
  if (error.message.includes("another process answers")) {
    seen.add("certain: another process answered");
  }
  if (execution === "unknown" && !step.idempotent && kindOf(error) === "unavailable") {
    seen.add("not repeated: unknown");
  }
  const { retryBudget } = client.plan;
  const most = step.maxAttempts ?? client.plan.maxAttempts ?? 3;
  if (
    execution === "rejected" && failMode === "failover" && attempts.length < most &&
    retryBudget !== undefined && error.code === "unavailable"
  ) seen.add("retry budget empty");
  if (attempts.length === most && most > 1) seen.add("all servers failed");
}

function lookAtFanOut(call: CallRecord, seen: Set<string>): void {
  const { step, outcome, receipts, runs, settledAtMs = 0 } = call;
  const { kind, quorum } = step;
  const replied = runs.filter(({ outcome, endedAtMs = Infinity }) =>
    outcome === "replied" && endedAtMs <= settledAtMs
  );
  if (outcome?.ok) {
    if (kind === "fork") seen.add("fork: first success");
    if (quorum !== undefined && runs.length > replied.length) seen.add("quorum reached early");
    if (kind === "broadcast" && quorum === undefined && runs.length > 1) {
      seen.add("broadcast: all succeeded");
    }
    if (call.brokenOff) seen.add("inform broken off");
    else if (kind === "inform" && receipts.length > 1) seen.add("inform: all receipts");
    return;
  }
  if (kind !== "broadcast" || !(outcome?.error instanceof RpcError)) return;
  if (quorum === undefined) seen.add("broadcast: one failed");
  else if (outcome.error.message.includes("had to succeed")) seen.add("quorum missed");
}
