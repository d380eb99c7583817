/**
 * What a client knows of its server's extensions of `geerpc/json`.
 *
 * @module
 */

import type { RpcError } from "../errors.ts";
import type { Extensions } from "../protocol/codec.ts";
import type { PendingCall } from "./pending_calls.ts";

/**
 * Whether the server of one connection knows our extensions. One that does says so before all
 * else; one that does not is found out by its answer to a ping.
 */
export class ServerExtensions {
  #isKnown: boolean;
  #server: Extensions | undefined;
  #waiting: (() => void)[] = [];

  /** @param isAsked Whether the server is asked at all. */
  constructor(isAsked: boolean) {
    this.#isKnown = !isAsked;
  }

  /** Whether it is known if the server has them. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** What the server has said of itself; `undefined` if it has none, or as long as it is not known. */
  get server(): Extensions | undefined {
    return this.#server;
  }

  /**
   * Calls back when it is known.
   *
   * @param known What to call; not at all if the connection ends before.
   * @returns Whether it is the first that waits: the server is to be asked for a sign of life.
   */
  wait(known: () => void): boolean {
    return this.#waiting.push(known) === 1;
  }

  /**
   * It is known.
   *
   * @param server What the server has said. Default: nothing, it has none.
   */
  learn(server?: Extensions): void {
    if (this.#isKnown) return;
    this.#isKnown = true;
    this.#server = server;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const known of waiting) known();
  }
}

/** What a call that waits needs of its connection. */
export interface WaitingCallOwner {
  /** Cancels a call that is encoded already. */
  cancel(seq: number): void;
  /** Writes what is encoded. */
  writeSoon(): void;
}

/**
 * Sends a call when it is known whether the server has our extensions.
 *
 * @param call The call, with the next number; it is not encoded yet.
 * @param encode Encodes it; returns why it can't be sent, if it can't.
 * @param extensions What is known.
 * @param owner The connection.
 * @returns Whether it is the first that waits: the server is to be asked for a sign of life.
 */
export function sendWhenKnown(
  call: PendingCall,
  encode: () => RpcError | undefined,
  extensions: ServerExtensions,
  owner: WaitingCallOwner,
): boolean {
  const { seq, settler, table } = call;
  table.addUnsent(call);
  return extensions.wait(() => {
    if (!table.isUnsent(seq)) return; // it was given up
    const failed = encode();
    if (!table.isUnsent(seq)) { // the same, while it was encoded: it is buffered, unless that failed
      return failed === undefined ? owner.cancel(seq) : undefined;
    }
    table.sent(seq);
    if (failed === undefined) {
      owner.writeSoon();
      call.begun();
    } else if (table.take(seq) === call) {
      table.release(call);
      settler.reject(failed);
    }
  });
}
