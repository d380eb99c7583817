/**
 * Accepts connections one after the other, whatever becomes of some of them.
 *
 * @module
 */

import { setTimeout } from "../internal/platform.ts";

/** What is accepted from. */
export interface Acceptor<Connection> {
  /** The next connection; rejects if there is none to be had. */
  accept(): Promise<Connection>;
}

/** How an {@linkcode AcceptLoop} waits; in milliseconds. */
export type Pause = (ms: number) => Promise<void>;

/** How long to wait when the system has no files or no memory for another connection. */
const RETRY_MS = 20;
/** So many turns in a row must bring no connection until none is taken to wait. */
const QUIET_TURNS = 2;

/** After so many failures in a row others get a turn: whatever it is, it may not end. */
const FAILURES_A_TURN = 64;

const OUT_OF_RESOURCES = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"];

/** Accepts connections until it is stopped. */
export class AcceptLoop<Connection> {
  /** Resolves when the loop has ended. */
  readonly ended: Promise<void>;
  readonly #acceptor: Acceptor<Connection>;
  readonly #onConnection: (connection: Connection) => void;
  readonly #pause: Pause;
  #isOpen = true;
  #accepted = 0;

  /**
   * @param acceptor What is accepted from.
   * @param onConnection Called with each connection.
   * @param pause Waits.
   */
  constructor(
    acceptor: Acceptor<Connection>,
    onConnection: (connection: Connection) => void,
    pause: Pause = sleep,
  ) {
    this.#acceptor = acceptor;
    this.#onConnection = onConnection;
    this.#pause = pause;
    this.ended = this.#run();
  }

  /** Waits until all that have connected so far are accepted, and then accepts no more. */
  async stop(): Promise<void> {
    await untilQuiet(() => this.#accepted, () => this.#pause(0));
    this.#isOpen = false;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (this.#isOpen) {
      let connection: Connection;
      try {
        connection = await this.#acceptor.accept();
      } catch (error) {
        // A connection that was reset before it was accepted is no reason to let others wait. The
        // end of the listener ends the loop. Without resources it would fail again at once.
        failures++;
        if (!this.#isOpen) return;
        if (isOutOfResources(error)) await this.#pause(RETRY_MS);
        else if (failures % FAILURES_A_TURN === 0) await this.#pause(0);
        continue;
      }
      failures = 0;
      this.#accepted++;
      this.#onConnection(connection);
    }
  }
}

/**
 * Waits until some turns of the event loop have brought no connection: those
 * in the listener's backlog would be reset when it is closed.
 *
 * @param count How many connections have come so far.
 * @param turn Waits for a turn.
 */
export async function untilQuiet(count: () => number, turn: () => Promise<void>): Promise<void> {
  let seen = count();
  for (let quiet = 0; quiet < QUIET_TURNS;) {
    await turn();
    const now = count();
    quiet = now === seen ? quiet + 1 : 0;
    seen = now;
  }
}

/** Whether the system had no file or no memory left for a connection. */
function isOutOfResources(error: unknown): boolean {
  const { code, message = "" } = Object(error) as { code?: unknown; message?: string };
  if (typeof code === "string") return OUT_OF_RESOURCES.includes(code);
  return /too many open files|no buffer space|cannot allocate memory|out of memory/i.test(message);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
