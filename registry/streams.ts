/**
 * The registry's event streams: each change of the list is sent at once.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import { queueMicrotask } from "../internal/platform.ts";

/** Changes within so many milliseconds of one that was sent are sent together. */
const PACE_MS = 20;

const encoder = new TextEncoder();
const KEEP_ALIVE = encoder.encode(":\n\n");

/** One open stream. */
interface Stream {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** Whether its buffer was full at the last change: it gets the list when it has room. */
  isBehind: boolean;
}

/** Event streams with the same content. A slow reader misses lists, never the last one. */
export class RegistryStreams {
  readonly #clock: Clock;
  readonly #beatMs: number;
  readonly #listing: () => string;
  readonly #streams = new Set<Stream>();
  /** The present listing as an event, once it was needed. */
  #message: Uint8Array | undefined;
  /** Runs while changes are held back. */
  #pace: Timer | undefined;
  /** Whether there is a change that was not sent. */
  #isDue = false;
  #keepAlive: Timer | undefined;

  /**
   * @param clock The clock of all timers.
   * @param beatMs How often a comment shows that the connection is alive, in milliseconds.
   * @param listing Returns the present listing as JSON.
   */
  constructor(clock: Clock, beatMs: number, listing: () => string) {
    this.#clock = clock;
    this.#beatMs = beatMs;
    this.#listing = listing;
  }

  /** How many streams are open. */
  get size(): number {
    return this.#streams.size;
  }

  /**
   * Opens a stream.
   *
   * @returns The body of a response: the present listing, then one for each change.
   */
  open(): ReadableStream<Uint8Array> {
    let stream: Stream;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        stream = { controller, isBehind: false };
        this.#streams.add(stream);
        controller.enqueue(this.#event());
        this.#keepAlive ??= this.#clock.setTimer(this.#beatMs, this.#onKeepAliveDue);
      },
      pull: () => {
        if (!stream.isBehind) return;
        stream.isBehind = false;
        stream.controller.enqueue(this.#event());
      },
      cancel: () => this.#drop(stream),
    });
  }

  /** Sends the changed listing to every stream, together with all changes of this turn. */
  changed(): void {
    this.#message = undefined;
    if (this.#streams.size === 0 || this.#isDue) return;
    this.#isDue = true;
    if (this.#pace === undefined) queueMicrotask(this.#send);
  }

  /** Ends every stream. */
  close(): void {
    for (const { controller } of this.#streams) controller.close();
    this.#streams.clear();
    this.#stop();
  }

  #event(): Uint8Array {
    return this.#message ??= encoder.encode(`event: servers\ndata: ${this.#listing()}\n\n`);
  }

  readonly #send = (): void => {
    this.#pace = undefined;
    if (!this.#isDue) return; // nothing has changed, or no stream is open
    this.#isDue = false;
    for (const stream of this.#streams) {
      if (hasRoom(stream)) stream.controller.enqueue(this.#event());
      else stream.isBehind = true;
    }
    this.#pace = this.#clock.setTimer(PACE_MS, this.#send);
  };

  readonly #onKeepAliveDue = (): void => {
    for (const stream of this.#streams) {
      if (hasRoom(stream)) stream.controller.enqueue(KEEP_ALIVE);
    }
    this.#keepAlive = this.#clock.setTimer(this.#beatMs, this.#onKeepAliveDue);
  };

  #drop(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size === 0) this.#stop();
  }

  #stop(): void {
    this.#keepAlive?.cancel();
    this.#pace?.cancel();
    this.#keepAlive = this.#pace = undefined;
    this.#isDue = false;
  }
}

function hasRoom({ controller }: Stream): boolean {
  return (controller.desiredSize ?? 0) > 0;
}
