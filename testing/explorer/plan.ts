/**
 * What one run of the explorer does: plain data that can be printed, run again
 * and made smaller.
 *
 * @module
 */

import type { FaultPoint } from "../../internal/fault_points.ts";
import type { StreamStep } from "./stream_plan.ts";

export type { StreamKind, StreamStep } from "./stream_plan.ts";

/** What is spoken between clients and a server. */
export type PlanProtocol = "geerpc/json" | "geerpc/gob" | "netrpc/json" | "netrpc/gob";

/** One server of a plan. Times in a plan are in milliseconds. */
export interface ServerPlan {
  /** What the steps call it; it listens at `memory@<name>`. */
  readonly name: string;
  /** What it speaks. */
  readonly protocol: PlanProtocol;
  /** Its share of the calls. Default 1. */
  readonly weight?: number;
  /** Where it is. Default: the list does not say. */
  readonly zone?: string;
  /** The most handlers that one connection may run. Default: the server's. */
  readonly maxInFlight?: number;
  /** How long it keeps answers behind a lost connection. Default: as the server has it. */
  readonly keepAnswersMs?: number;
  /** How many bytes they may take. Default: as the server has it. */
  readonly keepAnswersBytes?: number;
  /** Whether the list has it from the start. Default `true`. */
  readonly listed?: boolean;
}

/** How a client learns of the list: it is shown it, is shown and told of changes, or must ask. */
export type DiscoveryStyle = "current" | "watch" | "ask";

/** One `XClient` of a plan; what is left out is as the `XClient` has it. */
export interface ClientPlan {
  /** What the steps call it. */
  readonly name: string;
  /** It is a plain `Client` of this server, and most of what follows says nothing to it. */
  readonly direct?: string;
  /** Its balancing policy. */
  readonly mode: string;
  /** What becomes of a call whose try fails. */
  readonly failMode: string;
  /** How it learns of the list. */
  readonly discovery: DiscoveryStyle;
  /** The most tries of a call. */
  readonly maxAttempts?: number;
  /** Tries beyond the first. */
  readonly retryBudget?: { readonly ratio: number; readonly perSecond: number };
  /** Hedges. */
  readonly hedgeBudget?: { readonly ratio: number; readonly perSecond: number };
  /** When a server is left out. */
  readonly health?: { readonly failuresInARow: number; readonly ejectionMs: number };
  /** When a silent server is doubted, and given up. */
  readonly liveness?: {
    readonly silenceMs: number;
    readonly pongMs: number;
    readonly deadMs: number;
  };
  /** For consistent hashing. */
  readonly boundedLoad?: number;
  /** Over how long a server that comes gets its share. */
  readonly slowStartMs?: number;
  /** Where it is: its calls stay there. */
  readonly zone?: string;
  /** The most calls in flight on a connection. */
  readonly maxInFlight?: number;
  /** What a server that speaks GeeRPC gives each call. */
  readonly handleTimeoutMs?: number;
  /** How long connecting may take. */
  readonly connectTimeoutMs?: number;
  /** It closes itself from within its own `onEvent` when an event of this type comes. */
  readonly closeOnEvent?: string;
}

/** Where in the library's own code plans have something happen. */
export type { FaultPoint };

/** How a call's argument behaves while it is encoded. */
export type ArgumentKind =
  /** A small object. */
  | "plain"
  /** Its text is as long as a message may be, give or take a few bytes. */
  | "at_limit"
  /** A getter of it aborts the call. */
  | "aborts"
  /** A getter of it throws. */
  | "throws"
  /** A getter of it makes another call. */
  | "calls"
  /** A getter of it closes the client. */
  | "closes";

/** A call is made. */
export interface CallStep {
  /** When. */
  readonly atMs: number;
  /** What. */
  readonly do: "call";
  /** Tells calls apart. Its argument follows from it. */
  readonly id: number;
  /** By whom. */
  readonly client: string;
  /** To one server or to many. */
  readonly kind: "call" | "broadcast" | "fork" | "inform";
  /** Which of the methods that may be called. */
  readonly method: number;
  /** How long its handler works. */
  readonly workMs: number;
  /** Whether its handler works on when nobody waits any more. Default `false`. */
  readonly stubborn?: boolean;
  /** Whether it may run twice. Default `false`. */
  readonly idempotent?: boolean;
  /** As the option of a call. Default `false`. */
  readonly certain?: boolean;
  /** How long the caller waits. Default: for ever. */
  readonly timeoutMs?: number;
  /** When it is aborted, behind its start. Default: never. */
  readonly abortAfterMs?: number;
  /** What its argument does. Default `"plain"`. */
  readonly argument?: ArgumentKind;
  /** For `at_limit`: how many characters there are. */
  readonly length?: number;
  /** As the option of a call. */
  readonly failMode?: string;
  /** As the option of a call. */
  readonly maxAttempts?: number;
  /** As the option of a call. */
  readonly hedgeAfterMs?: number;
  /** As the option of a call. */
  readonly key?: string;
  /** As the option of a call to many. */
  readonly quorum?: number;
  /** As the option of a call to many. */
  readonly concurrency?: number;
  /** As the option of a call to many. */
  readonly serverTimeoutMs?: number;
  /** For `inform`: after how many receipts the caller stops listening. Default: never. */
  readonly breakAfter?: number;
}

