/**
 * Draws the streams of a plan.
 *
 * @module
 */

import { SelectMode } from "../../selector.ts";
import type { Dice } from "./dice.ts";
import type { ClientPlan } from "./plan.ts";
import type { StreamKind, StreamStep } from "./stream_plan.ts";

const KINDS: readonly StreamKind[] = ["read", "read", "read", "all", "upload", "both"];

/**
 * Draws the streams of a plan.
 *
 * @param dice Chance of their own: the rest of a plan is the same with them and without.
 * @param clients The plan's clients.
 * @param lengthMs For how long something happens.
 */
export function drawStreams(
  dice: Dice,
  clients: readonly ClientPlan[],
  lengthMs: number,
): StreamStep[] {
  if (dice.chance(0.3)) return [];
  return Array.from({ length: dice.one([1, 1, 2, 3, 6]) }, (_, place) => {
    return drawStream(dice, place + 1, dice.one(clients), dice.whole(0, lengthMs));
  });
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
