/**
 * What all modules of gob share: fixed limits, errors, and the path to a part of a value.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import { pathStep } from "../internal/path.ts";

/**
 * One step from the top of a value to a part of it: a field's name, an index or a map's key. An
 * empty string is the step from an interface to the value in it, which is not shown.
 */
export type PathStep = string | number;

/** How long a message may be where no option says it: 4 MiB. */
export const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** How deep a value may be nested where no option says it. */
export const DEFAULT_MAX_DEPTH = 100;
/** The largest `int64`. */
export const INT64_MAX = 2n ** 63n - 1n;

/** The longest name of a type in an interface, as in Go. */
export const MAX_NAME = 1024;
/** The most types that one stream defines, beside the reserved ones. */
export const MAX_TYPES = 9_999;
/**
 * How many structs without fields may be defined beyond that: `struct{}`, the body of errors, and the
 * one that stands for an absent value.
 */
export const RESERVED_TYPES = 2;
/** How many bytes their definitions may take beyond those of the others. */
export const RESERVED_BYTES = 40;
/**
 * The most fields of one struct. Once a type is defined, each of its values may leave out all its
 * fields, which takes no bytes: with a wide type a few bytes could fill the memory.
 */
export const MAX_FIELDS = 4096;

/** The definitions of a stream may take so many bytes, whatever the limit of a message is. */
const DEFINITIONS_BYTES = 64 * 1024;

/**
 * How many bytes the type definitions of one stream may take. They are kept for as long as it
 * lasts, and what is compiled from them takes some 25 times as much memory.
 *
 * @param maxMessageBytes The longest message.
 * @returns A quarter of it: 1 MiB by default. Up to 64 KiB all of it.
 */
export function mostDefinitionBytes(maxMessageBytes: number): number {
  return Math.min(maxMessageBytes, Math.max(DEFINITIONS_BYTES, Math.floor(maxMessageBytes / 4)));
}

/** Writes the path to a part of a value, as in `$.a.b[3]`. */
export function formatPath(path: readonly PathStep[], depth: number): string {
  let text = "$";
  for (let index = 0; index < depth; index++) {
    const step = path[index];
    if (step !== "") text += pathStep(step);
  }
  return text;
}

/** The error for a broken stream: nothing behind this place can be read. */
export function malformed(message: string): RpcError {
  return new RpcError("data_loss", `gob: ${message}`);
}

/** The error for a value and a schema that don't fit each other. */
export function misfit(message: string, cause?: unknown): RpcError {
  return new RpcError("invalid_argument", `gob: ${message}`, { cause });
}

/** The error for a limit that is exceeded. */
export function tooMuch(message: string): RpcError {
  return new RpcError("resource_exhausted", `gob: ${message}`);
}

/** The error for a struct of too many fields. */
export function tooWide(): RpcError {
  return tooMuch(
    `a struct of more than ${MAX_FIELDS} fields: send objects that are used as dictionaries as Maps`,
  );
}

/** The ids of the types that need no definition. */
export const BUILT_IN = {
  bool: 1,
  int: 2,
  uint: 3,
  float: 4,
  bytes: 5,
  string: 6,
  complex: 7,
  interface: 8,
} as const;

/** The first id that a stream may define. Go begins one above it, and so do we. */
export const FIRST_USER_ID = 64;
