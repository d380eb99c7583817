/**
 * What a client writes: calls are bufferedBytes, and leave together.
 *
 * @module
 */

import type { ClientCodec } from "../protocol/codec.ts";
import type { Transport } from "../transport.ts";

/**
 * How many microtasks a write waits for company. A reply that comes resumes
 * its caller some microtasks later; all the calls that one read sets off are
 * made within these, and leave in one write.
 */
const GATHER_MICROTASKS = 4;
/** For how many the only call in flight waits: for those made in one go with it. */
const ALONE_MICROTASKS = 1;
/** With so many bytes a write waits no longer. */
const ENOUGH_BYTES = 64 * 1024;
/** Less than this is not worth a write of its own while more is to come. */
const LEAST_BYTES = 4 * 1024;

/**
 * One write at a time. If calls come in large flocks, each set off by the
 * replies to the one before, half of a flock leaves early: two halves go round
 * by turns, and neither side waits while the other works.
 */
export class BatchWriter {
  readonly #codec: ClientCodec;
  readonly #transport: Transport;
  readonly #onWrite: () => void;
  readonly #onLost: (error: unknown) => void;
  #writing = false;
  #toWrite = false;
  #closed = false;
  /** How many microtasks are left to wait. */
  #waiting = 0;
  /** What has left early of this flock. */
  #earlyBytes = 0;
  #enoughBytes = ENOUGH_BYTES;

  /**
   * @param codec What gathers.
   * @param transport Where it is written.
   * @param onWrite Told when all that has gathered is handed to the transport.
   * @param onLost Told why a write has failed.
   */
  constructor(
    codec: ClientCodec,
    transport: Transport,
    onWrite: () => void,
    onLost: (error: unknown) => void,
  ) {
    this.#codec = codec;
    this.#transport = transport;
    this.#onWrite = onWrite;
    this.#onLost = onLost;
  }

  /**
   * Something has been added to the codec: it is written soon.
   *
   * @param isAlone Whether no other call is in flight whose like may come.
   */
  add(isAlone: boolean): void {
    this.#toWrite = true;
    if (this.#writing) return;
    const { bufferedBytes } = this.#codec;
    if (bufferedBytes >= this.#enoughBytes) {
      this.#earlyBytes += bufferedBytes;
      return this.#write();
    }
    if (this.#waiting === 0) queueMicrotask(this.#tick);
    this.#waiting = isAlone ? ALONE_MICROTASKS : GATHER_MICROTASKS;
  }

  /** Writes nothing more. */
  close(): void {
    this.#closed = true;
  }

  readonly #tick = (): void => {
    if (--this.#waiting > 0) queueMicrotask(this.#tick);
    else if (this.#toWrite && !this.#writing) this.#writeRest();
  };

  readonly #written = (): void => {
    this.#writing = false;
    if (this.#toWrite) this.#writeRest();
  };

  /** The next flock will be as large as this one, most likely. */
  #writeRest(): void {
    const half = (this.#earlyBytes + this.#codec.bufferedBytes) / 2;
    this.#enoughBytes = half < LEAST_BYTES ? ENOUGH_BYTES : Math.min(half, ENOUGH_BYTES);
    this.#earlyBytes = 0;
    this.#write();
  }

  #write(): void {
    if (this.#closed) return;
    this.#toWrite = false;
    this.#writing = true;
    this.#onWrite();
    this.#transport.write(this.#codec.take()).then(this.#written, this.#onLost);
  }
}
