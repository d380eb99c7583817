/**
 * What is taken down of the streams of a run.
 *
 * @module
 */

import type { Outcome } from "./outcome.ts";
import type { StreamStep } from "./stream_plan.ts";

/** What a handler has done for one stream. */
export interface StreamRun {
  /** Its number among the stream's runs; −1 before it has begun. */
  number: number;
  /** The server. */
  readonly server: string;
  /** When it began, in milliseconds. */
  readonly atMs: number;
  /** When it ended. */
  endedAtMs?: number;
  /** How many items it has yielded. */
  given: number;
  /** How many of them its reader has read. */
  taken: number;
  /** Whether it has had to wait for its reader. */
  wasHeld: boolean;
  /** How it ended; `left` by its reader. */
  outcome: "running" | "ended" | "failed" | "aborted" | "left";
}

/** What a reader of all servers has got of one. */
export interface ServerRecord {
  /** The numbers of its items. */
  readonly items: number[];
  /** Why it gives no more, each time that it was told. */
  readonly errors: unknown[];
}

/** One stream, and what became of it. */
export interface StreamRecord {
  /** What the plan says of it. */
  readonly step: StreamStep;
  /** When it began, in milliseconds. */
  readonly atMs: number;
  /** What handlers did for it. */
  readonly runs: StreamRun[];
  /** What it has brought, by server; all of it under "" where it is a stream of one. */
  readonly servers: Map<string, ServerRecord>;
  /** How many servers there were when it began. */
  readonly listed: number;
  /** How often its reader has come to an end. */
  settlements: number;
  /** When that was. */
  settledAtMs?: number;
  /** How: `reply` is what an upload brought. */
  outcome?: Outcome;
  /** When it was aborted. */
  abortedAtMs?: number;
  /** What it is aborted with. */
  readonly reason: Error;
  /** Whether its reader has left it. */
  isLeft: boolean;
  /** Of an argument: how many items were taken from it, and whether its iterator has ended. */
  readonly args: { taken: number; isBegun: boolean; isOver: boolean };
}
