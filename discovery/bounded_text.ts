/**
 * Text from a source of endpoints, as it comes over HTTP: whole, or line by
 * line, and never longer than a source in order would send. A source that
 * sends without end costs no more memory than that.
 *
 * @module
 */

/** A text or a line that is longer than it may be. */
export class TooLongError extends Error {
  /**
   * @param what What is too long, such as "the answer".
   * @param most How long it may be, in characters.
   */
  constructor(what: string, most: number) {
    super(`${what} is too long: over ${most} characters`);
  }
}

/**
 * Decodes a body.
 *
 * @param body Bytes of UTF-8, or none.
 * @returns The text in pieces, as they come. Whoever stops early cancels the body.
 */
export async function* piecesOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<string> {
  if (body === null) return;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    reader.cancel().catch(() => {}); // it may have failed
  }
}

/**
 * Joins a text.
 *
 * @param pieces Its pieces, as they come.
 * @param most How long it may be, in characters.
 * @returns The whole text.
 * @throws {TooLongError} As soon as it is longer.
 */
export async function joined(pieces: AsyncIterable<string>, most: number): Promise<string> {
  const all: string[] = [];
  let length = 0;
  for await (const piece of pieces) {
    length += piece.length;
    if (length > most) throw new TooLongError("the answer", most);
    all.push(piece);
  }
  return all.join("");
}

/** Cuts a text into its lines. Each character is looked at once, however small the pieces are. */
export class LineSplitter {
  readonly #most: number;
  /** The pieces of the line whose end is still to come. */
  #rest: string[] = [];
  #restLength = 0;

  /** @param most How long a line may be, in characters. */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Takes the next piece of the text.
   *
   * @param piece The piece.
   * @returns The lines that have ended with it, without their ends.
   * @throws {TooLongError} If a line is longer than it may be.
   */
  push(piece: string): string[] {
    const lines = piece.split("\n");
    const rest = lines.pop()!;
    if (lines.length > 0) {
      lines[0] = this.#takeRest(lines[0]);
      if (lines.some((line) => line.length > this.#most)) throw this.#tooLong();
    }
    this.#rest.push(rest);
    this.#restLength += rest.length;
    if (this.#restLength > this.#most) throw this.#tooLong();
    return lines.map((line) => line.endsWith("\r") ? line.slice(0, -1) : line);
  }

  #takeRest(last: string): string {
    const line = this.#rest.join("") + last;
    this.#rest = [];
    this.#restLength = 0;
    return line;
  }

  #tooLong(): TooLongError {
    return new TooLongError("a line", this.#most);
  }
}
