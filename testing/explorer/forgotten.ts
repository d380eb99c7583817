/**
 * Connections whose death nobody can notice.
 *
 * @module
 */

import { TimeoutError } from "../../errors.ts";
import type { Plan } from "./plan.ts";
import type { CallRecord, ClientRecord } from "./records.ts";

/**
 * Whether a call has failed for a connection whose death its client could not
 * notice. A server that speaks `geerpc/gob` can be pinged once a reply has shown
 * that it is one of ours; a connection that is forgotten for good before that is
 * found out by its first call, which runs out of time.
 *
 * @param plan What has happened to servers.
 * @param calls All calls of the run.
 * @param client Whose call it was.
 * @param error What it failed with.
 */
export function isUnnoticed(
  plan: Plan,
  calls: Iterable<CallRecord>,
  client: ClientRecord,
  error: unknown,
): boolean {
  if (!(error instanceof TimeoutError)) return false;
  const server = plan.servers.find(({ name }) => `memory@${name}` === error.address);
  if (server?.protocol !== "geerpc/gob") return false;
  const forgotten = plan.steps.filter((step) =>
    step.do === "forget" && step.forGood && step.server === server.name
  ).at(-1);
  if (forgotten === undefined) return false;
  const dial = client.network.dials.filter(({ address, outcome, startedAtMs }) =>
    address === error.address && outcome === "connected" && startedAtMs <= forgotten.atMs
  ).at(-1);
  if (dial === undefined) return false;
  for (const { step, runs } of calls) {
    if (step.client !== client.plan.name) continue;
    const hasAnswered = runs.some(({ server: place, endedAtMs = Infinity }) =>
      place === server.name && endedAtMs >= dial.endedAtMs! && endedAtMs <= forgotten.atMs
    );
    if (hasAnswered) return false;
  }
  return true;
}
