/**
 * What a client tells a server that keeps answers.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { joined, takenWhole } from "../../internal/buffer.ts";
import type { ClientCodec } from "../../protocol/codec.ts";
import type { PendingCalls } from "../pending_calls.ts";
import { PhaseTimer } from "../phase_timer.ts";

/** So many answers are acknowledged at once. */
const MAX_ACKNOWLEDGED = 64;
/** An answer that no call acknowledges along with it is acknowledged after so many milliseconds. */
const ACKNOWLEDGE_AFTER_MS = 1000;
const NO_BYTES = new Uint8Array();

/** Which answers to calls of one connection are here, and which its end gives up. */
export class Acknowledgements {
  readonly #codec: ClientCodec;
  readonly #ping: () => void;
  readonly #timer: PhaseTimer;
  #isUsed = false;

  /**
   * @param codec The protocol's half for the connection.
   * @param clock Where the time comes from.
   * @param ping Sends a ping, which takes along what is acknowledged.
   */
  constructor(codec: ClientCodec, clock: Clock, ping: () => void) {
    this.#codec = codec;
    this.#ping = ping;
    this.#timer = new PhaseTimer(clock);
  }

  /** The server keeps, or may be asked for, the answers to calls of this connection. */
  use(): void {
    this.#isUsed = true;
  }

  /** The answer to a call with this id is here. */
  add(id: string): void {
    const count = this.#codec.acknowledge?.(id) ?? 0;
    if (count >= MAX_ACKNOWLEDGED) this.#ping();
    if (!this.#timer.isSet) this.#timer.set(ACKNOWLEDGE_AFTER_MS, this.#ping);
  }

  /**
   * A server that keeps answers does not take the connection's end for a cancel, nor for a word that
   * they are here, so it is told, as far as that costs no time.
   *
   * @param calls Those in flight.
   * @param isEncoding Whether what is buffered is not to be touched.
   * @returns What to write last; empty if there is nothing to say.
   */
  lastWords(calls: PendingCalls, isEncoding: boolean): Uint8Array {
    if (!this.#isUsed || this.#codec.lastWords === undefined) return NO_BYTES;
    // What is buffered when no call is left are cancels, and calls that have theirs behind them.
    const buffered = calls.size === 0 && !isEncoding ? takenWhole(this.#codec) : NO_BYTES;
    return joined(buffered, this.#codec.lastWords(calls.sentSeqs()));
  }

  /** Ends with the connection. */
  stop(): void {
    this.#timer.cancel();
  }
}
