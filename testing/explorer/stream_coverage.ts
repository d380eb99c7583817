/**
 * The rare paths of streams.
 *
 * @module
 */

import { RpcError, TimeoutError } from "../../errors.ts";
import type { Run } from "./run.ts";
import type { StreamRecord } from "./stream_records.ts";

/** The paths that streams of a long run must have come through at least once. */
export const STREAM_PATHS = [
  "stream begun again before its first item",
  "stream gone on behind an item",
  "stream gone on twice",
  "stream gone on behind a drain",
  "stream lost behind an item",
  "stream left by its reader",
  "stream held back by a slow reader",
  "stream aborted behind an item",
  "stream out of time behind an item",
  "stream: an item took too long",
  "stream cut short by a close",
  "stream of all: one failed, others went on",
  "stream of all: a server was read again",
  "argument of items lost with its server",
  "server without streams passed over",
] as const;

/** Looks at a stream of a run that is over. */
export function lookAtStream(run: Run, stream: StreamRecord, seen: Set<string>): void {
  const { step, runs, servers, outcome, isLeft, args } = stream;
  const see = (path: (typeof STREAM_PATHS)[number], hasSeen: boolean) => {
    if (hasSeen) seen.add(path);
  };
  const error = outcome?.ok === false ? outcome.error : undefined;
  const code = error instanceof RpcError ? error.code : undefined;
  see("stream left by its reader", isLeft);
  see("stream held back by a slow reader", runs.some(({ wasHeld }) => wasHeld));
  if (step.kind === "upload") {
    return see("argument of items lost with its server", code === "unavailable" && args.taken > 0);
  }
  if (step.kind === "all") {
    const all = [...servers.values()];
    const hasFailed = all.some(({ errors }) => errors.length > 0);
    const isWhole = all.some(({ items }) => items.at(-1) === step.items);
    see("stream of all: one failed, others went on", hasFailed && isWhole && step.items > 0);
    const isAgain = all.some(({ errors, items }) =>
      errors.length > 0 && items.at(-1) === step.items
    );
    return see("stream of all: a server was read again", step.follow === true && isAgain);
  }
  const { items } = servers.get("") ?? { items: [] };
  const begun = runs.filter(({ given }) => given > 0);
  const isDrained = ({ server }: { readonly server: string }) =>
    run.plan.steps.some((other) => other.do === "drain" && other.server === server);
  see("stream begun again before its first item", runs.length > begun.length && begun.length > 0);
  if (step.resume) {
    see("stream gone on behind an item", begun.length > 1);
    see("stream gone on twice", begun.length > 2);
    see("stream gone on behind a drain", begun.slice(0, -1).some(isDrained));
  }
  const isForeign = run.plan.servers.some(({ protocol }) => protocol !== "geerpc/json");
  see("server without streams passed over", isForeign && items.length > 0);
  const isTimeout = error instanceof TimeoutError;
  const isOfItem = isTimeout && error.message.includes("no item within");
  see("stream: an item took too long", isOfItem);
  if (items.length === 0) return;
  see("stream lost behind an item", code === "unavailable");
  see("stream aborted behind an item", error !== undefined && error === stream.reason);
  see("stream out of time behind an item", isTimeout && !isOfItem);
  see("stream cut short by a close", code === "canceled");
}
