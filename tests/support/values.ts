/** Values of every kind that our two ends know, by chance, and what they become on the wire. */

import { seededRandom } from "../../testing.ts";
import type { Body } from "../../protocol/geerpc_json/values/encode.ts";

type Random = () => number;

const encoder = new TextEncoder();

export const TYPED_ARRAYS = [
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  BigUint64Array,
  BigInt64Array,
  Float32Array,
  Float64Array,
  ...("Float16Array" in globalThis
    ? [(globalThis as unknown as { Float16Array: typeof Float32Array }).Float16Array]
    : []),
];

const TEXTS = ["", "a", "é€😀\u2028", "\ud800", '{"$":["undefined"]}', "$", "__proto__", "null"];
const KEYS = ["a", "$", "$$", "é", "0", "toString", "constructor", "long key ".repeat(8), ""];
const NUMBERS = [0, -0, 1, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 53, 5e-324, 1e308];
const INTEGERS = [0n, -1n, 2n ** 53n + 1n, -(2n ** 63n), 10n ** 60n];

/** A value of any kind, made by seeded chance: the same seed makes the same. */
export function anyValue(seed: number): unknown {
  const random = seededRandom(seed);
  return make(random, 4);
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)];
}

function bytes(random: Random, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => random() * 256);
}

function make(random: Random, depth: number): unknown {
  const some = (most: number) => Math.floor(random() * (most + 1));
  const kinds: (() => unknown)[] = [
    () => null,
    () => undefined,
    () => random() < 0.5,
    () => pick(random, NUMBERS),
    () => pick(random, INTEGERS),
    () => pick(random, TEXTS),
    () => pick(random, ["x", "é", "\n{}\n", "😀"]).repeat(4096 + some(600)),
    () => "\udc00".repeat(4100), // no UTF-8
    () => new Date(pick(random, [0, -1, 1.6e12, 8.64e15, NaN])),
    () => {
      const kind = pick(random, TYPED_ARRAYS);
      const offset = some(3) * 8; // a view of a part of a buffer
      const length = some(9);
      const size = kind.BYTES_PER_ELEMENT;
      const buffer = bytes(random, offset + length * size + 8).buffer;
      return new kind(buffer, offset, length);
    },
    () => bytes(random, some(5)).buffer,
    () => new DataView(bytes(random, 12).buffer, 3, 7),
    () => new Uint8Array(bytes(random, pick(random, [10, 300, 5000]))),
  ];
  const nested: (() => unknown)[] = [
    () => Array.from({ length: some(4) }, () => make(random, depth - 1)),
    () =>
      Object.fromEntries(
        Array.from({ length: some(4) }, () => [pick(random, KEYS), make(random, depth - 1)]),
      ),
    () => {
      const entries = Array.from(
        { length: some(4) },
        () => [make(random, depth - 1), make(random, depth - 1)] as const,
      );
      return new Map(entries);
    },
    () => new Set(Array.from({ length: some(4) }, () => make(random, depth - 1))),
    () => {
      const kind = pick(random, [Error, TypeError, RangeError]);
      const cause = make(random, depth - 1);
      return random() < 0.5 ? new kind("why é") : new kind("", { cause });
    },
  ];
  if (depth > 0 && random() < 0.6) return pick(random, nested)();
  return pick(random, kinds)();
}

/** The parts of a body as they arrive: in bytes. */
export function arrivedParts({ parts }: Body): Uint8Array[] {
  return parts.map((part) => typeof part === "string" ? encoder.encode(part) : part);
}

/** Something plain that says all of a value: two are the same if, and only if, these are. */
export function shape(value: unknown): unknown {
  if (typeof value === "number") return Object.is(value, -0) ? "number -0" : `number ${value}`;
  if (typeof value !== "object" || value === null) return `${typeof value} ${String(value)}`;
  const kind = Object.prototype.toString.call(value);
  if (value instanceof Date) return [kind, value.getTime()];
  if (value instanceof ArrayBuffer) return [kind, [...new Uint8Array(value)]];
  if (ArrayBuffer.isView(value)) {
    return [kind, [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)]];
  }
  if (value instanceof Map) {
    return [kind, [...value].map(([key, value]) => [shape(key), shape(value)])];
  }
  if (value instanceof Set) return [kind, [...value].map(shape)];
  if (value instanceof Error) {
    const cause = "cause" in value ? shape(value.cause) : "none";
    return [kind, value.constructor.name, value.name, value.message, cause];
  }
  if (Array.isArray(value)) return [kind, value.map(shape)];
  return [
    kind,
    Object.keys(value).map((key) => [key, shape((value as Record<string, unknown>)[key])]),
  ];
}
