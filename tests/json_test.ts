import { assert, assertEquals, assertThrows } from "@std/assert";
import { RpcError } from "../errors.ts";
import { LineReader, parse, stringify } from "../json.ts";
import { between, seeded } from "./helpers.ts";

const LIMITS = { maxMessageBytes: 1000, maxDepth: 10 };

/** What a reader of so many bytes a line makes of chunks. */
function read(chunks: Iterable<Uint8Array>, maxBytes = 1000) {
  const reader = new LineReader(maxBytes);
  const lines: string[] = [];
  const sink = {
    line: (text: string, from: number, to: number) => void lines.push(text.slice(from, to)),
    tooLong: () => void lines.push("TOO LONG"),
  };
  for (const chunk of chunks) reader.push(chunk, sink);
  return { lines, reader };
}

function cut(bytes: Uint8Array, at: number[]): Uint8Array[] {
  const ends = [...at.sort((a, b) => a - b), bytes.length];
  let from = 0;
  return ends.map((to) => {
    // A chunk is only valid during the call: reuse would show a reader that keeps it.
    const chunk = bytes.slice(from, to);
    from = to;
    return chunk;
  });
}

const TEXT = 'one\n\n{"é":"€😀"}\r\n\u2028 \u2029\n' + "x".repeat(100) + "\n𝄞𝄞𝄞\nend";
const LINES = ["one", "", '{"é":"€😀"}\r', "\u2028 \u2029", "x".repeat(100), "𝄞𝄞𝄞"];

Deno.test("LineReader: one cut anywhere gives the same lines", () => {
  const bytes = new TextEncoder().encode(TEXT);
  for (let at = 0; at <= bytes.length; at++) {
    const { lines, reader } = read(cut(bytes, [at]));
    assertEquals(lines, LINES, `cut at ${at}`);
    assertEquals([reader.atBoundary, reader.unfinished], [false, "end"]);
  }
});

Deno.test("LineReader: chunks of any size give the same lines", () => {
  const bytes = new TextEncoder().encode(TEXT);
  for (let size = 1; size <= 40; size++) {
    const at = Array.from({ length: Math.floor(bytes.length / size) }, (_, n) => n * size);
    assertEquals(read(cut(bytes, at)).lines, LINES, `chunks of ${size}`);
  }
});

Deno.test("LineReader: random cuts give the same lines, limits included", () => {
  const random = seeded(11);
  const alphabet = ["a", "é", "€", "😀", "\n", "xxxxxxxxxxxxxxxx", '"'];
  for (let round = 0; round < 300; round++) {
    let text = "";
    for (let count = between(random, 0, 60); count > 0; count--) {
      text += alphabet[between(random, 0, alphabet.length - 1)];
    }
    const encoder = new TextEncoder();
    const bytes = encoder.encode(text + "\n");
    const maxBytes = between(random, 1, 60);
    const expected = text.split("\n")
      .map((line) => encoder.encode(line).length > maxBytes ? "TOO LONG" : line);
    for (let time = 0; time < 5; time++) {
      const at = Array.from(
        { length: between(random, 0, 8) },
        () => between(random, 0, bytes.length),
      );
      const { lines, reader } = read(cut(bytes, at), maxBytes);
      assertEquals(lines, expected, JSON.stringify({ text, maxBytes, at }));
      assert(reader.atBoundary);
    }
  }
});

Deno.test("LineReader: keeps nothing of a chunk that is used again", () => {
  const reader = new LineReader(1000);
  const lines: string[] = [];
  const sink = {
    line: (text: string, from: number, to: number) => void lines.push(text.slice(from, to)),
    tooLong: () => {},
  };
  const buffer = new Uint8Array(3);
  for (const part of ["abc", "de\n", "fgh", "\nij", "k\nl"]) {
    buffer.set(new TextEncoder().encode(part));
    reader.push(buffer, sink);
  }
  assertEquals(lines, ["abcde", "fgh", "ijk"]);
});

Deno.test("LineReader: a line over the limit is told of when it passes it, once, and skipped", () => {
  const reader = new LineReader(10);
  const seen: string[] = [];
  const sink = {
    line: (text: string, from: number, to: number) => void seen.push(text.slice(from, to)),
    tooLong: () => void seen.push("TOO LONG"),
  };
  const push = (text: string) => reader.push(new TextEncoder().encode(text), sink);
  push("x".repeat(10));
  push("\n");
  push("x".repeat(11));
  assertEquals(seen, ["x".repeat(10)]); // the newline may be next … but is not
  push("x");
  assertEquals(seen.at(-1), "TOO LONG");
  for (let n = 0; n < 100; n++) push("x".repeat(1000)); // never held
  assert(!reader.atBoundary);
  push("end\nnext\n");
  assertEquals(seen.slice(1), ["TOO LONG", "next"]);
  assert(reader.atBoundary);
});

