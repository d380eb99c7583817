/** How values are compared with the descriptions that the Go program writes. */

import { type GobComplex, type GobInstant, GobNamed } from "../../gob.ts";
import { bytesToBigInt, bytesToInstant } from "../../gob/values.ts";

/** Go's description of a value: a letter for its kind, then its content. */
export type Description = [string, ...unknown[]];

const ZERO_TIME = "-62135596800000000000";

function bitsOf(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16);
}

function hexOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** Whether Go would send nothing for a pointer to this value. */
export function isNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === 0 || value === "") {
    return true;
  }
  return typeof value === "object" &&
    ((value as unknown[]).length === 0 ||
      (value as Map<unknown, unknown>).size === 0);
}

/**
 * Compares a value with Go's description of it.
 *
 * @param loose Whether there was no schema: then a nil pointer to a number is a zero, and a type
 * that Go sends without a name is bytes.
 * @returns The first difference; empty if there is none.
 */
export function difference(
  said: Description,
  value: unknown,
  loose: boolean,
  path = "$",
): string {
  if (value instanceof GobNamed) {
    return difference(said, value.value, loose, path);
  }
  const differs = `${path}: Go says ${JSON.stringify(said)}, this is ${String(value)}`;
  const [kind, content] = said;
  let same = false;
  switch (kind) {
    case "n":
      return value === null || (loose && isNothing(value)) ||
          (loose && value instanceof Date && value.getUTCFullYear() === 1) ||
          (loose &&
            (value as GobInstant).epochNanoseconds === BigInt(ZERO_TIME))
        ? ""
        : differs;
    case "t":
      same = value === content;
      break;
    case "i":
      same = (typeof value === "number" || typeof value === "bigint") &&
        String(value) === content &&
        (typeof value === "number" || !Number.isSafeInteger(Number(value)));
      break;
    case "f":
      same = typeof value === "number" && bitsOf(value) === content;
      break;
    case "c":
      same = bitsOf((value as GobComplex).real) === content &&
        bitsOf((value as GobComplex).imaginary) === said[2];
      break;
    case "s":
      same = value === content;
      break;
    case "b":
      same = value instanceof Uint8Array && hexOf(value) === content;
      break;
    case "x":
      same = (value instanceof Uint8Array && hexOf(value) === content) ||
        (loose && value === null);
      break;
    case "B":
      same = loose && value instanceof Uint8Array
        ? String(bytesToBigInt(value)) === content
        : typeof value === "bigint" && String(value) === content;
      break;
    case "T": {
      // Go sent no name: nothing shows that it is a time, whose zero could be filled in.
      if (loose && value === null) return content === ZERO_TIME ? "" : differs;
      const instant = value instanceof Uint8Array ? bytesToInstant(value) : value as GobInstant;
      same = String(instant.epochNanoseconds) === content &&
        (instant.offsetSeconds ?? null) === said[2];
      break;
    }
    case "l":
      return listDifference(content as Description[], value, loose, path);
    case "m":
      return mapDifference(
        content as [Description, Description][],
        value,
        loose,
        path,
      );
    case "o":
      return structDifference(
        content as { [name: string]: Description },
        value,
        loose,
        path,
      );
  }
  return same ? "" : differs;
}

function listDifference(
  said: Description[],
  value: unknown,
  loose: boolean,
  path: string,
): string {
  if (loose && value === null && said.length === 0) return "";
  if (!Array.isArray(value) || value.length !== said.length) {
    return `${path}: ${said.length} elements, this is ${String(value)}`;
  }
  for (let index = 0; index < said.length; index++) {
    const found = difference(
      said[index],
      value[index],
      loose,
      `${path}[${index}]`,
    );
    if (found !== "") return found;
  }
  return "";
}

function mapDifference(
  said: [Description, Description][],
  value: unknown,
  loose: boolean,
  path: string,
): string {
  const entries: [unknown, unknown][] = value instanceof Map
    ? [...value]
    : Object.entries(value as object);
  if (entries.length !== said.length) {
    return `${path}: ${said.length} entries, this has ${entries.length}`;
  }
  for (const [key, content] of said) {
    const at = entries.findIndex(([mine]) => difference(key, mine, loose) === "");
    if (at < 0) return `${path}: no key ${JSON.stringify(key)}`;
    const found = difference(
      content,
      entries[at][1],
      loose,
      `${path}[${JSON.stringify(key)}]`,
    );
    if (found !== "") return found;
  }
  return "";
}

function structDifference(
  said: { [name: string]: Description },
  value: unknown,
  loose: boolean,
  path: string,
): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return `${path}: a struct, this is ${String(value)}`;
  }
  const fields = value as Record<string, unknown>;
  for (const [name, content] of Object.entries(said)) {
    const found = difference(content, fields[name], loose, `${path}.${name}`);
    if (found !== "") return found;
  }
  if (Object.keys(fields).length !== Object.keys(said).length) {
    return `${path}: fields ${Object.keys(fields)}, Go has ${Object.keys(said)}`;
  }
  return "";
}
