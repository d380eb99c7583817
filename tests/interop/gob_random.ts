/** Random values of a schema. */

import { type AnyGobSchema, GobNamed } from "../../gob.ts";
import { shapeOf, targetOf } from "../../gob/schema.ts";
import { isNothing } from "./gob_difference.ts";

const CHARACTERS = [...'abcXYZ019 _."\\\n\u00e9\u20ac\u{1F600}\ufeff\0'];

function randomText(random: () => number): string {
  let length = Math.floor(random() * 12);
  if (random() < 0.05) length = Math.floor(random() * 400);
  let text = "";
  while (text.length < length) {
    text += CHARACTERS[Math.floor(random() * CHARACTERS.length)];
  }
  return text;
}

function randomInteger(
  random: () => number,
  bits: number,
  signed: boolean,
): number | bigint {
  if (random() < 0.2) return 0;
  const digits = Math.floor(random() * (signed ? bits : bits + 1));
  let value = 0n;
  for (let bit = 0; bit < digits; bit++) {
    value = value * 2n + (random() < 0.5 ? 1n : 0n);
  }
  if (random() < 0.1) value = 2n ** BigInt(signed ? bits - 1 : bits) - 1n;
  if (signed && random() < 0.5) value = -value - (random() < 0.1 ? 1n : 0n);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function randomFloat(random: () => number): number {
  const pick = random();
  if (pick < 0.1) {
    return [
      0,
      NaN,
      Infinity,
      -Infinity,
      5e-324,
      Number.MAX_VALUE,
    ][Math.floor(random() * 6)];
  }
  return pick < 0.3 ? Math.floor(random() * 1000) : (random() - 0.5) * 10 ** (random() * 30 - 15);
}

/** A random value of a schema. Elements are never null, because Go allows no nil among them. */
export function randomValue(
  schema: AnyGobSchema,
  random: () => number,
  depth = 0,
): unknown {
  const shape = shapeOf(schema);
  const count = depth > 4 ? 0 : Math.floor(random() * 4);
  const many = (element: AnyGobSchema, length: number) =>
    Array.from(
      { length },
      () => randomValue(targetOf(element), random, depth + 1),
    );
  switch (shape.kind) {
    case "bool":
      return random() < 0.5;
    case "int":
    case "uint":
      return randomInteger(random, shape.bits, shape.kind === "int");
    case "float":
      return randomFloat(random);
    case "float32":
      return Math.fround(random() * 1000);
    case "complex":
      return { real: randomFloat(random), imaginary: randomFloat(random) };
    case "string":
      return randomText(random);
    case "bytes":
      return Uint8Array.from({ length: count * 50 }, () => random() * 256);
    case "slice":
      return many(shape.element, count);
    case "array":
      return many(shape.element, shape.length);
    case "map": {
      const keys = many(shape.key, count);
      const entries = keys.map((key) =>
        [
          typeof key === "number" && Number.isNaN(key) ? 1 : key,
          randomValue(targetOf(shape.value), random, depth + 1),
        ] as [unknown, unknown]
      );
      // In Go, keys with equal content are one key; in a Map, two objects are two.
      const distinct = new Map(
        entries.map((entry) => [JSON.stringify(entry[0], stringifyBig), entry]),
      );
      const map = new Map(distinct.values());
      return shape.as === "map" ? map : Object.fromEntries(map);
    }
    case "struct": {
      const result: Record<string, unknown> = {};
      for (const [name, field] of shape.fields) {
        result[name] = randomValue(field, random, depth + 1);
      }
      return result;
    }
    case "optional": {
      if (depth > 4 || random() < 0.3) return null;
      const value = randomValue(shape.target, random, depth + 1);
      // Go sends nothing for a pointer to a zero: it arrives as null.
      return isNothing(value) ? null : value;
    }
    case "lazy":
      return randomValue(shape.target(), random, depth);
    case "interface":
      return randomConcrete(shape.registry ?? {}, random, depth);
    case "opaque":
      return randomOpaque(shape.name, random);
  }
}

function stringifyBig(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}

function randomConcrete(
  registry: { readonly [name: string]: AnyGobSchema },
  random: () => number,
  depth: number,
): unknown {
  const names = Object.keys(registry);
  // The types of Go's table that take any value also know the basic ones.
  const basic = names.includes("time.Time");
  const pick = Math.floor(random() * (names.length + (basic ? 4 : 1)));
  if (pick >= names.length || depth > 3) {
    if (!basic || pick === names.length) return null;
    const values = [
      12,
      "text",
      1.5,
      true,
      2n ** 63n,
      [1, 2],
      ["a"],
      new Uint8Array([1]),
    ];
    return values[Math.floor(random() * values.length)];
  }
  const name = names[pick];
  return new GobNamed(name, randomValue(registry[name], random, depth + 1));
}

function randomOpaque(name: string, random: () => number): unknown {
  switch (name) {
    case "Time": {
      const epochNanoseconds = BigInt(Math.floor(random() * 8e9) - 4e9) * 1_000_000_000n +
        BigInt(Math.floor(random() * 1e9));
      if (random() < 0.5) return { epochNanoseconds, offsetSeconds: null };
      return {
        epochNanoseconds,
        offsetSeconds: Math.floor(random() * 40000) + 61,
      };
    }
    case "Int":
      return (random() < 0.5 ? -1n : 1n) *
        BigInt(Math.floor(random() * 2 ** 50)) **
          BigInt(Math.floor(random() * 4));
    case "Money":
      return Uint8Array.from({ length: 8 }, () => random() * 256);
    default:
      return new TextEncoder().encode(randomText(random));
  }
}
