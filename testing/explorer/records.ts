/**
 * What is taken down of a run.
 *
 * @module
 */

import type { CountedClock } from "./clock.ts";
import type { ExplorerDiscovery } from "./discovery.ts";
import type { HistoryEvent } from "./history.ts";
import type { ExplorerNetwork } from "./network.ts";
import type { Outcome } from "./outcome.ts";
import type { CallStep, ClientPlan, Plan } from "./plan.ts";
import type { RunRecord } from "./server.ts";
import type { StreamRecord } from "./stream_records.ts";
import type { ExploredClient, ReceiptRecord } from "./subject.ts";

export type { Outcome } from "./outcome.ts";

/** What a property found wrong. */
export interface Violation {
  /** The property, as in the list of the documentation. */
  readonly property: string;
  /** What was seen. */
  readonly message: string;
}

/** One call, and what became of it. */
export interface CallRecord {
  /** What the plan says of it. */
  readonly step: CallStep;
  /** When it was made, in milliseconds. */
  readonly atMs: number;
  /** Its argument, before a getter is put into it. */
  readonly args: unknown;
  /** What handlers did for it. */
  readonly runs: RunRecord[];
  /** How often its promise has settled. */
  settlements: number;
  /** When it settled. */
  settledAtMs?: number;
  /** How it ended; absent if it has not. */
  outcome?: Outcome;
  /** For `inform`: the receipts, as they came. */
  readonly receipts: ReceiptRecord[];
  /** When it was aborted. */
  abortedAtMs?: number;
  /** What it is aborted with. */
  readonly reason: Error;
  /** How many servers there were to ask, for calls to many. */
  readonly servers: number;
  /** For `inform`: whether the caller stopped listening. */
  brokenOff?: boolean;
}

/** A close that was asked for. */
export interface CloseRecord {
  readonly client: string;
  readonly atMs: number;
  readonly graceMs: number;
  /** How many calls of the client had not ended. */
  readonly open: number;
  endedAtMs?: number;
  /** Whether what it has left was looked at, in the turn after its end. */
  isChecked?: boolean;
}

/** Something that a client told of a server. */
export interface EventRecord {
  /** The client. */
  readonly client: string;
  /** When, in milliseconds. */
  readonly atMs: number;
  /** What, as in `XClientEvent`. */
  readonly type: string;
  /** The server. */
  readonly address: string;
}

/** One client, and what is known of it. */
export interface ClientRecord {
  readonly plan: ClientPlan;
  readonly client: ExploredClient;
  readonly clock: CountedClock;
  readonly discovery: ExplorerDiscovery;
  readonly network: ExplorerNetwork;
  readonly events: EventRecord[];
  readonly closes: CloseRecord[];
  /** Calls whose argument made them, by a getter of its own: how often they have settled. */
  readonly nested: { settlements: number }[];
}

/** What a run has brought. */
export interface RunResult {
  /** The plan that was run. */
  readonly plan: Plan;
  /** What did not hold; empty if everything did. */
  readonly violations: readonly Violation[];
  /** Every call, in the order in which they were made. */
  readonly calls: readonly CallRecord[];
  /** Every stream, likewise. */
  readonly streams: readonly StreamRecord[];
  /** What the clients told of their servers, in order of time for each client. */
  readonly events: readonly EventRecord[];
  /** What has happened, in order. */
  readonly history: readonly HistoryEvent[];
  /** The same as text, and a hash of all bytes on the wire: equal for equal runs. */
  readonly text: string;
}
