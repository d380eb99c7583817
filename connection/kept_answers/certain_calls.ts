/**
 * The calls of one client whose callers want to learn what became of them.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { Deadlines } from "../../internal/deadlines.ts";
import type { RequestExtras } from "../../protocol/codec.ts";
import type { ClientConnection } from "../client_connection.ts";
import type { Settler } from "../pending_calls.ts";
import { CallIds } from "./call_id.ts";
import { SharedDial } from "./shared_dial.ts";
import { CertainCall, type CertainCallOwner, type RecallLine } from "./certain_call.ts";

/** What such calls need of their client. */
export interface CertainHost {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** Where backoff takes chance from. */
  readonly random: () => number;
  /** An answer is asked for: connections are to be watched. */
  wake(): void;
  /** No answer is missing any more. */
  rest?(): void;
}

/** Gives calls their ids, and ends those whose answers are asked for when the client is closed. */
export class CertainCalls implements CertainCallOwner {
  readonly clock: Clock;
  readonly random: () => number;
  readonly deadlines: Deadlines;
  readonly #host: CertainHost;
  readonly #ids = new CallIds();
  /** Those whose connection is lost. */
  readonly #recalled = new Set<CertainCall>();
  readonly #dials = new Map<RecallLine, SharedDial>();
  #isClosed = false;

  /** @param host The client. */
  constructor(host: CertainHost) {
    this.#host = host;
    this.clock = host.clock;
    this.random = host.random;
    this.deadlines = new Deadlines(host.clock);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** How many calls have lost their connection, and have not ended. */
  get recalled(): number {
    return this.#recalled.size;
  }

  /**
   * Sends a call. To a server that keeps no answers it goes as any other.
   *
   * @param connection Where it is sent.
   * @param line Where its answer is asked for, if that is lost.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param extras What is sent along.
   * @param settler Learns how it ended; perhaps before this returns.
   * @returns The call; `undefined` if it has failed already.
   */
  send(
    connection: ClientConnection,
    line: RecallLine,
    serviceMethod: string,
    args: unknown,
    extras: RequestExtras,
    settler: Settler,
  ): CertainCall | undefined {
    const id = this.#ids.next();
    const { schema } = extras;
    const call = new CertainCall(this, id, connection, line, serviceMethod, schema, settler);
    const sent = { ...extras, awaitsExtensions: true, id };
    call.sent(connection.send(serviceMethod, args, sent, call));
    return call.isOver ? undefined : call;
  }

  wake(): void {
    this.#host.wake();
  }

  began(call: CertainCall): void {
    this.#recalled.add(call);
    this.#dialTo(call.line).users++;
  }

  connect(line: RecallLine): Promise<ClientConnection> {
    return this.#dialTo(line).connect();
  }

  ended(call: CertainCall): void {
    if (!this.#recalled.delete(call)) return;
    const dial = this.#dialTo(call.line);
    if (--dial.users === 0) {
      this.#dials.delete(call.line);
      dial.stop();
    }
    if (this.#recalled.size > 0) return;
    this.deadlines.clear();
    this.#host.rest?.();
  }

  #dialTo(line: RecallLine): SharedDial {
    let dial = this.#dials.get(line);
    if (dial === undefined) {
      dial = new SharedDial(line, this.clock, this.random);
      this.#dials.set(line, dial);
    }
    return dial;
  }

  /** Ends the calls that have lost their connection and are not in flight on another. */
  close(): void {
    this.#isClosed = true;
    for (const call of [...this.#recalled]) call.close();
  }
}
