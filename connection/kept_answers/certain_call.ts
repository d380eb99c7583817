/**
 * A call whose caller wants to learn what became of it: when its connection is lost, the server is
 * asked on another one.
 *
 * @module
 */

import type { Clock, Timer } from "../../clock.ts";
import { errorText, type RpcCode, RpcError, TimeoutError } from "../../errors.ts";
import { type Abortable, abortWith, releaseFrom } from "../../internal/abort.ts";
import { type Backoff, backoffMs } from "../../internal/backoff.ts";
import type { Deadlines, Expiring } from "../../internal/deadlines.ts";
import type { MethodSchema } from "../../internal/schema.ts";
import type { ClientConnection } from "../client_connection.ts";
import type { PendingCall, Settler } from "../pending_calls.ts";

/** How often a server is asked that has too much to answer. */
const BUSY_BACKOFF: Backoff = { firstMs: 50, maxMs: 2000 };
/** How long a server is dialled: no server that keeps to the defaults remembers it for longer. */
const RECALL_MS = 60_000;

/** What another dial would fail with, too. */
const LASTING: ReadonlySet<RpcCode> = new Set<RpcCode>([
  "invalid_argument",
  "unauthenticated",
  "permission_denied",
  "unimplemented",
]);

/** Where a server is asked for an answer. */
export interface RecallLine {
  /** The connection, if there is one. */
  readonly client: ClientConnection | undefined;
  /** A connection to the server that had the call, or to another at its address. */
  connect(): Promise<ClientConnection>;
}

/** What all such calls of a client share. */
export interface CertainCallOwner {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** Where backoff takes chance from. */
  readonly random: () => number;
  /** The deadlines of calls whose connection is lost. */
  readonly deadlines: Deadlines;
  /** Whether the client is being closed: nothing more is dialled. */
  readonly isClosed: boolean;
  /** The connection of a call is lost. */
  began(call: CertainCall): void;
  /** A connection for answers, dialled at times for all calls that need it. */
  connect(line: RecallLine): Promise<ClientConnection>;
  /** A call has ended. */
  ended(call: CertainCall): void;
  /** An answer is asked for. */
  wake(): void;
}

/** One such call: to its connection it is who waits for the reply, to its caller the call itself. */
export class CertainCall implements Settler, Abortable, Expiring {
  /** When it expires, on the clock's scale. */
  dueAt = Infinity;
  /** Whether its deadline is running: kept by the queue of deadlines. */
  waiting = false;
  readonly #calls: CertainCallOwner;
  readonly #id: string;
  readonly #settler: Settler;
  readonly #serviceMethod: string;
  readonly #schema: MethodSchema | undefined;
  /** Where it was sent. */
  readonly #connection: ClientConnection;
  /** It on a connection, or the question for its answer. */
  #pending: PendingCall | undefined;
  #signal: AbortSignal | undefined;
  #timeoutMs = Infinity;
  /** What it was lost with, if it was. */
  #lost: RpcError | undefined;
  /** Since when nobody could be asked: later by the time in which an answer was waited for. */
  #lostAtMs = 0;
  #askedAtMs = 0;
  /** How many times its server had too much to answer. */
  #refusals = 0;
  #recalls = 0;
  #timer: Timer | undefined;
  #isOver = false;

  /**
   * @param calls What all such calls of a client share.
   * @param id What names it.
   * @param connection Where it is sent.
   * @param line Where its answer is asked for.
   * @param serviceMethod `Service.Method`.
   * @param schema The types of argument and reply.
   * @param settler Learns how it ended.
   */
  constructor(
    calls: CertainCallOwner,
    id: string,
    connection: ClientConnection,
    readonly line: RecallLine,
    serviceMethod: string,
    schema: MethodSchema | undefined,
    settler: Settler,
  ) {
    this.#calls = calls;
    this.#id = id;
    this.#connection = connection;
    this.#serviceMethod = serviceMethod;
    this.#schema = schema;
    this.#settler = settler;
  }

  /** How many times its answer was asked for. */
  get recalls(): number {
    return this.#recalls;
  }

  /** Whether it has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** It is in flight. */
  sent(pending: PendingCall | undefined): void {
    this.#pending = pending;
  }

  /** Sets a deadline, in milliseconds from now, recalls included. */
  limit(timeoutMs: number): void {
    this.#timeoutMs = timeoutMs;
    this.dueAt = this.#calls.clock.now() + timeoutMs;
    this.#pending?.limit(timeoutMs); // with the others' of its connection, until that is lost
  }

  /** Gives it up when a signal aborts. */
  abortOn(signal: AbortSignal): void {
    if (signal.aborted) return this.abort(signal.reason);
    this.#signal = signal;
    abortWith(signal, this);
  }

