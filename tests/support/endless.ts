/** A body that never ends. */

/** A body that never ends, and what became of it. */
export class Endless {
  /** The body; what it sends is made when it is read. */
  readonly body: ReadableStream<Uint8Array>;
  /** How many characters were read. */
  sent = 0;
  /** Whether its reader has given it up. */
  isCanceled = false;

  constructor(next: () => string, first: string) {
    const encoder = new TextEncoder();
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        if (first !== "") controller.enqueue(encoder.encode(first));
      },
      pull: (controller) => {
        const text = next();
        this.sent += text.length;
        controller.enqueue(encoder.encode(text));
      },
      cancel: () => {
        this.isCanceled = true;
      },
    });
  }
}

/**
 * Makes a body that never ends.
 *
 * @param text What it repeats, 64 KiB at a time; or makes each piece.
 * @param first What comes once, before all of it.
 */
export function endless(text: string | (() => string), first = ""): Endless {
  if (typeof text !== "string") return new Endless(text, first);
  const piece = text.repeat(65_536 / text.length);
  return new Endless(() => piece, first);
}
