/**
 * The calls of a `Client` whose answers are kept. Its connection is over when they are to be asked
 * for, and stays so: another one is for nothing else, and is closed when no answer is missing.
 *
 * @module
 */

import { systemClock } from "../../clock.ts";
import { RpcError } from "../../errors.ts";
import type { ClientConnection } from "../client_connection.ts";
import type { ClientOptions } from "../client_options.ts";
import type { RequestExtras } from "../../protocol/codec.ts";
import type { Liveness } from "../liveness.ts";
import type { Settler } from "../pending_calls.ts";
import type { CertainCall, RecallLine } from "./certain_call.ts";
import { CertainCalls } from "./certain_calls.ts";

/** Connects to the client's server. */
export type Redial = (signal: AbortSignal) => Promise<ClientConnection>;

/** The calls of one client whose answers are kept. */
export class DirectCertain {
  readonly #calls: CertainCalls;
  readonly #line: DirectLine;

  /**
   * @param options Where time and chance come from.
   * @param liveness Finds out if a connection is dead.
   * @param redial Connects.
   */
  constructor(
    options: Pick<ClientOptions, "clock" | "random">,
    liveness: Liveness,
    redial: Redial,
  ) {
    const { clock = systemClock, random = Math.random } = options;
    this.#line = new DirectLine(async (signal) => {
      const connection = await redial(signal);
      liveness.watch(connection);
      return connection;
    });
    this.#calls = new CertainCalls({
      clock,
      random,
      wake: () => liveness.wake(),
      rest: () => this.#line.rest(),
    });
  }

  /** How many calls have lost their connection, and have not ended. */
  get recalled(): number {
    return this.#calls.recalled;
  }

  /** Sends a call; see {@linkcode CertainCalls.send}. */
  send(
    connection: ClientConnection,
    serviceMethod: string,
    args: unknown,
    extras: RequestExtras,
    settler: Settler,
  ): CertainCall | undefined {
    return this.#calls.send(connection, this.#line, serviceMethod, args, extras, settler);
  }

  /**
   * Ends the calls that have lost their connection.
   *
   * @param graceMs How long answers that are asked for may take to come.
   */
  async close(graceMs: number): Promise<void> {
    this.#calls.close();
    await this.#line.close(graceMs);
  }
}

/** A dial, and what it has led to. */
interface Dialled {
  readonly connection: Promise<ClientConnection>;
  client?: ClientConnection;
}

/** One connection at a time, dialled when an answer is to be asked for. */
class DirectLine implements RecallLine {
  readonly #dial: Redial;
  readonly #closing = new AbortController();
  #dialled: Dialled | undefined;
  /** Those that are open. */
  readonly #open = new Set<ClientConnection>();

  /** @param dial Connects to the client's server. */
  constructor(dial: Redial) {
    this.#dial = dial;
  }

  get client(): ClientConnection | undefined {
    const client = this.#dialled?.client;
    return client?.available ? client : undefined;
  }

  connect(): Promise<ClientConnection> {
    return (this.#dialled ??= this.#connect()).connection;
  }

  /** No answer is missing: what is left to be told is told, and the connection ends. */
  rest(): void {
    const dialled = this.#dialled;
    this.#dialled = undefined;
    dialled?.connection.then((connection) => {
      const retire = () => connection.retire("no answer is missing");
      if (!connection.ping({ resolve: retire, reject: retire })) retire();
    }, () => {});
  }

  /**
   * Ends it: dials fail as `canceled` from now on.
   *
   * @param graceMs How long answers that are asked for may take to come.
   */
  async close(graceMs: number): Promise<void> {
    const message = "the client is closed";
    this.#closing.abort(new RpcError("canceled", message, { execution: "not_sent" }));
    await this.#dialled?.connection.catch(() => {});
    await Promise.all([...this.#open].map((connection) => connection.close({ graceMs })));
  }

  #connect(): Dialled {
    const forget = () => {
      if (this.#dialled === dialled) this.#dialled = undefined;
    };
    const dialled: Dialled = { connection: this.#opened(forget) };
    dialled.connection.then((client) => dialled.client = client, forget);
    return dialled;
  }

  async #opened(forget: () => void): Promise<ClientConnection> {
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const connection = await this.#dial(signal);
    this.#open.add(connection);
    connection.closed.then(() => {
      this.#open.delete(connection);
      forget();
    });
    if (signal.aborted) await connection.close();
    return connection;
  }
}
