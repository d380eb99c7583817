/**
 * This file is one list: what must hold of the streams of every run.
 *
 * @module
 */

import { RpcError, TimeoutError } from "../../errors.ts";
import { errorLine, executionOf } from "./outcome.ts";
import type { Run } from "./run.ts";
import type { StreamRecord } from "./stream_records.ts";

/** Times are sums of fractions. */
const ROUNDING_MS = 1e-6;

/** Checks the streams of a run that is over. */
export function checkStreams(run: Run): void {
  for (const stream of run.streams.streams.values()) {
    if (stream.outcome === undefined) continue; // the run has said so
    checkItems(run, stream);
    checkEnd(run, stream);
    checkTime(run, stream);
    checkRuns(run, stream);
    checkErrors(run, stream);
    checkArgs(run, stream);
    checkClose(run, stream);
  }
}

/** Items come in order, none twice, none lost between others, across servers too. */
function checkItems(run: Run, { step, servers }: StreamRecord): void {
  const property = "items come in order, each once";
  for (const [address, { items }] of servers) {
    let before = 0;
    for (const item of items) {
      // A server that comes back to the list is another one, and one that fails begins anew.
      const isAnew = step.follow && item === 1;
      if (item !== before + 1 && !isAnew) {
        const where = address === "" ? "" : ` of ${address}`;
        run.violate(property, `stream ${step.id}${where}: item ${item} behind ${before}`);
      }
      before = item;
    }
  }
}

/** A stream that ends well has brought all. */
function checkEnd(run: Run, { step, servers, outcome, isLeft, listed, runs }: StreamRecord): void {
  if (!outcome?.ok || isLeft) return;
  const property = "a stream that ends well is whole";
  const { id, kind, items } = step;
  if (kind === "upload") {
    const sum = items * (items + 1) / 2;
    if (outcome.reply !== sum) {
      run.violate(property, `stream ${id} brought ${outcome.reply} in place of ${sum}`);
    }
    return;
  }
  if (step.follow) return run.violate(property, `stream ${id} follows the list, and has ended`);
  if (kind !== "all") {
    const last = servers.get("")?.items.at(-1) ?? 0;
    if (last !== items) run.violate(property, `stream ${id} ended behind item ${last} of ${items}`);
    return;
  }
  for (const [address, of] of servers) {
    const last = of.items.at(-1) ?? 0;
    if (of.errors.length === 0 && last !== items) {
      run.violate(property, `stream ${id} of ${address} ended behind item ${last} of ${items}`);
    }
    if (of.errors.length > 1) {
      run.violate(property, `stream ${id} tells twice that ${address} has failed`);
    }
  }
  const silent = runs.filter(({ server }) => !servers.has(`memory@${server}`));
  if (
    silent.some(({ outcome }) => outcome !== "ended") ||
    servers.size > Math.max(listed, run.servers.length + 1)
  ) {
    run.violate(property, `stream ${id} does not say what became of a server`);
  }
}

/** A stream ends by its deadline and its signal, once its reader looks. */
function checkTime(run: Run, stream: StreamRecord): void {
  const { step, atMs, settledAtMs = 0, abortedAtMs = Infinity, outcome, isLeft } = stream;
  const { id, timeoutMs = Infinity, itemTimeoutMs = Infinity } = step;
  // A slow reader gets all that has come before the stream has ended, whatever happens behind that.
  const isSlow = step.kind !== "upload" && step.readMs !== undefined;
  const wasCutShort = outcome?.ok === false &&
    (outcome.error === stream.reason || outcome.error instanceof TimeoutError);
  const readMs = !isSlow ? 0 : wasCutShort ? step.readMs! : Infinity;
  const dueAtMs = run.clock.reachable(atMs + timeoutMs);
  if (settledAtMs > run.clock.reachable(dueAtMs + readMs) + ROUNDING_MS) {
    run.violate("a deadline is kept", `stream ${id} ended at ${settledAtMs}, due at ${dueAtMs} ms`);
  }
  if (settledAtMs > run.clock.reachable(abortedAtMs + readMs) + ROUNDING_MS) {
    run.violate("an abort ends a stream at once", `stream ${id} ended at ${settledAtMs} ms`);
  }
  const isTimeout = outcome?.ok === false && outcome.error instanceof TimeoutError;
  const leastMs = Math.min(timeoutMs, itemTimeoutMs);
  if (isTimeout && !isLeft && settledAtMs < atMs + leastMs - ROUNDING_MS) {
    run.violate("a deadline is kept", `stream ${id} ran out of time too early`);
  }
}

