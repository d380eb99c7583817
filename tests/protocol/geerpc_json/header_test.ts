/** The fast path for headers: what it reads is what the engine reads, and the rest is left to it. */

import { assert, assertEquals } from "@std/assert";
import { FastHeaderReader, parseHeader } from "../../../protocol/geerpc_json/header.ts";
import { Lines } from "../../../protocol/geerpc_json/lines.ts";
import { between } from "../../support/helpers.ts";
import { seededRandom } from "../../../testing.ts";

const encoder = new TextEncoder();

/** Reads a header that stands between other lines. */
function read(reader: FastHeaderReader, text: string): Record<string, unknown> | undefined {
  const lines = new Lines(encoder.encode(`before\n${text}\nbehind\n`));
  lines.skip();
  const isRead = reader.read(lines);
  assertEquals(lines.at, isRead ? 7 + encoder.encode(text).length + 1 : 7);
  if (!isRead) return undefined;
  const { serviceMethod: ServiceMethod, seq: Seq, load, timeoutMs, expect } = reader;
  const header: Record<string, unknown> = { ServiceMethod, Seq, Error: "" };
  if (load >= 0) header.Load = load;
  if (timeoutMs >= 0) header.Timeout = timeoutMs;
  if (expect >= 0) header.Expect = expect;
  assertEquals(reader.hasMore, Object.keys(header).length > 3);
  return header;
}

const START = '{"ServiceMethod":"A.B","Seq":7';

Deno.test("the usual fields, a reply's Load, a call's Timeout and Expect", () => {
  const reader = new FastHeaderReader();
  const ends = [
    "",
    ',"Error":""',
    ',"Error":"","Load":0',
    ',"Error":"","Load":123456789012345',
    ',"Timeout":0',
    ',"Timeout":5000',
    ',"Expect":0',
    ',"Expect":12',
    ',"Timeout":5000,"Expect":12',
  ];
  // Each behind each other one: nothing of the header before is left.
  for (const before of ends) {
    for (const end of ends) {
      read(reader, `${START}${before}}`);
      const text = `${START}${end}}`;
      assertEquals(read(reader, text), { ...parseHeader(text) }, text);
    }
  }
});

Deno.test("what else a header may have is left to the engine", () => {
  const reader = new FastHeaderReader();
  for (
    const end of [
      ',"Load":5',
      ',"Error":"no","Load":5',
      ',"Error":"","Load":-1',
      ',"Error":"","Load":1.5',
      ',"Error":"","Load":05',
      ',"Error":"","Load":1234567890123456',
      ',"Error":"","Load":',
      ',"Error":"","Load":5,"Code":"unknown"',
      ',"Error":"","Load":5,"Expect":5',
      ',"Expect":5,"Timeout":5',
      ',"Timeout":1e3',
      ',"Timeout":,"Expect":5',
      ',"Timeout":5,"Expect":',
      ',"Timeout":5,"Timeout":5',
      ',"Timeout":5,"Meta":{}',
      ',"Timeout": 5',
      ',"Expect":null',
      ',"Expect":"5"',
    ]
  ) {
    assertEquals(read(reader, `${START}${end}}`), undefined, end);
    const usual = { ServiceMethod: "A.B", Seq: 7, Error: "" };
    assertEquals(read(reader, `${START}}`), usual, end);
  }
});

Deno.test("what is read of damaged headers, JSON.parse reads the same", () => {
  const random = seededRandom(7);
  const reader = new FastHeaderReader();
  const alphabet = '{}":,-0123456789EABL_ .\\'.split("");
  const ends = [',"Error":"","Load":12', ',"Timeout":30,"Expect":4', ',"Expect":40', ""];
  let taken = 0;
  for (let round = 0; round < 40_000; round++) {
    const units = `${START}${ends[between(random, 0, ends.length - 1)]}}`.split("");
    for (let count = between(random, 0, 2); count > 0; count--) {
      const deleted = between(random, 0, 1);
      const added = random() < 0.6 ? [alphabet[between(random, 0, alphabet.length - 1)]] : [];
      units.splice(between(random, 15, units.length - 1), deleted, ...added);
    }
    const text = units.join("");
    const header = read(reader, text);
    if (header === undefined) continue;
    taken++;
    assertEquals(header, { ...parseHeader(text) }, text);
  }
  assert(taken > 10_000, `only ${taken} taken`);
});