  abort(reason: unknown): void {
    if (!this.#end()) return;
    this.#pending?.abort(reason); // the server is told
    this.#settler.reject(reason);
  }

  expire(): void {
    const message = `${this.#place}: no reply within ${this.#timeoutMs} ms`;
    this.abort(new TimeoutError(message, this.#details));
  }

  resolve(value: unknown): void {
    this.#answeredAt(this.#connection);
    if (this.#end()) this.#settler.resolve(value);
  }

  reject(error: unknown): void {
    // One that was never sent is not known there; any other need not be kept any more.
    if (!(error instanceof RpcError) || error.execution !== "not_sent") {
      this.#answeredAt(this.#connection);
    }
    if (this.#end()) this.#settler.reject(error);
  }

  lost(error: RpcError): void {
    if (this.#isOver) return;
    if (this.#connection.server === undefined || error.code === "canceled") {
      return this.reject(error); // it has no id there, or its client was closed
    }
    this.#pending = undefined;
    this.#lost = error;
    this.#lostAtMs = this.#calls.clock.now();
    this.#calls.began(this);
    if (this.dueAt < Infinity) this.#calls.deadlines.add(this);
    this.#connection.closed.then(() => this.#dial()); // behind what its owner does about the loss
  }

  /** Its client is closed while it is not in flight. */
  close(): void {
    if (this.#pending === undefined) this.#giveUp("the client was closed", "canceled");
  }

  #dial(): void {
    if (this.#isOver) return;
    if (this.#calls.isClosed) return this.close();
    this.#calls.connect(this.line).then(
      (connection) => this.#ask(connection),
      (error) => this.#dialFailed(error),
    );
  }

  #dialFailed(error: unknown): void {
    if (this.#isOver) return;
    const code = error instanceof RpcError ? error.code : "invalid_argument";
    const why = `its answer can't be asked for: ${errorText(error)}`;
    if (code === "canceled") this.#giveUp(why, code);
    else if (LASTING.has(code)) this.#giveUp(why);
    else this.#again(why);
  }

  #ask(connection: ClientConnection): void {
    if (this.#isOver) return;
    const { instance } = this.#connection.server!;
    const [id, serviceMethod, schema] = [this.#id, this.#serviceMethod, this.#schema];
    this.#recalls++;
    this.#askedAtMs = this.#calls.clock.now();
    this.#pending = connection.recall({ id, instance, serviceMethod, schema }, {
      resolve: (value) => {
        this.#answeredAt(connection);
        if (this.#end()) this.#settler.resolve(value);
      },
      reject: (error) => this.#recallFailed(connection, error),
      lost: (error) => this.#recallLost(error),
    });
    if (!this.#isOver && this.#pending !== undefined) this.#calls.wake();
  }

  #recallFailed(connection: ClientConnection, error: unknown): void {
    this.#pending = undefined;
    if (this.#isOver) return;
    const execution = error instanceof RpcError ? error.execution : "answered";
    const code = error instanceof RpcError ? error.code : "unknown";
    if (execution === "not_sent") {
      this.#recalls--;
      this.#recallLost(error as RpcError);
    } else if (execution === "unknown" && code === "resource_exhausted") {
      const { clock, random } = this.#calls;
      const waitMs = backoffMs(BUSY_BACKOFF, this.#refusals++, random());
      this.#timer = clock.setTimer(waitMs, () => this.#dial());
    } else {
      this.#answeredAt(connection);
      if (execution === "unknown" && !(error instanceof TimeoutError)) {
        this.#giveUp(errorText(error));
      } else if (this.#end()) this.#settler.reject(error);
    }
  }

  /** The connection is over on which its answer was asked for. */
  #recallLost(error: RpcError): void {
    this.#pending = undefined;
    if (this.#isOver) return;
    if (error.code === "canceled") return this.#giveUp("the client was closed", "canceled");
    this.#lostAtMs += this.#calls.clock.now() - this.#askedAtMs;
    this.#again(errorText(error));
  }

  /** Dials once more, unless it has taken too long. */
  #again(why: string): void {
    if (this.#calls.clock.now() < this.#lostAtMs + RECALL_MS) return this.#dial();
    this.#giveUp(`its answer could not be asked for within ${RECALL_MS} ms: ${why}`);
  }

  /** Nothing more can be known of it. */
  #giveUp(why: string, code?: RpcCode): void {
    const lost = this.#lost!;
    const details = { ...this.#details, cause: lost.cause };
    const error = new RpcError(code ?? lost.code, `${lost.message}; ${why}`, details);
    if (this.#end()) this.#settler.reject(error);
  }

  /** The server need not keep its answer any more. */
  #answeredAt(connection: ClientConnection): void {
    this.#pending = undefined;
    const { server } = this.#connection;
    if (server?.instance === connection.server?.instance) connection.acknowledge(this.#id);
  }

  get #place(): string {
    return `${this.#serviceMethod} at ${this.#connection.address}`;
  }

  get #details() {
    const { address } = this.#connection;
    return { address, serviceMethod: this.#serviceMethod, execution: "unknown" } as const;
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#timer?.cancel();
    if (this.waiting) this.#calls.deadlines.remove(this);
    if (this.#signal !== undefined) releaseFrom(this.#signal, this);
    this.#calls.ended(this);
    return true;
  }
}