/** What is wrong with a server from now on, in place of what was; nothing heals it. */
export interface FaultStep {
  /** When. */
  readonly atMs: number;
  /** What. */
  readonly do: "fault";
  /** Where. */
  readonly server: string;
  /** Bytes travel so long. */
  readonly delayMs?: number;
  /** New connections are refused. */
  readonly refuse?: boolean;
  /** New connections never come about. */
  readonly unroutable?: boolean;
  /** Bytes vanish and no end is heard; behind it, connections of that time are cut. */
  readonly silent?: boolean;
  /** Work takes so many times longer. */
  readonly slow?: number;
  /** Calls fail in the handler with this code, or are turned away. */
  readonly error?: "rejected" | "internal" | "unavailable" | "not_found";
}

/** Something else happens to a server. */
export type ServerStep =
  /** It stands still: what is sent to it waits. */
  | { readonly atMs: number; readonly do: "stall"; readonly server: string; readonly forMs: number }
  /** Its connections are cut. */
  | { readonly atMs: number; readonly do: "cut"; readonly server: string }
  /**
   * Its present connections are forgotten: their bytes vanish, new ones work. They are reset
   * once all is well, unless they are forgotten for good.
   */
  | {
    readonly atMs: number;
    readonly do: "forget";
    readonly server: string;
    readonly forGood?: boolean;
  }
  /** Its process is killed, and another one started at the same address later. */
  | { readonly atMs: number; readonly do: "crash"; readonly server: string; readonly forMs: number }
  /** It closes with a grace, and another one starts at the same address later. */
  | {
    readonly atMs: number;
    readonly do: "drain";
    readonly server: string;
    readonly graceMs: number;
    readonly forMs: number;
  };

/** What passes a point in the library's own code waits there or fails, whoever's it is. */
export interface PointStep {
  /** When: from now on, in place of what was said of that point. */
  readonly atMs: number;
  /** What. */
  readonly do: "point";
  /** Where. */
  readonly point: FaultPoint;
  /** How many times. */
  readonly times: number;
  /** How long each time, 0 for a turn of the event loop. Default: it fails. */
  readonly waitMs?: number;
}

/** Something else happens. */
export type OtherStep =
  /** The list is these servers from now on. */
  | { readonly atMs: number; readonly do: "list"; readonly servers: readonly string[] }
  /** The source of the list fares so from now on. */
  | {
    readonly atMs: number;
    readonly do: "discovery";
    readonly state: "fine" | "fails" | "empty" | "slow";
  }
  /** A client is closed. */
  | {
    readonly atMs: number;
    readonly do: "close";
    readonly client: string;
    readonly graceMs: number;
  }
  /** The whole process stands still: the clock goes on and no timer is called. */
  | { readonly atMs: number; readonly do: "jump"; readonly forMs: number };

/** Something that happens at a time. */
export type Step = CallStep | StreamStep | FaultStep | ServerStep | PointStep | OtherStep;

/** What one run does. It can be written as JSON and run again: the same plan, the same history. */
export interface Plan {
  /** Where chance comes from in the run. */
  readonly seed: number;
  /** How long bytes travel, one way. */
  readonly delayMs: number;
  /** Into how many bytes at most writes are cut. Default: they are whole. */
  readonly chunkBytes?: number;
  /** The largest message, for clients and servers. */
  readonly maxMessageBytes: number;
  /** The servers. */
  readonly servers: readonly ServerPlan[];
  /** What every list has beside the servers: an address that nobody can dial. */
  readonly badEntry?: string;
  /** The clients. */
  readonly clients: readonly ClientPlan[];
  /** What happens, in order of time. */
  readonly steps: readonly Step[];
}

/**
 * What plans may have in them, and what is checked, by name; `without` leaves
 * some out, so that a fault that is known does not hide the next.
 */
export const FEATURES = [
  /** `timeoutMs` and `serverTimeoutMs` of broadcast, fork and inform. */
  "fan_out_timeout",
  /** A client that closes itself from within `onEvent`. */
  "close_in_event",
  /** A close without grace behind one with. */
  "hurried_close",
  /** Connections that stay forgotten when all is well. */
  "forgotten",
  /** The same on `geerpc/gob`, where nobody can be asked for a sign of life. */
  "silent_gob",
  /** That the error of a call to many that names no server says what is certain about all. */
  "fan_out_execution",
  /** Lists with an entry that nobody can dial. */
  "bad_entries",
  /** Handlers that never end by themselves, whose callers give up. */
  "hung_handlers",
  /** More large calls than a server may run and hold. */
  "floods",
  /** That no call is lost by a drain with ample grace, on `geerpc/json`. */
  "lossless_drains",
  /** Arguments that abort, throw, call or close while they are encoded. */
  "strange_arguments",
  /** Messages as long as they may be. */
  "limits",
  /** Standing still of the whole process. */
  "jumps",
  /** Servers that drain and come back. */
  "drains",
  /** Servers that join and leave. */
  "lists",
  /** Waits and failures in the library's own code. */
  "fault_points",
  /** Calls whose callers want to be certain. */
  "certain",
  /** Streams, and arguments that come item by item. */
  "streams",
] as const;

/** One of {@linkcode FEATURES}. */
export type Feature = (typeof FEATURES)[number];
