/**
 * How much a server has to do, over all of its connections, and what was too much for it.
 *
 * @module
 */

/**
 * What a server has refused, counted since it was made. A number is named by the
 * option whose limit was reached, if it was one.
 */
export interface RefusedFigures {
  /** Connections that were too many. */
  readonly maxConnections: number;
  /** Connections that were too many of one peer. */
  readonly maxConnectionsPerPeer: number;
  /** TLS handshakes that failed or took too long, and clients whose certificate was refused. */
  readonly tls: number;
  /** Connections that did not say in time what they want, behind TLS if there is any. */
  readonly handshakeTimeoutMs: number;
  /** Connections that began with what is no handshake, or went on with broken frames. */
  readonly broken: number;
  /** Connections that were idle for too long. */
  readonly idleTimeoutMs: number;
  /** Connections whose client read nothing for too long. */
  readonly writeTimeoutMs: number;
  /** Calls that waited too long for others of their connection to end. */
  readonly maxInFlight: number;
  /** Calls that were too many on all connections. */
  readonly maxRunning: number;
  /** Calls whose callers expected that fewer run or wait here, and went elsewhere. */
  readonly moreThanExpected: number;
  /** Calls that would have waited too long for others of all connections to end, or have. */
  readonly maxConcurrent: number;
  /** Calls that were too many to wait. */
  readonly maxWaiting: number;
  /** Calls that came while those that waited took too many bytes already. */
  readonly maxMessageBytes: number;
  /** Calls that waited too long because their client read too few replies. */
  readonly unreadReplies: number;
  /** Calls on connections that drain: the server closes, or there are too many connections. */
  readonly draining: number;
  /** Calls of methods that are not offered. */
  readonly unimplemented: number;
  /** Calls whose argument is over a limit, or can't be read. */
  readonly arguments: number;
}

/** What streams a server has, and what they have carried since it was made. */
export interface StreamFigures {
  /** How many calls are open whose argument or answer comes item by item. */
  readonly streams: number;
  /** How many items of answers were sent. */
  readonly itemsSent: number;
  /** How many items of arguments have come. */
  readonly itemsReceived: number;
}

/** Why something was refused. */
export type Refusal = keyof RefusedFigures;

/** Counts the calls that run, those that wait, and what is refused. */
export class ServerLoad {
  #running = 0;
  #waiting = 0;
  #streams = 0;
  #itemsSent = 0;
  #itemsReceived = 0;
  readonly #refused: Record<Refusal, number> = {
    maxConnections: 0,
    maxConnectionsPerPeer: 0,
    tls: 0,
    handshakeTimeoutMs: 0,
    broken: 0,
    idleTimeoutMs: 0,
    writeTimeoutMs: 0,
    maxInFlight: 0,
    maxRunning: 0,
    moreThanExpected: 0,
    maxConcurrent: 0,
    maxWaiting: 0,
    maxMessageBytes: 0,
    unreadReplies: 0,
    draining: 0,
    unimplemented: 0,
    arguments: 0,
  };

  /** How many handlers have not ended, those of calls that were given up included. */
  get running(): number {
    return this.#running;
  }

  /** How many calls were read and wait to run. */
  get waiting(): number {
    return this.#waiting;
  }

  /** How many calls run or wait. */
  get total(): number {
    return this.#running + this.#waiting;
  }

  /** How many streams are open, and how many items they and those before them have carried. */
  get streamFigures(): StreamFigures {
    return {
      streams: this.#streams,
      itemsSent: this.#itemsSent,
      itemsReceived: this.#itemsReceived,
    };
  }

  /** What was refused so far, as a snapshot. */
  get refused(): RefusedFigures {
    return { ...this.#refused };
  }

  /** So many handlers more have begun; fewer if it is below 0. */
  began(handlers: number): void {
    this.#running += handlers;
  }

  /** So many calls more wait; fewer if it is below 0. */
  queued(calls: number): void {
    this.#waiting += calls;
  }

  /** So many streams more are open; fewer if it is below 0. */
  streamed(streams: number): void {
    this.#streams += streams;
  }

  /** An item of an answer has been sent. */
  itemSent(): void {
    this.#itemsSent++;
  }

  /** An item of an argument has come. */
  itemReceived(): void {
    this.#itemsReceived++;
  }

  /** A connection or a call has been refused. */
  refuse(why: Refusal): void {
    this.#refused[why]++;
  }
}
