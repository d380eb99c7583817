/** How a valid frame is damaged: each mutation is drawn from a seed. */

import { between } from "../support/helpers.ts";

type Random = () => number;

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/** Unsigned integers of gob at their limits, some longer than any that Go writes. */
const GOB_LIMITS = [
  [0],
  [0x7f],
  [0x80],
  [0xff],
  [0xff, 0x80],
  [0xfe, 0x10, 0x00],
  [0xfc, 0x7f, 0xff, 0xff, 0xff],
  [0xfb, 0x01, 0, 0, 0, 0],
  [0xf9, 0x20, 0, 0, 0, 0, 0, 0],
  [0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xf8, 0x80, 0, 0, 0, 0, 0, 0, 0],
  [0xf7, 1, 2, 3, 4, 5, 6, 7, 8, 9],
];

const NUMBERS = [
  "0",
  "-0",
  "-1",
  "00",
  "1.",
  ".5",
  "1e400",
  "-1e400",
  "1e-400",
  "9007199254740991",
  "9007199254740993",
  "-9007199254740993",
  "18446744073709551615",
  "18446744073709551616",
  "1700000000123456789",
  "123456789012345678901234567890",
  "NaN",
  "1e5",
  "1.0",
  '"1"',
];

const TOKENS = [
  "null",
  "true",
  "{}",
  "[]",
  "[[[[[[[[[[[[[[[[[[[[[[[[",
  '{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":',
  '"__proto__":{"polluted":true},',
  '"constructor":{"prototype":{"polluted":true}},',
  '"toString":null,',
  '"Seq":1,',
  '"id":1,',
  '"Error":"",',
  '"Cancel":true,',
  '"Parts":[1,2],',
  '"Parts":[0,4294967296],',
  '"Details":true,',
  '{"$":["bytes",0]}',
  '{"$":["text",1]}',
  '{"$":["map",[[1,2],[1,3]]]}',
  '{"$":["bigint","9"]}',
  '"Ping":true,',
  '"Drain":true,',
  '"Timeout":-1,',
  '"Meta":{"__proto__":"x"},',
  "\\ud800",
  "\\u0000",
  "\u2028",
  "\ufeff",
  '"',
  "\\",
  "\n",
  "\r\n",
  "\r\n\r\n",
  "}",
  "{",
  "]",
  ",",
  ":",
  "HTTP/1.1 200 OK\r\n",
  "CONNECT /_goRPC_ HTTP/1.0\n\n",
  "\x16\x03\x01",
  "\x00",
].map((token) => encoder.encode(token));

/** Where the tokens of JSON begin that a mutation may put others in place of. */
function placesOf(frame: Uint8Array, what: RegExp): RegExpExecArray[] {
  return [...decoder.decode(frame).matchAll(what)] as RegExpExecArray[];
}

function spliced(
  frame: Uint8Array,
  at: number,
  drop: number,
  put: ArrayLike<number>,
): Uint8Array {
  const end = Math.min(frame.length, at + drop);
  const result = new Uint8Array(at + put.length + frame.length - end);
  result.set(frame.subarray(0, at));
  result.set(put, at);
  result.set(frame.subarray(end), at + put.length);
  return result;
}

type Mutation = (frame: Uint8Array, other: Uint8Array, random: Random) => Uint8Array;

const place = (bytes: Uint8Array, random: Random) => between(random, 0, bytes.length - 1);
const pickOf = <T>(list: readonly T[], random: Random): T =>
  list[between(random, 0, list.length - 1)];

/** The mutations by name. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  bit(frame, _other, random) {
    const result = frame.slice();
    result[place(frame, random)] ^= 1 << between(random, 0, 7);
    return result;
  },
  byte(frame, _other, random) {
    const result = frame.slice();
    result[place(frame, random)] = between(random, 0, 255);
    return result;
  },
  cut: (frame, _other, random) => frame.slice(0, place(frame, random)),
  remove: (frame, _other, random) =>
    spliced(frame, place(frame, random), between(random, 1, 9), []),
  repeat(frame, _other, random) {
    const at = place(frame, random);
    return spliced(frame, at, 0, frame.subarray(at, at + between(random, 1, 30)));
  },
  many(frame, _other, random) {
    const at = place(frame, random);
    const part = frame.subarray(at, at + between(random, 1, 4));
    const all = Array.from({ length: between(random, 2, 60) }, () => [...part]).flat();
    return spliced(frame, at, 0, all);
  },
  insert(frame, other, random) {
    const from = place(other, random);
    const part = other.subarray(from, from + between(random, 1, other.length));
    return spliced(frame, place(frame, random), between(random, 0, 9), part);
  },
  cross(frame, other, random) {
    const at = place(frame, random);
    return spliced(frame, at, frame.length, other.subarray(place(other, random)));
  },
  /** The length in front of a gob message, or any other count. */
  length(frame, _other, random) {
    const at = random() < 0.3 ? 0 : place(frame, random);
    return spliced(frame, at, between(random, 0, 3), pickOf(GOB_LIMITS, random));
  },
  number(frame, other, random) {
    const found = placesOf(frame, /-?\d+(?:\.\d+)?/g);
    if (found.length === 0) return MUTATIONS.length(frame, other, random);
    const { index, 0: digits } = pickOf(found, random);
    return spliced(frame, index, digits.length, encoder.encode(pickOf(NUMBERS, random)));
  },
  /** A key of an object twice, with the same value or another one. */
  key(frame, other, random) {
    const found = placesOf(frame, /"[^"\\]*":(?:"[^"\\]*"|-?[\d.e+]+|true|false|null)/g);
    if (found.length === 0) return MUTATIONS.repeat(frame, other, random);
    const { index, 0: pair } = pickOf(found, random);
    const key = pair.slice(0, pair.indexOf(":") + 1);
    const again = random() < 0.5 ? pair : key + pickOf(NUMBERS, random);
    return spliced(frame, index, 0, encoder.encode(`${again},`));
  },
  token(frame, _other, random) {
    return spliced(frame, place(frame, random), between(random, 0, 4), pickOf(TOKENS, random));
  },
};

const NAMES = Object.keys(MUTATIONS);

/**
 * Damages a frame.
 *
 * @param frame A valid frame.
 * @param other A frame of another stream, for splices.
 * @returns Its bytes, damaged one to three times over.
 */
export function mutated(frame: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let result = frame;
  for (let times = random() < 0.6 ? 1 : between(random, 2, 3); times > 0; times--) {
    if (result.length === 0) break;
    result = MUTATIONS[pickOf(NAMES, random)](result, other, random);
  }
  return result;
}

/** Where a stream is cut into chunks: nowhere, everywhere, or at some places. */
export function cutsOf(length: number, random: Random): number[] {
  const pick = random();
  if (pick < 0.25) return [];
  if (pick < 0.3) return Array.from({ length }, (_, at) => at);
  const cuts: number[] = [];
  const most = pick < 0.6 ? 20 : 400;
  for (let at = between(random, 0, most); at < length; at += between(random, 0, most)) {
    cuts.push(at);
  }
  return cuts;
}