/** What may not run twice does not. */
function checkRuns(run: Run, { step, runs, outcome, servers }: StreamRecord): void {
  const { id, kind, idempotent, resume, follow } = step;
  const mayRepeat = kind === "all" ? follow : idempotent || resume;
  if (!mayRepeat) {
    const places = kind === "all" ? runs.map(({ server }) => server) : runs.map(() => "");
    if (new Set(places).size < places.length) {
      const where = runs.map(({ server }) => server).join(" and ");
      run.violate("a stream that is not idempotent runs once", `stream ${id} ran at ${where}`);
    }
  }
  const check = (error: unknown, there: readonly unknown[]) => {
    const execution = executionOf(error);
    if (execution !== "not_sent" && execution !== "rejected" || there.length === 0) return;
    const message = `stream ${id} is ${execution} and ran: ${errorLine(error)}`;
    run.violate("what did not run says so, and no other", message);
  };
  if (kind !== "all") {
    if (outcome?.ok === false) check(outcome.error, runs);
    else if (!outcome?.ok || runs.length > 0 || servers.size === 0) return;
    else run.violate("a stream's items are its own", `stream ${id} has items and ran nowhere`);
    return;
  }
  if (follow) return;
  for (const [address, { errors }] of servers) {
    const there = runs.filter(({ server }) => address === `memory@${server}`);
    for (const error of errors) check(error, there);
  }
}

/** Errors are of a kind that is documented. */
function checkErrors(run: Run, stream: StreamRecord): void {
  const { outcome, servers } = stream;
  if (outcome?.ok === false) checkError(run, stream, outcome.error);
  for (const { errors } of servers.values()) {
    for (const error of errors) checkError(run, stream, error);
  }
}

function checkError(run: Run, { step, reason, abortedAtMs }: StreamRecord, error: unknown): void {
  const wrong = (message: string) =>
    run.violate("an error is of a kind that is documented", `stream ${step.id}: ${message}`);
  if (error === reason) {
    if (abortedAtMs === undefined) wrong("it was aborted by nobody");
    return;
  }
  if (error instanceof TimeoutError) {
    if (step.timeoutMs === undefined && step.itemTimeoutMs === undefined) {
      wrong(`nobody has set a deadline: ${errorLine(error)}`);
    }
    return;
  }
  if (!(error instanceof RpcError)) return wrong(errorLine(error));
  const { code } = error;
  if (code === "invalid_argument" && run.plan.badEntry === undefined) wrong(errorLine(error));
  if (code === "aborted" && step.failAt === undefined) wrong(errorLine(error));
  if (code === "unimplemented") {
    const isForeign = run.plan.servers.some(({ protocol }) => protocol !== "geerpc/json");
    if (!isForeign || error.execution === "answered") wrong(errorLine(error));
  }
  const { closes } = run.clients.find(({ plan }) => plan.name === step.client)!;
  if (code === "canceled" && closes.length === 0) {
    wrong(`nobody has cancelled it: ${errorLine(error)}`);
  }
}

/** The caller's own items end with the stream. */
function checkArgs(run: Run, { step, args }: StreamRecord): void {
  if (!args.isBegun || args.isOver) return;
  run.violate("an argument's iterator ends", `that of stream ${step.id} has not ended`);
}

/** A close ends within its grace, and with it every stream, once its reader looks. */
function checkClose(run: Run, { step, atMs, settledAtMs = 0 }: StreamRecord): void {
  const { closes } = run.clients.find(({ plan }) => plan.name === step.client)!;
  let dueAtMs = Infinity;
  for (const { atMs, graceMs } of closes) dueAtMs = Math.min(dueAtMs, atMs + graceMs);
  if (dueAtMs === Infinity) return;
  // A slow reader reads first what has come before.
  if (step.kind !== "upload" && step.readMs !== undefined) return;
  if (settledAtMs <= Math.max(run.clock.reachable(dueAtMs), atMs) + ROUNDING_MS) return;
  run.violate("a close ends", `stream ${step.id} ended at ${settledAtMs} ms, behind the close`);
}
