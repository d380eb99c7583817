import { assert, assertEquals } from "@std/assert";
import { ObjectReader } from "../../../protocol/jsonrpc/object_reader.ts";
import { between } from "../../support/helpers.ts";
import { seededRandom } from "../../../testing.ts";

const encoder = new TextEncoder();

/** Reads chunks as objects. */
function objectsOf(chunks: readonly Uint8Array[], maxBytes = 1000): string[] {
  const objects: string[] = [];
  const reader = new ObjectReader(maxBytes);
  for (const chunk of chunks) {
    reader.push(chunk, {
      line: () => false,
      object: (text) => objects.push(text),
      tooLong: (head, tail) => objects.push(`too long: ${head.slice(0, 9)}…${tail.slice(-9)}`),
    });
  }
  assert(reader.atBoundary);
  return objects;
}

function cut(bytes: Uint8Array, random: () => number, longest: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const to = Math.min(bytes.length, at + between(random, 0, longest));
    chunks.push(bytes.slice(at, to));
    at = to;
  }
  return chunks;
}

Deno.test("ObjectReader finds objects wherever they stand, in any chunks", () => {
  const objects = [
    "{}",
    '{"a":{"b":[{},[]]}}',
    '{"text":"}]{[\\"\\\\"}',
    '{"☃":"🎈\\u2603é"}',
    '{\n  "spread": [\n    1,\n    2\n  ]\n}',
  ];
  const random = seededRandom(7);
  for (let round = 0; round < 300; round++) {
    const wanted = Array.from({ length: 12 }, () => objects[between(random, 0, 4)]);
    const spaces = ["", "\n", " \r\n\t", "  "];
    const text = wanted.map((object) => object + spaces[between(random, 0, 3)]).join("");
    const chunks = cut(encoder.encode(text), random, between(random, 1, 30));
    assertEquals(objectsOf(chunks), wanted);
  }
});

Deno.test("ObjectReader skips what is over the limit and keeps its ends", () => {
  const long = `{"id":1,"result":"${"x".repeat(5000)}}","error":null}`;
  const text = `{"a":1}${long}{"b":2}\n${long}\n{"c":3}`;
  for (const longest of [1, 17, 999, 20_000]) {
    assertEquals(objectsOf(cut(encoder.encode(text), seededRandom(longest), longest)), [
      '{"a":1}',
      'too long: {"id":1,"…or":null}',
      '{"b":2}',
      'too long: {"id":1,"…or":null}',
      '{"c":3}',
    ]);
  }
  // The limit is exceeded in the last bytes, wherever they are cut.
  const last = encoder.encode(`{"result":"${"x".repeat(980)}","error":null,"id":77}`);
  for (let at = 990; at < last.length; at++) {
    for (let behind = at + 1; behind < last.length; behind++) {
      const chunks = [last.slice(0, at), last.slice(at, behind), last.slice(behind)];
      assertEquals(objectsOf(chunks, 1000), ['too long: {"result"…,"id":77}']);
    }
  }
  // Fewer characters than the limit, more bytes.
  assertEquals(objectsOf([encoder.encode(`{"☃":"${"☃".repeat(400)}"}`)], 1000).length, 1);
  assert(objectsOf([encoder.encode(`{"☃":"${"☃".repeat(400)}"}`)], 1000)[0].startsWith("too"));
});

Deno.test("ObjectReader holds no list of single characters, however they come", () => {
  const text = `{"a":"${"x".repeat(20_000)}☃"}`;
  const { join } = Array.prototype;
  let longest = 0;
  let joined = 0;
  let objects: string[];
  try {
    Array.prototype.join = function (separator) {
      longest = Math.max(longest, this.length);
      const result = join.call(this, separator);
      joined += result.length;
      return result;
    };
    objects = objectsOf([...encoder.encode(text)].map((byte) => Uint8Array.of(byte)), 100_000);
  } finally {
    Array.prototype.join = join;
  }
  assertEquals(objects, [text]);
  assert(longest < 1100, `a list of ${longest}`);
  assert(joined < 3 * text.length, `${joined} characters were joined`);
});
