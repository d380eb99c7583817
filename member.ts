/**
 * One server of the fleet, as an `XClient` sees it: its endpoint, its one
 * connection, and the dial that is under way.
 *
 * @module
 */

import type { Endpoint } from "./address.ts";
import { type Client, type ClientOptions, dial } from "./client.ts";
import { RpcError } from "./errors.ts";
import type { Candidate } from "./selector.ts";

/** One server and the one connection to it. */
export class Member implements Candidate {
  /** What tells it from the others. */
  readonly address: string;
  /** Its address, taken apart; its metadata may change. */
  endpoint: Endpoint;
  readonly #options: ClientOptions;
  readonly #giveUp = new AbortController();
  /** The present connection, and those before it whose last calls have not ended. */
  readonly #clients = new Set<Client>();
  #client: Client | undefined;
  #dialing: Promise<Client> | undefined;
  /** How many calls wait for the dial or the reply. */
  #busy = 0;
  #left: (() => void) | undefined;

  /**
   * @param endpoint Its address, taken apart.
   * @param options How to connect.
   */
  constructor(endpoint: Endpoint, options: ClientOptions) {
    this.address = endpoint.address;
    this.endpoint = endpoint;
    this.#options = options;
  }

  /** The connection, if there is one that takes calls. */
  get client(): Client | undefined {
    return this.#client?.available ? this.#client : undefined;
  }

  /**
   * The connection, dialled if need be. All who wait share one dial, and none
   * of them can end it for the others.
   *
   * @returns A client that takes calls.
   * @throws {RpcError} What `dial` throws.
   */
  connect(): Promise<Client> {
    const { client } = this;
    if (client !== undefined) return Promise.resolve(client);
    this.#dialing ??= this.#dial().finally(() => this.#dialing = undefined);
    return this.#dialing;
  }

  async #dial(): Promise<Client> {
    const { signal } = this.#giveUp;
    const { protocol } = this.endpoint.metadata;
    const address = protocol === undefined
      ? this.address
      : `${this.address}?${new URLSearchParams({ protocol })}`;
    const client = await dial(address, { ...this.#options, signal });
    this.#clients.add(client);
    client.closed.then(() => this.#clients.delete(client));
    if (signal.aborted) {
      await client.close();
      throw signal.reason;
    }
    return this.#client = client;
  }

  /** A call has been given to this server. */
  begin(): void {
    this.#busy++;
  }

  /** A call that was given to this server has ended. */
  end(): void {
    this.#busy--;
    if (this.#busy === 0) this.#left?.();
  }

  /**
   * The server has left the list: its calls end, then its connection.
   *
   * @returns Resolves when all is over.
   */
  async leave(): Promise<void> {
    if (this.#busy > 0) await new Promise<void>((resolve) => this.#left = resolve);
    await this.close();
  }

  /**
   * Ends the dial and the connection.
   *
   * @param graceMs How long calls in flight may take to end. Default 0.
   * @returns Resolves when both are over.
   */
  async close(graceMs = 0): Promise<void> {
    this.#giveUp.abort(
      new RpcError("canceled", `${this.address}: the client was closed while it dialled`, {
        address: this.address,
        execution: "not_sent",
      }),
    );
    await Promise.all([...this.#clients].map((client) => client.close({ graceMs })));
    await this.#dialing?.catch(() => {});
  }
}
