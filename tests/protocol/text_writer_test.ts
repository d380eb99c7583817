import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../testing.ts";
import { TextWriter } from "../../protocol/text_writer.ts";

const decoder = new TextDecoder();

Deno.test("TextWriter: what is added is taken once, as UTF-8, small or large", () => {
  const writer = new TextWriter();
  for (const text of ["", "a", "é€😀", "x".repeat(5000), "é".repeat(50_000), "\ud800", "last"]) {
    writer.append(text.slice(0, 1));
    writer.append(text.slice(1));
    assertEquals(decoder.decode(writer.take()), text.replace("\ud800", "\ufffd"));
    assertEquals(writer.take().length, 0);
  }
});

Deno.test("TextWriter: texts of every length and width, behind one another", () => {
  const writer = new TextWriter();
  for (const unit of ["x", "é", "€", "😀"]) {
    let expected = "";
    for (let length = 0; length < 300; length += 7) {
      writer.append(unit.repeat(length));
      writer.appendBytes(new TextEncoder().encode(unit));
      expected += unit.repeat(length) + unit;
    }
    assertEquals(decoder.decode(writer.take()), expected);
  }
});

Deno.test("TextWriter: whole numbers", () => {
  const writer = new TextWriter();
  const numbers = [0, 9, 10, 99, 100, 2147483647, 2147483648, -1, -2147483648, 2 ** 53 - 1];
  for (const number of numbers) {
    writer.appendInteger(number);
    assertEquals(decoder.decode(writer.take()), `${number}`);
  }
});

Deno.test("TextWriter: what is taken does not change until the next time", () => {
  const writer = new TextWriter();
  writer.append("first");
  const first = writer.take();
  writer.append("other".repeat(1000));
  assertEquals(decoder.decode(first), "first");
});

Deno.test("TextWriter: what is cut is not written", () => {
  const writer = new TextWriter();
  writer.append("kept");
  const { length } = writer;
  writer.append("é".repeat(1000));
  writer.cut(length);
  writer.append(" and this");
  assertEquals(decoder.decode(writer.take()), "kept and this");
});

Deno.test("TextWriter: much is taken piece by piece, and what is added meanwhile comes behind", () => {
  const writer = new TextWriter();
  const random = seededRandom(3);
  let expected = "";
  let written = "";
  for (let round = 0; round < 200; round++) {
    for (let count = random() * 8; count > 0; count--) {
      writer.begin();
      const text = String.fromCharCode(97 + round % 26).repeat(
        random() < 0.3 ? 70_000 : random() * 900,
      );
      const { length } = writer;
      writer.append(text);
      if (random() < 0.2) writer.cut(length);
      else expected += text;
    }
    const before = writer.length;
    let bytes: Uint8Array | undefined = writer.take();
    assertEquals(writer.length, 0);
    let taken = 0;
    while (bytes !== undefined) {
      writer.begin();
      writer.append("é"); // does not change what was taken
      taken += bytes.length;
      written += decoder.decode(bytes);
      bytes = writer.takeNext();
    }
    assertEquals(taken, before);
    for (let rest: Uint8Array | undefined = writer.take(); rest; rest = writer.takeNext()) {
      assertEquals(decoder.decode(rest).replaceAll("é", ""), "");
    }
  }
  assert(written === expected);
});

Deno.test("TextWriter: a number that is known later stands in the room for it", () => {
  const writer = new TextWriter();
  for (const [number, text] of [[0, "0"], [7, "7"], [2 ** 53 - 1, "9007199254740991"]] as const) {
    writer.append("[");
    const room = writer.appendRoom();
    writer.append("]");
    writer.fill(room, number);
    assertEquals(decoder.decode(writer.take()), `[${text.padStart(16)}]`);
  }
});
