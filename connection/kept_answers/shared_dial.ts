/**
 * The dials to one server whose answers are missing: one at a time for all calls that it had, and
 * not at once behind one that was of no use.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { RpcError } from "../../errors.ts";
import { type Backoff, backoffMs } from "../../internal/backoff.ts";
import { sleep } from "../../internal/time.ts";
import type { ClientConnection } from "../client_connection.ts";
import type { RecallLine } from "./certain_call.ts";

const REDIAL_BACKOFF: Backoff = { firstMs: 50, maxMs: 2000 };

/** Dials at times. */
export class SharedDial {
  /** How many calls miss an answer. */
  users = 0;
  readonly #line: RecallLine;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #stop = new AbortController();
  #dial: Promise<ClientConnection> | undefined;
  #dials = 0;

  /**
   * @param line Where it leads.
   * @param clock Where the time comes from.
   * @param random Where backoff takes chance from.
   */
  constructor(line: RecallLine, clock: Clock, random: () => number) {
    this.#line = line;
    this.#clock = clock;
    this.#random = random;
  }

  /** The connection, if there is one, or the next. */
  connect(): Promise<ClientConnection> {
    if (this.#line.client !== undefined) return this.#line.connect();
    if (this.#dial !== undefined) return this.#dial;
    const over = () => this.#dial = undefined;
    this.#dial = this.#connect();
    this.#dial.then(over, over);
    return this.#dial;
  }

  /** No answer is missing any more. */
  stop(): void {
    this.#stop.abort();
  }

  async #connect(): Promise<ClientConnection> {
    const { signal } = this.#stop;
    if (this.#dials++ > 0) {
      const waitMs = backoffMs(REDIAL_BACKOFF, this.#dials - 2, this.#random());
      await sleep(this.#clock, waitMs, signal);
    }
    if (signal.aborted) throw new RpcError("canceled", "nobody waits for it any more");
    return await this.#line.connect();
  }
}
