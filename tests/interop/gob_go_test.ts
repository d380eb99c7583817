/**
 * Random values between our gob and Go's own, in both directions, through one Go process each.
 * `GOB_SEED` chooses the values, `GOB_COUNT` says how many there are.
 */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { GobDecoder, GobEncoder, type GobSchema } from "../../gob.ts";
import { seededRandom } from "../../testing.ts";
import { damageReport } from "./gob_damage.ts";
import { type Description, difference } from "./gob_difference.ts";
import { randomValue } from "./gob_random.ts";
import { table } from "./gob_table.ts";
import { goTest, run, SOURCE } from "./peer.ts";

const seed = Number(
  process.env.GOB_SEED ?? Math.floor(Math.random() * 2 ** 31),
);
const count = Number(process.env.GOB_COUNT ?? 100_000);

interface Emitted {
  type: string;
  first: boolean;
  value: Description;
}

/** A test with the Go program, which is built in a folder of its own. */
function withProgram(name: string, body: (program: string) => Promise<void>): void {
  goTest(name, async () => {
    const directory = mkdtempSync(join(tmpdir(), "xclient_gob_"));
    try {
      const program = join(directory, "peer");
      await run("go", ["build", "-o", program, "./gob"], SOURCE);
      await body(program);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

/** Splits a stream of bytes into frames. */
async function* framesOf(
  stream: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    parts.push(chunk);
    size += chunk.length;
    if (size < 4) continue;
    let bytes = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    while (bytes.length >= 4) {
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
      if (bytes.length < 4 + length) break;
      yield bytes.subarray(4, 4 + length);
      bytes = bytes.subarray(4 + length);
    }
    parts = [bytes];
    size = bytes.length;
  }
  assertEquals(size, 0, "the pipe ended in the middle of a frame");
}

function frame(content: Uint8Array): Uint8Array {
  const framed = new Uint8Array(4 + content.length);
  new DataView(framed.buffer).setUint32(0, content.length);
  framed.set(content, 4);
  return framed;
}

/** The values that Go sends: a description of each, and its bytes. */
async function* emitted(
  program: string,
  values: number,
  reset: number,
): AsyncIterable<[Emitted, Uint8Array]> {
  const child = spawn(program, [
    "emit",
    String(seed),
    String(values),
    String(reset),
  ], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  let description: Emitted | undefined;
  for await (const bytes of framesOf(child.stdout)) {
    if (description === undefined) {
      description = JSON.parse(new TextDecoder().decode(bytes));
    } else {
      yield [description, bytes];
      description = undefined;
    }
  }
  assertEquals(await ended, 0);
}

function schemaOf(
  type: string,
  way: "send" | "read",
): GobSchema<unknown, unknown> {
  const entry = table.get(type);
  if (entry === undefined) throw new Error(`no schema of ${type}`);
  return entry[way];
}

withProgram("values from Go, with and without a schema, in pieces of any size", async (program) => {
  const started = performance.now();
  const random = seededRandom(seed);
  let fitted = new GobDecoder();
  let plain = new GobDecoder();
  let whole = new GobDecoder();
  let seen = 0;
  for await (const [said, bytes] of emitted(program, count, 20_000)) {
    if (said.first) {
      fitted = new GobDecoder({ time: "instant" });
      plain = new GobDecoder({ time: "instant" });
      whole = new GobDecoder();
    }
    const where = `seed ${seed}, value ${seen}, ${said.type}`;
    const cut = Math.floor(random() * bytes.length);
    fitted.push(bytes.subarray(0, cut));
    assert(
      !fitted.ready(),
      `${where}: ready after ${cut} of ${bytes.length} bytes`,
    );
    fitted.push(bytes.subarray(cut));
    const value = fitted.next(schemaOf(said.type, "read"));
    assert(value !== undefined, `${where}: not ready`);
    const found = difference(said.value, value.value, false);
    assertEquals(found, "", where);
    // Without a schema, a version with other fields is only read: its fields are not the same.
    if (seen % 16 === 0) {
      for (const byte of bytes) plain.push(Uint8Array.of(byte));
    } else plain.push(bytes);
    const plainly = plain.next();
    assert(plainly !== undefined, `${where}: not ready without a schema`);
    if (!said.type.startsWith("Version")) {
      assertEquals(
        difference(said.value, plainly.value, true),
        "",
        `${where}, no schema`,
      );
    }
    whole.push(bytes);
    assert(whole.skip(), `${where}: not skipped`);
    assertEquals([fitted.buffered, plain.buffered, whole.buffered], [
      0,
      0,
      0,
    ]);
    seen++;
  }
  assertEquals(seen, count);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`GOB_SEED=${seed}: ${seen} values from Go in ${seconds} s`);
});

withProgram("values to Go", async (program) => {
  const started = performance.now();
  const random = seededRandom(seed + 1);
  const names = [...table.keys()];
  const child = spawn(program, ["read"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const sent: { name: string; read: unknown; value: unknown }[] = [];
  const encoder = new GobEncoder();
  const decoder = new GobDecoder();
  const send = async () => {
    for (let index = 0; index < count; index++) {
      const name = names[Math.floor(random() * names.length)];
      const value = randomValue(schemaOf(name, "send"), random);
      const bytes = encoder.encode(value, schemaOf(name, "send"));
      decoder.push(bytes);
      const read = decoder.next(schemaOf(name, "read"));
      assert(read !== undefined, `${name}: our own bytes are not a value`);
      sent.push({ name, read: read.value, value });
      child.stdin.write(frame(new TextEncoder().encode(name)));
      if (!child.stdin.write(frame(bytes))) {
        await new Promise((resolve) => child.stdin.once("drain", resolve));
      }
    }
    child.stdin.end();
  };
  const sending = send();
  let seen = 0;
  for await (const bytes of framesOf(child.stdout)) {
    const answer: { error?: string; value: Description } = JSON.parse(
      new TextDecoder().decode(bytes),
    );
    const { name, read, value } = sent[seen];
    const where = `seed ${seed}, value ${seen}, ${name}`;
    assertEquals(answer.error, undefined, where);
    assertEquals(difference(answer.value, read, false), "", where);
    if (!name.startsWith("Version")) {
      assertEquals(
        difference(answer.value, value, false),
        "",
        `${where}, as sent`,
      );
    }
    sent[seen++] = { name: "", read: null, value: null };
  }
  await sending;
  assertEquals(await ended, 0);
  assertEquals(seen, count);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`GOB_SEED=${seed}: ${seen} values to Go in ${seconds} s`);
});

withProgram("broken streams are read or refused, and take little memory", async (program) => {
  const corpus: { name: string; bytes: Uint8Array }[] = [];
  let stream: Uint8Array[] = [];
  for await (const [said, bytes] of emitted(program, 3000, 2)) {
    if (said.first) stream = [];
    stream.push(bytes.slice());
    const joined = new Uint8Array(
      stream.reduce((sum, part) => sum + part.length, 0),
    );
    let at = 0;
    for (const part of stream) {
      joined.set(part, at);
      at += part.length;
    }
    corpus.push({ name: said.type, bytes: joined });
  }
  console.log(`GOB_SEED=${seed}: ${damageReport(corpus, seed, 2 * count)}`);
});
