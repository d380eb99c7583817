/**
 * Values of Go for which JavaScript has no type of its own, and the bytes of the two types of its
 * standard library that encode themselves: `time.Time` and `big.Int`.
 *
 * @module
 */

import type { PathStep } from "./wire.ts";

/** A `complex128` or `complex64`. */
export interface GobComplex {
  /** The real part. */
  real: number;
  /** The imaginary part. */
  imaginary: number;
}

/** A `time.Time` to the nanosecond. */
export interface GobInstant {
  /** Nanoseconds since 1970-01-01T00:00:00Z. */
  epochNanoseconds: bigint;
  /** Seconds east of UTC; null for UTC itself. @default {null} */
  offsetSeconds?: number | null;
}

/**
 * A value in a Go interface, together with the name under which its type is registered in Go.
 *
 * @example Choosing the concrete type
 * ```ts
 * import { encode, gob, GobNamed } from "@geerpc/xclient/gob";
 *
 * const registry = { "main.Point": gob.struct({ X: gob.int, Y: gob.int }) };
 * const schema = gob.struct({ Shape: gob.interface(registry) });
 * encode({ Shape: new GobNamed("main.Point", { X: 1, Y: 2 }) }, schema);
 * ```
 */
export class GobNamed<T = unknown> {
  /** The registered name, such as `main.Point`, `*main.Point` or `int64`. */
  readonly name: string;
  /** The value. */
  readonly value: T;

  /**
   * Gives a value the name of its type.
   *
   * @param name The name by which Go's `gob.Register` or `gob.RegisterName` knows the type.
   * @param value The value.
   */
  constructor(name: string, value: T) {
    this.name = name;
    this.value = value;
  }
}

// Go counts seconds from 0001-01-01T00:00:00Z.
const SECONDS_TO_1970 = 62_135_596_800;
const NANOSECONDS = 1_000_000_000n;

/** Go's zero time, 0001-01-01T00:00:00Z. */
export function zeroDate(): Date {
  return new Date(-SECONDS_TO_1970 * 1000);
}

/** Go's zero time, to the nanosecond. */
export function zeroInstant(): GobInstant {
  return { epochNanoseconds: BigInt(-SECONDS_TO_1970) * NANOSECONDS, offsetSeconds: null };
}

/** The bytes of a `time.Time`. */
export function timeToBytes(value: unknown): Uint8Array {
  let seconds: bigint;
  let nanoseconds: number;
  let offset: number | null = null;
  if (value instanceof Date) {
    const milliseconds = value.getTime();
    if (Number.isNaN(milliseconds)) {
      throw new RangeError("an invalid Date has no time");
    }
    const whole = Math.floor(milliseconds / 1000);
    seconds = BigInt(whole);
    nanoseconds = (milliseconds - whole * 1000) * 1_000_000;
  } else {
    const instant = value as Partial<GobInstant>;
    const total = instant.epochNanoseconds;
    if (typeof total !== "bigint") {
      throw new RangeError(
        "a time is a Date or an object with a bigint epochNanoseconds",
      );
    }
    let rest = total % NANOSECONDS;
    if (rest < 0n) rest += NANOSECONDS;
    seconds = (total - rest) / NANOSECONDS;
    nanoseconds = Number(rest);
    offset = instant.offsetSeconds ?? null;
  }
  seconds += BigInt(SECONDS_TO_1970);
  if (BigInt.asIntN(64, seconds) !== seconds) {
    throw new RangeError("a time beyond what Go can represent");
  }
  return layOutTime(seconds, nanoseconds, offset);
}

function layOutTime(
  seconds: bigint,
  nanoseconds: number,
  offset: number | null,
): Uint8Array {
  let minutes = -1; // means UTC
  let rest = 0;
  if (offset !== null) {
    minutes = Math.trunc(offset / 60);
    rest = offset - minutes * 60;
    if (
      !Number.isInteger(offset) || minutes === -1 || Math.abs(minutes) > 32767
    ) {
      throw new RangeError(`a time zone ${offset} seconds from UTC`);
    }
  }
  const bytes = new Uint8Array(rest === 0 ? 15 : 16);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, rest === 0 ? 1 : 2);
  view.setBigInt64(1, seconds);
  view.setInt32(9, nanoseconds);
  view.setInt16(13, minutes);
  if (rest !== 0) view.setInt8(15, rest);
  return bytes;
}

