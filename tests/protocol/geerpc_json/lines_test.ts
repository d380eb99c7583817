import { assert, assertEquals } from "@std/assert";
import { LineReader, Lines, type LineSink } from "../../../protocol/geerpc_json/lines.ts";
import type { ReceivedParts } from "../../../protocol/geerpc_json/values/decode.ts";
import { between } from "../../support/helpers.ts";
import { seededRandom } from "../../../testing.ts";

function sinkInto(seen: string[]): LineSink {
  return {
    lines(lines) {
      while (lines.more) seen.push(lines.text().replace(/\n$/, ""));
    },
    tooLong: () => void seen.push("TOO LONG"),
    raw: () => assert(false, "nobody has asked for raw bytes"),
  };
}

/** Reads chunks as lines of at most so many bytes. */
function read(chunks: Iterable<Uint8Array>, maxBytes = 1000) {
  const reader = new LineReader(maxBytes);
  const lines: string[] = [];
  const sink = sinkInto(lines);
  for (const chunk of chunks) reader.push(chunk, sink);
  return { lines, reader };
}

function cut(bytes: Uint8Array, at: number[]): Uint8Array[] {
  const ends = [...at.sort((a, b) => a - b), bytes.length];
  let from = 0;
  return ends.map((to) => {
    // A chunk is valid during the call only: reuse shows a reader that keeps it.
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
  const random = seededRandom(11);
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
  const sink = sinkInto(lines);
  const buffer = new Uint8Array(3);
  for (const part of ["abc", "de\n", "fgh", "\nij", "k\nl"]) {
    buffer.set(new TextEncoder().encode(part));
    reader.push(buffer, sink);
  }
  assertEquals(lines, ["abcde", "fgh", "ijk"]);
});

Deno.test("LineReader: a line over the limit is reported once, as soon as it is known, and skipped", () => {
  const reader = new LineReader(10);
  const seen: string[] = [];
  const sink = sinkInto(seen);
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

Deno.test("Lines: what is read as text, as bytes and not at all", () => {
  const encoder = new TextEncoder();
  const texts = ["plain\n", "é\nplain\n", "\xff€\nplain 😀\n", `${"x".repeat(100)}\nend\n`];
  for (const text of [...texts, texts.join("")]) {
    const all = text.split("\n").slice(0, -1);
    for (let ways = 0; ways < 3 ** all.length && ways < 3 ** 6; ways++) {
      const lines = new Lines(encoder.encode(text));
      let rest = ways;
      for (const line of all) {
        assert(lines.more);
        const way = rest % 3;
        rest = Math.floor(rest / 3);
        if (way === 0) assertEquals(lines.text().replace(/\n$/, ""), line);
        else if (way === 1) lines.skip();
        else lines.advanceTo(lines.at + encoder.encode(line).length + 1);
      }
      assert(!lines.more);
    }
  }
  const broken = new Lines(new Uint8Array([0xff, 10, 0xc3, 0xa9, 0xff, 10]));
  assertEquals([broken.text(), broken.text()], ["\ufffd", "é\ufffd"]);
});

/** Reads lines, and behind one like `+2,0,30` or `-2` raw bytes that are wanted or not. */
class RawSink implements LineSink {
  readonly seen: unknown[] = [];
  reader!: LineReader;

  lines(lines: Lines) {
    while (lines.more) {
      const text = lines.text().replace(/\n$/, "");
      this.seen.push(text);
      const use = text[0] === "-" ? "skipped" : text.length % 2 === 0 ? "kept" : "read";
      if (/^[+-]/.test(text)) this.reader.expect(lengthsOf(text), lines, use);
    }
  }

  tooLong() {
    this.seen.push("TOO LONG");
    this.reader.expect([7], undefined, "skipped");
  }

  raw({ parts, areOwn }: ReceivedParts) {
    for (const part of parts) {
      assert(!areOwn || part.length === part.buffer.byteLength);
      this.seen.push([...part]);
    }
  }
}

function lengthsOf(text: string): number[] {
  return text.slice(1).split(",").map(Number);
}

Deno.test("LineReader: raw bytes between lines, however the stream is cut", () => {
  const random = seededRandom(5);
  const encoder = new TextEncoder();
  for (let round = 0; round < 200; round++) {
    const bytes: number[] = [];
    const expected: unknown[] = [];
    for (let count = between(random, 1, 12); count > 0; count--) {
      const lengths = Array.from({ length: between(random, 1, 4) }, () => between(random, 0, 40));
      const kind = random();
      const text = kind < 0.3 ? "line é" : kind < 0.4 ? "x".repeat(61) : kind < 0.8 ? "+" : "-";
      const line = text.length === 1 ? text + lengths : text;
      bytes.push(...encoder.encode(`${line}\n`));
      expected.push(line.length > 60 ? "TOO LONG" : line);
      const raw = text.length === 1 ? lengths : line.length > 60 ? [7] : [];
      for (const length of raw) {
        const part = Array.from({ length }, () => random() < 0.3 ? 10 : between(random, 0, 255));
        bytes.push(...part);
        if (text === "+") expected.push(part);
      }
    }
    for (let time = 0; time < 5; time++) {
      const at = time === 0
        ? Array.from(bytes, (_, place) => place)
        : Array.from({ length: between(random, 0, 8) }, () => between(random, 0, bytes.length));
      const reader = new LineReader(60);
      const sink = new RawSink();
      sink.reader = reader;
      for (const chunk of cut(new Uint8Array(bytes), at)) {
        reader.push(chunk, sink);
        chunk.fill(0); // it is valid during the call only
      }
      assertEquals(sink.seen, expected, JSON.stringify({ round, at }));
      assert(reader.atBoundary);
    }
  }
});

Deno.test("LineReader: memory for raw bytes is taken as they come", () => {
  const sink = new RawSink();
  const reader = sink.reader = new LineReader(100);
  const length = 3_000_001;
  reader.push(new TextEncoder().encode(`+${length},5\n`), sink);
  assert(!reader.atBoundary);
  const part = new Uint8Array(length).map((_, at) => at * 7);
  for (let at = 0; at < length; at += 700_000) reader.push(part.slice(at, at + 700_000), sink);
  assertEquals(sink.seen.length, 1);
  reader.push(new Uint8Array([1, 2, 3, 4, 5, 97, 10]), sink);
  assertEquals(sink.seen[1], [...part]);
  assertEquals(sink.seen.slice(2), [[1, 2, 3, 4, 5], "a"]);
});
