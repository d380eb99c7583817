/**
 * A raw echo, as the limit of what a client can reach: messages of the same size
 * as ours, sent and echoed without being read. Several calls in flight are one
 * batch.
 */

import {
  answerMeasures,
  BYTES_SIZES,
  CHUNK_SIZE,
  ECHO_SIZES,
  type Figures,
  figures,
} from "./measured.ts";

/** A connection to an echo server. */
export interface RawConnection {
  write(bytes: Uint8Array): Promise<unknown>;
  /** Reads the next bytes; resolves to how many they are. */
  read(): Promise<number>;
  close(): void;
}

/** The smallest buffer that does not slow large messages down. */
export const BUFFER_BYTES = 256 * 1024;

/** Requests as they are on the wire. */
const MESSAGES: Readonly<Record<string, string>> = {
  add: '{"ServiceMethod":"Arith.Sum","Seq":123456}\n{"A":1,"B":2}\n',
  echo1k: echo(ECHO_SIZES.echo1k),
  echo64k: echo(ECHO_SIZES.echo64k),
  bytes1k: bytes(BYTES_SIZES.bytes1k),
  bytes64k: bytes(BYTES_SIZES.bytes64k),
  bytes1m: bytes(BYTES_SIZES.bytes1m),
};

/** What a server sends that is asked for a stream of chunks. */
export const CHUNK: Uint8Array = new Uint8Array(CHUNK_SIZE).fill(120);

/** The first byte of a connection that asks for a stream of chunks; no message begins with it. */
export const ASKS_FOR_CHUNKS = "*";

function echo(length: number): string {
  return `{"ServiceMethod":"Arith.Echo","Seq":123456}\n"${"x".repeat(length)}"\n`;
}

function bytes(length: number): string {
  return `{"ServiceMethod":"Bytes.Echo","Seq":123456,"Parts":[${length}]}\n` +
    '{"$":["bytes",0,"Uint8Array"]}\n' + "x".repeat(length);
}

/**
 * Answers commands over a connection to an echo server.
 *
 * @param connect Opens one more connection, for a stream.
 */
export async function answerRaw(connect: () => Promise<RawConnection>): Promise<void> {
  const connection = await connect();
  await answerMeasures((work, inFlight, ms) => {
    if (work === "chunks") return chunksFor(connect, ms);
    const batch = new TextEncoder().encode(MESSAGES[work].repeat(inFlight));
    return echoFor(connection, batch, inFlight, ms);
  });
}

async function echoFor(
  connection: RawConnection,
  batch: Uint8Array,
  inFlight: number,
  ms: number,
): Promise<Figures> {
  const samples: number[] = [];
  let replies = 0;
  let now = performance.now();
  const from = now;
  while (now - from < ms) {
    const writing = connection.write(batch);
    for (let length = 0; length < batch.length;) length += await connection.read();
    await writing;
    const before = now;
    now = performance.now();
    samples.push(now - before);
    replies += inFlight;
  }
  return figures(replies, now - from, samples);
}

async function chunksFor(connect: () => Promise<RawConnection>, ms: number): Promise<Figures> {
  const connection = await connect();
  await connection.write(new TextEncoder().encode(ASKS_FOR_CHUNKS));
  let length = 0;
  let passed = 0;
  for (const from = performance.now(); passed < ms; passed = performance.now() - from) {
    length += await connection.read();
  }
  connection.close();
  return { calls: length / CHUNK_SIZE, ms: passed, p50: 0, p90: 0, p99: 0, max: 0 };
}
