/**
 * What the modules of gob share below everything else: the limits that nobody sets, the errors
 * they throw, and how they say where in a value something is wrong.
 *
 * @module
 */

import { RpcError } from "../errors.ts";

/**
 * One step from the top of a value to a part of it: a field's name, an index or a map's key. An
 * empty text is the step from an interface to the value in it, which isn't shown.
 */
export type PathStep = string | number;

/** The longest name of a type in an interface, as in Go. */
export const MAX_NAME = 1024;
/** The most types that one stream defines. */
export const MAX_TYPES = 10_000;
/**
 * The most fields of one struct. A definition is paid for once, and each of its values may then
 * leave out all fields for nothing: a wide one would be a lever.
 */
export const MAX_FIELDS = 4096;

const IDENTIFIER = /^[\p{L}_$][\p{L}\p{N}_$]*$/u;

/** Shows the way to a part of a value, as in `$.a.b[3]`. */
export function formatPath(path: readonly PathStep[], depth: number): string {
  let text = "$";
  for (let index = 0; index < depth; index++) {
    const step = path[index];
    if (typeof step === "number") text += `[${step}]`;
    else if (step === "") continue;
    else if (IDENTIFIER.test(step)) text += `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** The stream is broken: nothing after this point can be trusted. */
export function malformed(message: string): RpcError {
  return new RpcError("data_loss", `gob: ${message}`);
}

/** A value and its schema don't fit each other. */
export function misfit(message: string, cause?: unknown): RpcError {
  return new RpcError("invalid_argument", `gob: ${message}`, { cause });
}

/** A limit is passed. */
export function tooMuch(message: string): RpcError {
  return new RpcError("resource_exhausted", `gob: ${message}`);
}

/** A struct has more fields than it may. */
export function tooWide(): RpcError {
  return tooMuch(
    `a struct of more than ${MAX_FIELDS} fields: send objects that are used as dictionaries as Maps`,
  );
}
