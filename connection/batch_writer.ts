/**
 * The writes of one connection, for client and server alike: messages that are
 * added within a few microtasks, or while a write is under way, leave together.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { atFaultPoint } from "../internal/fault_points.ts";
import type { Transport } from "../transport.ts";
import { queueMicrotask } from "../internal/platform.ts";
import { ProgressWatch } from "./progress_watch.ts";

/** What a {@linkcode BatchWriter} writes, and what learns how its writes end. */
export interface BatchSource {
  /** How many bytes {@linkcode take} would return. */
  bufferedBytes(): number;
  /**
   * Takes out all bytes that are buffered; they are handed to the transport at once. It may be the
   * first of them only if these are {@linkcode MANY_BYTES} or more.
   */
  take(): Uint8Array;
  /** Takes what is behind the bytes that were taken last, if there is more. */
  takeNext?(): Uint8Array | undefined;
  /** A write has ended. What is added now leaves with the next one. */
  written?(): void;
  /** A write has failed: the connection is lost. */
  writeFailed(error: unknown): void;
}

/** A write has made no progress for too long. */
export class WriteStalled extends Error {
  /** @param timeoutMs For how long, in milliseconds. */
  constructor(timeoutMs: number) {
    super(`the peer has read nothing for ${timeoutMs} ms`);
  }
}

/** How a {@linkcode BatchWriter} forms its batches. */
export interface BatchOptions {
  /**
   * Whether half of a large batch leaves early. Calls often come in batches,
   * each set off by the replies to the one before. With two halves on their
   * way, neither side waits while the other works. Default `false`.
   */
  splitsLargeBatches?: boolean;
  /**
   * How long a write may take without any progress until it counts as failed,
   * and the clock for it. Default: for ever.
   */
  stall?: { readonly clock: Clock; readonly timeoutMs: number };
}

/**
 * - `idle`: nothing is to be written.
 * - `waiting`: something is buffered and waits for more.
 * - `writing`: a write is under way, and nothing is buffered.
 * - `behind`: a write is under way, and more is buffered.
 * - `closed`: nothing more is written.
 */
type State = "idle" | "waiting" | "writing" | "behind" | "closed";

/** With so many bytes a batch that may be split waits no longer. */
const LARGEST_WAITING_BYTES = 64 * 1024;
/** A write of so many bytes is watched from its start, a smaller one when more is behind it. */
const WATCHED_BYTES = 64 * 1024;
/** What is larger than this is written in pieces, each of which is progress. */
const PIECE_BYTES = 256 * 1024;
/** For how many microtasks an item waits for the next one. */
const ITEM_MICROTASKS = 16;
/** With fewer bytes nothing is behind them. */
const MANY_BYTES = 128 * 1024;
/** Half a batch that is smaller than this is not worth a write of its own. */
const SMALLEST_HALF_BYTES = 4 * 1024;

/** Writes what a source has buffered, in batches, one write at a time. */
export class BatchWriter {
  readonly #transport: Transport;
  readonly #source: BatchSource;
  readonly #splits: boolean;
  #state: State = "idle";
  /** How many microtasks are left to wait; one of them is queued unless it is 0. */
  #microtasksLeft = 0;
  /** Whether what was added last during the present write is an item, which others may follow. */
  #isPatient = false;
  /** How many bytes of the present batch have left early. */
  #earlyBytes = 0;
  #enoughBytes = LARGEST_WAITING_BYTES;
  /** The last write. */
  #write: Promise<void> | undefined;
  readonly #watch: ProgressWatch | undefined;