/** Reads the bytes of a `time.Time`, to the nanosecond. */
export function bytesToInstant(bytes: Uint8Array): GobInstant {
  const version = bytes[0];
  if (
    !(version === 1 && bytes.length === 15) &&
    !(version === 2 && bytes.length === 16)
  ) {
    throw new RangeError(`a time of ${bytes.length} bytes, version ${version}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const seconds = view.getBigInt64(1) - BigInt(SECONDS_TO_1970);
  const minutes = view.getInt16(13);
  const rest = version === 2 ? view.getInt8(15) : 0;
  return {
    epochNanoseconds: seconds * NANOSECONDS + BigInt(view.getInt32(9)),
    offsetSeconds: minutes === -1 && rest === 0 ? null : minutes * 60 + rest,
  };
}

/** The farthest that a time zone is from UTC, in minutes. */
const FARTHEST_MINUTES = 24 * 60;

/** Whether bytes are as Go writes a `time.Time`, and not those of another type of this name. */
export function looksLikeTime(bytes: Uint8Array): boolean {
  const [version] = bytes;
  if (version !== 1 && version !== 2 || bytes.length !== 14 + version) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nanoseconds = view.getInt32(9);
  if (nanoseconds < 0 || nanoseconds >= 1e9 || Math.abs(view.getInt16(13)) > FARTHEST_MINUTES) {
    return false;
  }
  const seconds = version === 2 ? Math.abs(view.getInt8(15)) : 1;
  return seconds > 0 && seconds < 60;
}

/** Reads the bytes of a `time.Time`, to the millisecond, rounded down. */
export function bytesToDate(bytes: Uint8Array): Date {
  const { epochNanoseconds } = bytesToInstant(bytes);
  let milliseconds = epochNanoseconds / 1_000_000n;
  if (milliseconds * 1_000_000n > epochNanoseconds) milliseconds--;
  const date = new Date(Number(milliseconds));
  if (Number.isNaN(date.getTime())) {
    throw new RangeError("a time beyond what a Date can represent");
  }
  return date;
}

const BIG_INT_VERSION = 1;
const hexDigits: string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);

/** The bytes of a `big.Int`. */
export function bigIntToBytes(value: bigint): Uint8Array {
  const negative = value < 0n;
  let digits = value === 0n ? "" : (negative ? -value : value).toString(16);
  if (digits.length % 2 === 1) digits = "0" + digits;
  const bytes = new Uint8Array(1 + digits.length / 2);
  bytes[0] = (BIG_INT_VERSION << 1) | (negative ? 1 : 0);
  for (let index = 1; index < bytes.length; index++) {
    bytes[index] = parseInt(digits.slice(index * 2 - 2, index * 2), 16);
  }
  return bytes;
}

/**
 * Whether bytes are as Go writes a `big.Int`, and not those of another type of this name: the version
 * and the sign, then the size without leading zeros; 0 has no sign.
 */
export function looksLikeBigInt(bytes: Uint8Array): boolean {
  if (bytes[0] >> 1 !== BIG_INT_VERSION) return false;
  return bytes.length > 1 ? bytes[1] !== 0 : (bytes[0] & 1) === 0;
}

/** Reads the bytes of a `big.Int`; no bytes at all are 0. */
export function bytesToBigInt(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  if (bytes[0] >> 1 !== BIG_INT_VERSION) {
    throw new RangeError(`a big.Int of version ${bytes[0] >> 1}`);
  }
  let digits = "0x0";
  for (let index = 1; index < bytes.length; index++) {
    digits += hexDigits[bytes[index]];
  }
  const size = BigInt(digits);
  return (bytes[0] & 1) === 1 ? -size : size;
}

/**
 * Whether a value is nested too deep because an object contains itself.
 *
 * @param root The whole value.
 * @param path The path to the part that is too deep.
 * @param depth The length of the path.
 * @returns How many steps lead to the object that occurred before; -1 if there is none.
 */
export function findCycle(
  root: unknown,
  path: readonly PathStep[],
  depth: number,
): number {
  const seen = new Set<unknown>();
  let current = root;
  for (let step = 0; step <= depth; step++) {
    while (current instanceof GobNamed) current = current.value;
    if (path[step] === "" && step < depth) continue;
    if (typeof current !== "object" || current === null) return -1;
    if (seen.has(current)) return step;
    seen.add(current);
    if (current instanceof Map) current = current.get(path[step]);
    else current = (current as Record<string, unknown>)[path[step]];
  }
  return -1;
}
