/**
 * Damaged frames of every protocol, read by either side: a short run of `deno task fuzz`.
 * `FUZZ_SEED` chooses the frames, `FUZZ_FRAMES` says how many for each protocol and side.
 */

import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { Cases } from "./cases.ts";
import { again, fromText, fuzz, headline, shrunk, toText } from "./fuzzer.ts";
import { KNOWN, knownAs, MENDED } from "./known.ts";
import type { Input } from "./outcome.ts";
import { examine } from "./properties.ts";
import { nameOf, TARGETS } from "./targets.ts";
import { countWork } from "./work.ts";

// The same frames each time; `deno task fuzz` goes on to others.
const seed = Number(process.env.FUZZ_SEED ?? 1);
const frames = Number(process.env.FUZZ_FRAMES ?? 400);

for (const target of TARGETS) {
  Deno.test(`${nameOf(target)}: damaged frames are read or refused (seed ${seed})`, async () => {
    const stop = countWork();
    try {
      const report = await fuzz(target, seed, 0, frames);
      const [first] = report.failed.filter(({ input, violation }) => !knownAs(input, violation));
      if (first !== undefined) {
        const small = await shrunk(first.input, first.violation);
        throw new Error(headline(first, seed) + toText(small, first.violation, "shrunk"));
      }
      assert(report.read > 0 && report.read < frames, `${report.read} of ${frames} were read`);
    } finally {
      stop();
    }
  });
}

for (const { what, property, input } of KNOWN) {
  Deno.test(`known, and to be taken out of the list once it is mended: ${what}`, async () => {
    const stop = countWork();
    try {
      assertEquals((await again(input))?.property, property);
    } finally {
      stop();
    }
  });
}

Deno.test("what is mended stays so", async () => {
  const stop = countWork();
  try {
    for (const { what, input } of MENDED) assertEquals(await again(input), undefined, what);
  } finally {
    stop();
  }
});

Deno.test("the same seed and number are the same case", () => {
  for (const target of TARGETS) {
    const [one, other] = [new Cases(target, 7), new Cases(target, 7)];
    other.make(3);
    for (const index of [0, 5, 999]) assertEquals(one.make(index), other.make(index));
  }
});

Deno.test("an input that is kept is the same when it is read again", () => {
  const { input } = new Cases(TARGETS[1], 7).make(11);
  const text = toText(input, { property: "nothing is wrong", detail: "" }, "here");
  assertEquals(fromText(text), input);
});

Deno.test("work that grows with the square of a stream is found, and the stream made small", async () => {
  const stop = countWork();
  try {
    const text = "x".repeat(100_000);
    const before = await examine(inputOf(text));
    assertEquals(before.violation, undefined);
    const original = String.prototype.indexOf;
    String.prototype.indexOf = function (...args) { // as a reader that begins at 0 again and again
      for (let at = 0; at < 100; at++) original.apply(this, ["none", 0]);
      return original.apply(this, args);
    };
    try {
      const { violation } = await examine(inputOf(text));
      assertEquals(violation?.property, "work is linear");
    } finally {
      String.prototype.indexOf = original;
    }
  } finally {
    stop();
  }
});

function inputOf(text: string): Input {
  const line = `{"ServiceMethod":"S.Plain","Seq":1}\n"${text}"\n`;
  return {
    target: { protocol: "geerpc/json", side: "server" },
    limits: { maxMessageBytes: 1 << 20, maxDepth: 20 },
    bytes: new TextEncoder().encode(line),
    intact: 0,
    cuts: [],
  };
}
