/**
 * The options of one stream, and their checks.
 *
 * @module
 */

import { CALL_OPTIONS, checkCallNames, checkCallValues } from "../../internal/call_options.ts";
import { positive, whole } from "../../internal/options.ts";
import { FIRST_WINDOW, MOST_CREDIT, type StreamExtras } from "../../protocol/streams.ts";
import type { StreamOptions } from "./stream.ts";

/** The options that a stream has beside those of a call. */
export const OWN_STREAM_OPTIONS = ["itemTimeoutMs", "windowBytes", "windowItems"] as const;

/** The names of {@linkcode StreamOptions}. */
export const STREAM_OPTIONS: readonly string[] = [...CALL_OPTIONS, ...OWN_STREAM_OPTIONS];

/**
 * Checks the options of a stream on one connection.
 *
 * @param options What the caller gave.
 * @throws {TypeError} If one does not exist, or is of the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function checkStreamOptions(options: StreamOptions): void {
  checkCallNames(options, STREAM_OPTIONS);
  checkCallValues(options);
  checkStreamValues(options);
}

/**
 * Checks the options that a stream has beside those of a call.
 *
 * @param options What the caller gave.
 * @throws {TypeError} If one is of the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function checkStreamValues(
  { itemTimeoutMs, windowBytes, windowItems }: StreamOptions,
): void {
  if (itemTimeoutMs !== undefined) positive("itemTimeoutMs", itemTimeoutMs);
  if (windowBytes !== undefined) aWindow("windowBytes", windowBytes);
  if (windowItems !== undefined) aWindow("windowItems", windowItems);
}

const aWindow = whole(1);

/**
 * How a stream with these options begins.
 *
 * @param options Checked.
 * @returns What a connection's `openStream` takes as `extras.stream`.
 */
export function streamExtras({ windowItems, windowBytes }: StreamOptions): StreamExtras {
  return {
    isAnswered: true,
    mayGrow: windowItems === undefined && windowBytes === undefined,
    hasArgs: false, // the connection looks at the argument itself
    windowItems: Math.min(windowItems ?? FIRST_WINDOW.windowItems, MOST_CREDIT),
    windowBytes: Math.min(windowBytes ?? FIRST_WINDOW.windowBytes, MOST_CREDIT),
  };
}
