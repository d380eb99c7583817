/**
 * The streams on which a registry tells each change at once.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";

/** Changes within so many milliseconds of a first are told together. */
const PACE_MS = 20;

const encoder = new TextEncoder();
const BEAT = encoder.encode(":\n\n");

interface Stream {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** Whether it was too slow for the last change, and gets it when it has caught up. */
  isBehind: boolean;
}

/** Event streams that all say the same. A slow reader misses lists, never the last one. */
export class RegistryStreams {
  readonly #clock: Clock;
  readonly #beatMs: number;
  readonly #text: () => string;
  readonly #streams = new Set<Stream>();
  #message: Uint8Array | undefined;
  #pace: Timer | undefined;
  #isDue = false;
  #beat: Timer | undefined;

  /**
   * @param clock Where the time comes from.
   * @param beatMs How often a comment shows that the connection lives.
   * @param text What there is to tell now, as JSON.
   */
  constructor(clock: Clock, beatMs: number, text: () => string) {
    this.#clock = clock;
    this.#beatMs = beatMs;
    this.#text = text;
  }

  /** How many streams are open. */
  get size(): number {
    return this.#streams.size;
  }

  /**
   * Opens a stream.
   *
   * @returns The body of an answer: the list as it is, then each change.
   */
  open(): ReadableStream<Uint8Array> {
    let stream: Stream;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        stream = { controller, isBehind: false };
        this.#streams.add(stream);
        controller.enqueue(this.#now());
        this.#beat ??= this.#clock.setTimer(this.#beatMs, this.#onBeat);
      },
      pull: () => {
        if (!stream.isBehind) return;
        stream.isBehind = false;
        stream.controller.enqueue(this.#now());
      },
      cancel: () => this.#drop(stream),
    });
  }

  /** Tells every stream that there is something new, with all that changes in this turn. */
  changed(): void {
    this.#message = undefined;
    if (this.#streams.size === 0 || this.#isDue) return;
    this.#isDue = true;
    if (this.#pace === undefined) queueMicrotask(this.#tell);
  }

  /** Ends every stream. */
  close(): void {
    for (const { controller } of this.#streams) controller.close();
    this.#streams.clear();
    this.#stop();
  }

  #now(): Uint8Array {
    return this.#message ??= encoder.encode(`event: servers\ndata: ${this.#text()}\n\n`);
  }

  readonly #tell = (): void => {
    this.#pace = undefined;
    if (!this.#isDue) return; // nothing new, or nobody to tell
    this.#isDue = false;
    for (const stream of this.#streams) {
      if (hasRoom(stream)) stream.controller.enqueue(this.#now());
      else stream.isBehind = true;
    }
    this.#pace = this.#clock.setTimer(PACE_MS, this.#tell);
  };

  readonly #onBeat = (): void => {
    for (const stream of this.#streams) {
      if (hasRoom(stream)) stream.controller.enqueue(BEAT);
    }
    this.#beat = this.#clock.setTimer(this.#beatMs, this.#onBeat);
  };

  #drop(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size === 0) this.#stop();
  }

  #stop(): void {
    this.#beat?.cancel();
    this.#pace?.cancel();
    this.#beat = this.#pace = undefined;
    this.#isDue = false;
  }
}

function hasRoom({ controller }: Stream): boolean {
  return (controller.desiredSize ?? 0) > 0;
}
