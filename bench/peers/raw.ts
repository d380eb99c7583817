/**
 * A raw echo, as the limit of what a client can reach: messages of the same size
 * as ours, sent and echoed without being read. Several calls in flight are one
 * batch.
 */

import { answerMeasures, ECHO_SIZES, type Figures, figures } from "./measured.ts";

/** A connection to an echo server. */
export interface RawConnection {
  write(bytes: Uint8Array): Promise<unknown>;
  /** Reads the next bytes; resolves to how many they are. */
  read(): Promise<number>;
}

/** The smallest buffer that does not slow large messages down. */
export const BUFFER_BYTES = 256 * 1024;

/** Requests as they are on the wire. */
const MESSAGES: Readonly<Record<string, string>> = {
  add: '{"ServiceMethod":"Arith.Sum","Seq":123456}\n{"A":1,"B":2}\n',
  echo1k: echo(ECHO_SIZES.echo1k),
  echo64k: echo(ECHO_SIZES.echo64k),
};

function echo(length: number): string {
  return `{"ServiceMethod":"Arith.Echo","Seq":123456}\n"${"x".repeat(length)}"\n`;
}

/** Answers commands over a connection to an echo server. */
export function answerRaw(connection: RawConnection): Promise<void> {
  return answerMeasures((work, inFlight, ms) => {
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