Deno.test("LineReader: a byte order mark and bytes that are no UTF-8 do not end the stream", () => {
  const bytes = [0xef, 0xbb, 0xbf, 0x31, 10, 0xff, 0xfe, 10, 0xe2, 0x82, 10, 0x32, 10];
  for (let at = 0; at <= bytes.length; at++) {
    const { lines } = read(cut(new Uint8Array(bytes), [at]));
    assertEquals(lines, ["\ufeff1", "\ufffd\ufffd", "\ufffd", "2"]);
  }
});

Deno.test("stringify: what JSON can say, and null for nothing", () => {
  const table: [unknown, string][] = [
    [undefined, "null"],
    [null, "null"],
    [NaN, "null"],
    [[undefined, () => {}], "[null,null]"],
    [{ a: undefined, b: 1 }, '{"b":1}'],
    ["\n\u2028\ud800", '"\\n\u2028\\ud800"'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ];
  for (const [value, text] of table) assertEquals(stringify(value, LIMITS), text);
});

Deno.test("stringify: a text is one line whatever is in it", () => {
  assert(!stringify({ "\n": "\n\r" }, LIMITS).includes("\n"));
});

Deno.test("stringify refuses what it can't say, and what is over the limit by a byte", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  for (const value of [1n, cycle, () => {}, Symbol(), { toJSON: () => undefined }]) {
    const error = assertThrows(
      () => stringify(value, LIMITS),
      RpcError,
      "can't be encoded as JSON",
    );
    assertEquals(error.code, "invalid_argument");
  }
  for (const fits of ["x".repeat(998), "é".repeat(499), "€".repeat(332)]) {
    assert(stringify(fits, LIMITS));
    const error = assertThrows(() => stringify(fits + "abc", LIMITS), RpcError, "1000 bytes");
    assertEquals(error.code, "resource_exhausted");
  }
});

Deno.test("stringify: nesting without end is an error, not a crash", () => {
  let deep: unknown = 1;
  for (let n = 0; n < 100_000; n++) deep = [deep];
  try { // some engines write it
    assertEquals(stringify(deep, { ...LIMITS, maxMessageBytes: 1e9 }).length, 200_001);
  } catch (error) {
    assert(error instanceof RpcError && error.code === "invalid_argument", String(error));
  }
});

Deno.test("parse refuses malformed text as data_loss, quoting a little of it", () => {
  for (const text of ["", "{", "[1,]", "nul", "'a'", '"\n"', "1 2", "\ufeff1", "x".repeat(500)]) {
    const error = assertThrows(() => parse(text, LIMITS), RpcError, "malformed JSON");
    assertEquals(error.code, "data_loss");
    assert(error.message.length < 150);
  }
});

Deno.test("parse refuses __proto__ however it is written and wherever it stands", () => {
  for (
    const text of [
      '{"__proto__":1}',
      '[[{"a":{"__proto__":{}}}]]',
      '{"\\u005f_proto__":1}',
      '{"__pr\\u006fto__":[]}',
      '{"a":"' + "x".repeat(50) + '","__proto\\u005f\\u005F":1}',
    ]
  ) {
    const error = assertThrows(() => parse(text, LIMITS), RpcError, "__proto__");
    assertEquals(error.code, "invalid_argument");
  }
  for (
    const text of [
      '"__proto__"',
      '["__proto__"]',
      '{"a":"__proto__"}',
      '{"constructor":1}',
      '{"\\u0061":1}',
    ]
  ) { // deno-fmt-ignore
    assertEquals(parse(text, LIMITS), JSON.parse(text));
  }
});

Deno.test("parse: nesting up to the limit, arrays and objects counted alike", () => {
  const arrays = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const objects = (depth: number) => '{"a":'.repeat(depth - 1) + "{}" + "}".repeat(depth - 1);
  const wide = (depth: number) => `[${"1,".repeat(100)}${arrays(depth - 1)}]`;
  for (const nest of [arrays, objects, wide]) {
    assertEquals(parse(nest(10), LIMITS), JSON.parse(nest(10)));
    const error = assertThrows(() => parse(nest(11), LIMITS), RpcError, "nested too deeply");
    assertEquals(error.code, "invalid_argument");
    assertThrows(() => parse(nest(3000), LIMITS), RpcError, "nested too deeply");
  }
});
