/**
 * Draws the streams of a plan.
 *
 * @module
 */

import { SelectMode } from "../../selector.ts";
import type { Dice } from "./dice.ts";
import type { ClientPlan, ServerPlan, Step } from "./plan.ts";
import type { StreamKind, StreamStep } from "./stream_plan.ts";

const KINDS: readonly StreamKind[] = ["read", "read", "read", "all", "upload", "both"];

/** What streams are drawn for. */
export interface StreamsOf {
  readonly clients: readonly ClientPlan[];
  readonly servers: readonly ServerPlan[];
  /** For how long something happens, in milliseconds. */
  readonly lengthMs: number;
  /** Whether servers may drain. */
  readonly hasDrains: boolean;
}

/**
 * Draws the streams of a plan.
 *
 * @param dice Chance of their own: the rest of a plan is the same with them and without.
 * @param of What they are drawn for.
 */
export function drawStreams(dice: Dice, of: StreamsOf): Step[] {
  if (dice.chance(0.3)) return [];
  const steps: Step[] = [];
  for (let id = dice.one([1, 1, 2, 3, 6]); id > 0; id--) {
    const stream = drawStream(dice, id, dice.one(of.clients), dice.whole(0, of.lengthMs));
    if (!dice.chance(0.3) || stream.kind === "upload") steps.push(stream);
    else steps.push(...drawLongStream(dice, stream, of));
  }
  return steps;
}

/** A stream that lasts, and its servers that are lost or drain meanwhile. */
function drawLongStream(dice: Dice, stream: StreamStep, { servers, hasDrains }: StreamsOf): Step[] {
  const { timeoutMs: _, itemTimeoutMs: _i, returnAfterMs: _r, abortAfterMs: _a, ...lasting } =
    stream;
  const items = dice.whole(5, 40);
  const workMs = dice.one([5, 20, 100]);
  const long: StreamStep = stream.follow
    ? { ...stream, items, workMs }
    : { ...lasting, items, workMs };
  const steps: Step[] = [long];
  for (let count = dice.whole(1, servers.length * 2); count > 0; count--) {
    const server = dice.one(servers).name;
    const atMs = long.atMs + dice.whole(0, items * workMs);
    const forMs = dice.one([1, 100, 1000]);
    if (hasDrains && dice.chance(0.4)) {
      steps.push({ atMs, do: "drain", server, graceMs: dice.one([0, 10, 300]), forMs });
    } else if (dice.chance(0.3)) steps.push({ atMs, do: "crash", server, forMs });
    else steps.push({ atMs, do: "cut", server });
  }
  return steps;
}

function drawStream(dice: Dice, id: number, client: ClientPlan, atMs: number): StreamStep {
  const isDirect = client.direct !== undefined;
  let kind = dice.one(KINDS);
  if (isDirect && kind === "all") kind = "read";
  const stream: { -readonly [Key in keyof StreamStep]: StreamStep[Key] } = {
    atMs,
    do: "stream",
    id,
    client: client.name,
    kind,
    items: dice.one([0, 1, 3, 10, 10, 40]),
  };
  if (dice.chance(0.6)) stream.workMs = dice.one([1, 5, 30, 200]);
  if (dice.chance(0.3)) stream.readMs = dice.one([1, 10, 100]);
  if (dice.chance(0.3)) stream.timeoutMs = dice.one([1, 20, 300, 2000, 1500.5]);
  if (dice.chance(0.15)) stream.abortAfterMs = dice.one([0, 1, 20, 300]);
  if (client.mode === SelectMode.ConsistentHash) stream.key = `key ${dice.whole(1, 5)}`;
  if (kind === "upload") {
    if (dice.chance(0.4)) stream.idempotent = true;
    return stream;
  }
  if (dice.chance(0.15)) stream.failAt = dice.whole(1, 5);
  if (dice.chance(0.2)) stream.breakAfter = dice.whole(1, 5);
  if (dice.chance(0.15)) stream.returnAfterMs = dice.one([0, 1, 20, 300, 2000]);
  if (dice.chance(0.2)) stream.itemTimeoutMs = dice.one([10, 100, 1000]);
  if (dice.chance(0.5)) stream.windowItems = dice.one([1, 2, 5]);
  if (isDirect) return stream;
  if (dice.chance(0.4)) stream.idempotent = true;
  if (kind === "all") {
    if (dice.chance(0.3)) {
      stream.follow = true;
      stream.timeoutMs = dice.one([300, 2000, 10_000]);
      if (dice.chance(0.6)) stream.resume = true;
    }
    return stream;
  }
  if (kind === "read" && dice.chance(0.5)) stream.resume = true;
  if (dice.chance(0.15)) {
    stream.failMode = dice.one(["failover", "failbackup", "failfast", "failtry"]);
  }
  if (dice.chance(0.1)) stream.maxAttempts = dice.whole(1, 4);
  return stream;
}
