import { assert, assertEquals } from "@std/assert";
import { FastValueReader, FastValueWriter } from "../../../protocol/geerpc_json/fast_values.ts";
import { Lines } from "../../../protocol/geerpc_json/lines.ts";
import { TextWriter } from "../../../protocol/text_writer.ts";
import { between } from "../../support/helpers.ts";
import { seededRandom } from "../../../testing.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Reads a line that stands between others. */
function readLine(reader: FastValueReader, text: string): { value: unknown } | undefined {
  const lines = new Lines(encoder.encode(`before\n${text}\nbehind\n`));
  lines.skip();
  const read = reader.read(lines);
  assertEquals(lines.at, read ? 7 + encoder.encode(text).length + 1 : 7);
  return read ? { value: reader.value } : undefined;
}

function write(writer: FastValueWriter, value: unknown): string | undefined {
  const text = new TextWriter();
  text.append("before ");
  const written = writer.write(value, text);
  const all = decoder.decode(text.take());
  assert(all.startsWith("before "));
  if (!written) assertEquals(all, "before ");
  return written ? all.slice(7) : undefined;
}

Deno.test("FastValueReader: whole numbers, and objects of them", () => {
  const reader = new FastValueReader();
  const texts = ["0", "7", "-7", "123456789012345", '{"A":1}', '{"A":1,"B":-2}', '{"B":0,"A":10}'];
  for (const text of texts) {
    assertEquals(readLine(reader, text), { value: JSON.parse(text) }, text);
  }
});

Deno.test("FastValueReader: other values are left to the engine", () => {
  const reader = new FastValueReader();
  const texts = [
    ..."- -0 007 1.5 1e3 +1 1234567890123456 1x {} [] [1] null true".split(" "),
    ...['"1"', '{"A":1.5}', '{"A":"1"}', '{"A":1,}', '{"A" :1}', '{ "A":1}', '{"A":1} ', '{"A":1'],
    ...[
      '{"A":-0}',
      '{"A":01}',
      '{"__proto__":1}',
      '{"constructor":1}',
      '{"toString":1}',
      '{"\\u0041":1}',
      '{"é":1}',
      '{"A":{"B":1}}',
      "",
    ],
    `{"${"k".repeat(60)}":1}`,
    `{${Array.from({ length: 17 }, (_, index) => `"k${index}":1`).join()}}`,
  ];
  for (const text of texts) assertEquals(readLine(reader, text), undefined, text);
});

Deno.test("FastValueReader: what it reads of damaged texts, JSON.parse reads the same", () => {
  const random = seededRandom(3);
  const reader = new FastValueReader();
  const alphabet = '{}":,-0123456789AB_ .\\'.split("");
  let taken = 0;
  for (let round = 0; round < 50_000; round++) {
    const units = '{"A":12,"B":-3,"AB":0}'.split("");
    for (let count = between(random, 0, 2); count > 0; count--) {
      const deleted = between(random, 0, 1);
      const added = random() < 0.6 ? [alphabet[between(random, 0, alphabet.length - 1)]] : [];
      units.splice(between(random, 0, units.length - 1), deleted, ...added);
    }
    const text = units.join("");
    const result = readLine(reader, text);
    if (result === undefined) continue;
    taken++;
    assertEquals(Object.entries(result.value as object), Object.entries(JSON.parse(text)), text);
  }
  assert(taken > 5000, `only ${taken} taken`);
});

Deno.test("FastValueWriter: writes as JSON.stringify does", () => {
  const writer = new FastValueWriter();
  const values = [0, 5, -5, 2 ** 31 - 1, { A: 1 }, { A: 1, B: 2 }, { B: 1, A: -2 }, {
    2: 1,
    1: 2,
  }];
  for (const value of [...values, { '"': 1, "é\n": 2 }, ...values]) {
    assertEquals(write(writer, value), JSON.stringify(value));
  }
});

Deno.test("FastValueWriter: other values are left to the engine, with nothing written", () => {
  class Point {
    x = 1;
  }
  const long = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, index]));
  const values = [undefined, null, true, "1", 1.5, NaN, Infinity, 2 ** 31, 1n, {}, [], [1]];
  const objects = [-0, { A: -0 }, { $: 1 }, { A: 1, B: "2" }, { A: undefined }, {
    A: 1,
    B: { C: 1 },
  }, { toJSON: () => 1 }];
  const others = [new Point(), Object.create(null), new Date(), long, { ["k".repeat(60)]: 1 }];
  for (const value of [...values, ...objects, ...others]) {
    assertEquals(write(new FastValueWriter(), value), undefined);
  }
});
