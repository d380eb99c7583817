/**
 * One short text for a service's methods and schemas, to compare by.
 *
 * @module
 */

import type { MethodDescription } from "./reports.ts";

/** FNV-1a, 64 bits. */
const BASIS = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;

/**
 * The hash of a service. It keeps no secrets: who wants to can find other methods with the same.
 *
 * @param methods Its methods.
 * @returns 16 hexadecimal digits, the same for any order of the methods.
 */
export function describedHash(methods: readonly MethodDescription[]): string {
  const lines = methods.map(({ name, args, reply }) => `${name}\t${args}\t${reply}\n`).sort();
  let hash = BASIS;
  for (const byte of new TextEncoder().encode(lines.join(""))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * PRIME);
  }
  return hash.toString(16).padStart(16, "0");
}