  /**
   * @param transport Where to write.
   * @param source Where the bytes come from.
   * @param options Whether large batches are split.
   */
  constructor(transport: Transport, source: BatchSource, options: BatchOptions = {}) {
    this.#transport = transport;
    this.#source = source;
    this.#splits = options.splitsLargeBatches ?? false;
    const { stall } = options;
    if (stall !== undefined && stall.timeoutMs < Infinity) {
      this.#watch = new ProgressWatch({
        ...stall,
        isExpected: () => this.isWriting,
        onStall: () => this.#failed(new WriteStalled(stall.timeoutMs)),
      });
    }
  }

  /** Whether nothing is to be written, and no write is under way. */
  get isIdle(): boolean {
    return this.#state === "idle";
  }

  /** Whether a write is under way. */
  get isWriting(): boolean {
    return this.#state === "writing" || this.#state === "behind";
  }

  /** Whether the peer does not keep up: more is buffered while a write is under way. */
  get isBehind(): boolean {
    return this.#state === "behind";
  }

  /**
   * Something has been added to the source: it is written soon.
   *
   * @param microtasks For how many microtasks it waits for more. Default 1: for
   * what is added in one go with it.
   */
  add(microtasks = 1): void {
    const state = this.#state;
    if (state === "idle" || state === "waiting") {
      if (this.#splits) {
        const bufferedBytes = this.#source.bufferedBytes();
        if (bufferedBytes >= this.#enoughBytes) {
          this.#earlyBytes += bufferedBytes;
          return this.#writeBuffered();
        }
      }
      this.#state = "waiting";
      if (this.#microtasksLeft === 0) queueMicrotask(this.#tick);
      this.#microtasksLeft = microtasks;
    } else if (state === "writing") {
      this.#state = "behind";
      this.#watch?.start();
    }
  }

  /**
   * An item of a stream has been added to the source. More come one after the other, each some
   * microtasks behind the one before: they leave together, as soon as they are worth a write.
   */
  addItem(): void {
    this.add(ITEM_MICROTASKS);
    if (this.#state !== "waiting") this.#isPatient = true;
    else if (this.#source.bufferedBytes() >= LARGEST_WAITING_BYTES) this.flush();
  }

  /** Writes what waits at once. */
  flush(): void {
    if (this.#state === "waiting") this.#writeBatch();
  }

  /**
   * Writes bytes that are not the source's, as the answer to a handshake.
   *
   * @param bytes No write is under way.
   */
  send(bytes: Uint8Array): void {
    this.#state = "writing";
    this.#start(bytes);
  }

  /**
   * Writes nothing more, after one last message.
   *
   * @param last The message. It is not written if a write is under way.
   * @returns Resolves when the last write has ended, well or not.
   */
  async finish(last?: Uint8Array): Promise<void> {
    if (!this.isWriting && last !== undefined) this.#write = this.#writeAll(last);
    this.close();
    await this.#write?.catch(() => {});
  }

  /** Writes nothing more. */
  close(): void {
    this.#state = "closed";
    this.#watch?.stop();
  }

  readonly #tick = (): void => {
    if (--this.#microtasksLeft > 0) queueMicrotask(this.#tick);
    else if (this.#state === "waiting") this.#writeBatch();
  };

  readonly #written = (): void => {
    if (this.#state === "closed") return;
    this.#watch?.progress();
    const isPatient = this.#isPatient;
    this.#isPatient = false;
    this.#state = this.#state === "behind" ? "waiting" : "idle";
    this.#source.written?.();
    if (isPatient && this.#state === "waiting") this.addItem();
    else this.flush();
  };

  readonly #failed = (error: unknown): void => {
    if (this.#state !== "closed") this.#source.writeFailed(error);
  };

  /** Writes the rest of a batch. The next one will most likely be as large. */
  #writeBatch(): void {
    if (this.#splits) {
      const half = (this.#earlyBytes + this.#source.bufferedBytes()) / 2;
      this.#enoughBytes = half < SMALLEST_HALF_BYTES
        ? LARGEST_WAITING_BYTES
        : Math.min(half, LARGEST_WAITING_BYTES);
      this.#earlyBytes = 0;
    }
    this.#writeBuffered();
  }

  #writeBuffered(): void {
    this.#state = "writing";
    this.#start(this.#source.take());
  }

  #start(bytes: Uint8Array): void {
    if (bytes.length > WATCHED_BYTES) this.#watch?.start();
    const wait = atFaultPoint("batch_written");
    this.#write = wait !== undefined
      ? wait.then(() => this.#writeAll(bytes))
      : this.#writeAll(bytes);
    this.#write.then(this.#written, this.#failed);
  }

  #writeAll(bytes: Uint8Array): Promise<void> {
    return bytes.length < MANY_BYTES ? this.#transport.write(bytes) : this.#writePieces(bytes);
  }

  async #writePieces(first: Uint8Array): Promise<void> {
    for (let bytes: Uint8Array | undefined = first; bytes !== undefined;) {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        await this.#transport.write(bytes.subarray(at, at + PIECE_BYTES));
        this.#watch?.progress();
      }
      bytes = this.#source.takeNext?.();
    }
  }
}
