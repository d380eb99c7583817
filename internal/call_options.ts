/**
 * The options of one call: checked by hand, since it is done for every call
 * that has some.
 *
 * @module
 */

import type { CallOptions } from "./service.ts";
import { anObject, aSignal, flag, textByName, unknownOption, wrongType } from "./options.ts";

/** What calls without options are given, so that there is nothing to check. */
export const NO_OPTIONS: Readonly<Record<string, never>> = Object.freeze({});

/** The names of {@linkcode CallOptions}. */
export const CALL_OPTIONS: readonly string[] = [
  "signal",
  "timeoutMs",
  "meta",
  "schema",
  "idempotent",
  "certain",
];

/**
 * Checks the options of a call on one connection.
 *
 * @param options What the caller gave.
 * @throws {TypeError} If one does not exist, or is of the wrong type.
 * @throws {RangeError} If `timeoutMs` is `NaN`.
 */
export function checkCallOptions(options: CallOptions): void {
  checkCallNames(options, CALL_OPTIONS);
  checkCallValues(options);
}

/**
 * Checks the names of options of a call of whichever kind: one object of options may
 * be given to calls on one connection, of an `XClient`, and to all of its endpoints.
 *
 * @param options What the caller gave.
 * @param known Those of this kind, for the message.
 * @throws {TypeError} If no call has such an option.
 */
export function checkCallNames(options: object, known: readonly string[]): void {
  for (const name in options) {
    switch (name) {
      case "signal":
      case "timeoutMs":
      case "meta":
      case "schema":
      case "idempotent":
      case "certain":
      case "key":
      case "failMode":
      case "maxAttempts":
      case "waitForRoom":
      case "hedgeAfterMs":
      case "quorum":
      case "concurrency":
      case "serverTimeoutMs":
      case "itemTimeoutMs":
      case "windowBytes":
      case "windowItems":
        continue;
    }
    if ((options as Record<string, unknown>)[name] === undefined) continue;
    throw unknownOption("a call", name, known);
  }
}

/**
 * Checks the values of the options that all calls have.
 *
 * @param options What the caller gave.
 * @throws {TypeError} If one is of the wrong type.
 * @throws {RangeError} If `timeoutMs` is `NaN`.
 */
export function checkCallValues(options: CallOptions): void {
  const { signal, timeoutMs, meta, schema, idempotent, certain } = options;
  if (timeoutMs !== undefined) checkTime("timeoutMs", timeoutMs);
  if (idempotent !== undefined) flag("idempotent", idempotent);
  if (certain !== undefined) flag("certain", certain);
  if (signal !== undefined) aSignal("signal", signal);
  if (meta !== undefined) checkMeta(meta);
  if (schema !== undefined) anObject("schema", schema);
}

function checkMeta(meta: Readonly<Record<string, unknown>>): void {
  if (typeof meta === "object" && meta !== null) {
    let isText = true;
    for (const name in meta) isText &&= typeof meta[name] === "string";
    if (isText && !Array.isArray(meta)) return;
  }
  textByName("meta", meta); // says what is wrong
}

/**
 * Checks a time limit; one that is 0 or negative has passed.
 *
 * @param name The option.
 * @param timeMs Its value.
 * @throws {TypeError} If it is no number.
 * @throws {RangeError} If it is `NaN`.
 */
export function checkTime(name: string, timeMs: unknown): void {
  if (typeof timeMs !== "number") throw wrongType(name, "a number of milliseconds", timeMs);
  if (Number.isNaN(timeMs)) {
    throw new RangeError(`${name} must be a number of milliseconds, got NaN`);
  }
}
