/**
 * A plain `Client` in the place of an `XClient`: one connection, which is not
 * made anew.
 *
 * @module
 */

import { type Client, dial, type DialOptions } from "../../client.ts";
import type { ExploredCallOptions, ExploredClient, ReceiptRecord } from "./subject.ts";

/** What a call is given. */
type CallArgs = [serviceMethod: string, args?: unknown, options?: ExploredCallOptions];

/** A plain client, as the explorer uses clients. */
export class DirectClient implements ExploredClient {
  readonly #address: string;
  readonly #options: DialOptions;
  #client: Client | undefined;
  #closed = false;

  /**
   * @param address The server.
   * @param options How to connect.
   */
  constructor(address: string, options: DialOptions) {
    this.#address = address;
    this.#options = options;
  }

  /** Dials. Called once, before any call. */
  async connect(): Promise<void> {
    this.#client = await dial(this.#address, this.#options);
  }

  /** Whether the connection takes calls. */
  get available(): boolean {
    return this.#client?.available ?? false;
  }

  readonly call = (...args: CallArgs): Promise<unknown> => this.#client!.call(...args);

  readonly stream = (
    ...args: Parameters<NonNullable<ExploredClient["stream"]>>
  ): ReturnType<NonNullable<ExploredClient["stream"]>> => this.#client!.stream(...args);

  /** There is one server: all of them is it. */
  readonly broadcast = this.call;
  readonly fork = this.call;

  async *inform(...args: CallArgs): AsyncGenerator<ReceiptRecord> {
    yield { address: this.#address, ok: true, reply: await this.call(...args) };
  }

  endpoints(): ReturnType<ExploredClient["endpoints"]> {
    if (this.#client === undefined || this.#closed) return [];
    const { address, inFlight, available } = this.#client;
    return [{
      address,
      inFlight,
      connected: available,
      weight: 1,
      effectiveWeight: 1,
      zone: "",
      health: "healthy",
      stalled: false,
      oldestAgeMs: 0,
      latencyMs: 0,
      successes: 0,
      failures: 0,
      refused: 0,
    }];
  }

  async close(options: { graceMs?: number } = {}): Promise<void> {
    await this.#client!.close(options);
    this.#closed = true;
  }
}
