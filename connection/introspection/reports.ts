/**
 * What a server tells of itself: the types, and their form on the wire.
 *
 * @module
 */

import { RpcError } from "../../errors.ts";
import type { KeptFigures } from "../kept_answers/store.ts";
import type { MethodLatency } from "../latencies.ts";
import type { RefusedFigures, StreamFigures } from "../server_load.ts";

/**
 * The name of the service by which a server tells of itself. Users can't register one of
 * this name.
 */
export const INTROSPECTION_SERVICE = "_xclient";

/** Whether a service takes calls. */
export type ServiceStatus = "serving" | "not_serving";

/** One method of a {@linkcode ServiceDescription}. */
export interface MethodDescription {
  /** Its name. */
  readonly name: string;
  /** The type of its argument, as Go writes it; empty if it has no schema that says it. */
  readonly args: string;
  /** The type of its reply. */
  readonly reply: string;
}

/** One service of a {@linkcode ServerDescription}. */
export interface ServiceDescription {
  /** Its name. */
  readonly name: string;
  /** Whether it takes calls. */
  readonly status: ServiceStatus;
  /** The same for services with the same methods and schemas, whatever their order. */
  readonly hash: string;
  /** Its methods. */
  readonly methods: readonly MethodDescription[];
}

/** What a server is and offers. */
export interface ServerDescription {
  /** The version of this package at the server. */
  readonly version: string;
  /** A name of this `Server` alone: another one after each start. */
  readonly instance: string;
  /** How long ago it was made, in milliseconds. */
  readonly uptimeMs: number;
  /** Whether the server takes calls. */
  readonly status: ServiceStatus;
  /** Its services. */
  readonly services: readonly ServiceDescription[];
}

/** The figures of a server at one time. Plain data; all numbers are whole. */
export interface ServerFigures extends StreamFigures {
  /** How long ago the server was made, in milliseconds. */
  readonly uptimeMs: number;
  /** How many connections are open. */
  readonly connections: number;
  /** How many were accepted since the server was made, those that were refused included. */
  readonly accepted: number;
  /** How many handlers run, those of calls that were given up included. */
  readonly running: number;
  /** How many calls wait to run. */
  readonly waiting: number;
  /** How many handlers may run at once now, by the option of that name; 0 if that is not limited. */
  readonly maxConcurrent: number;
  /** What was refused since the server was made. */
  readonly refused: RefusedFigures;
  /** What is remembered of calls with the option `certain`. */
  readonly kept: KeptFigures;
  /** How long the handlers of each method took, if the server's option `latencies` asks for it. */
  readonly latencies: readonly MethodLatency[];
}

/**
 * A report as it is sent. Its keys begin with capitals, as the fields of Go's structs do.
 *
 * @param report The report, or a part of it.
 */
export function toWire(report: unknown): unknown {
  return renamed(report, (key) => key[0].toUpperCase() + key.slice(1));
}

/**
 * A report as it was before it was sent, frozen.
 *
 * @param wire What has arrived.
 * @param list The name of a list that it has, if any; gob leaves an empty one out.
 * @throws {RpcError} `data_loss` if it is no report.
 */
export function fromWire(wire: unknown, list?: string): unknown {
  if (typeof wire !== "object" || wire === null || Array.isArray(wire)) throw noReport();
  const report = renamed(wire, (key) => key[0].toLowerCase() + key.slice(1));
  return frozen(list === undefined ? report : { [list]: [], ...report as object });
}

/** The error of an answer that says nothing about its server. */
export function noReport(): RpcError {
  const message = "what the server has answered about itself is no report";
  return new RpcError("data_loss", message, { execution: "answered" });
}

/** Freezes plain data, all the way down. */
export function frozen<T>(data: T): T {
  if (typeof data === "object" && data !== null) {
    Object.values(data).forEach(frozen);
    Object.freeze(data);
  }
  return data;
}

function renamed(data: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(data)) return data.map((one) => renamed(one, rename));
  if (typeof data !== "object" || data === null) return data;
  const entries = Object.entries(data).filter(([key]) => key !== "");
  return Object.fromEntries(entries.map(([key, value]) => [rename(key), renamed(value, rename)]));
}
