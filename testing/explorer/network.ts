/**
 * The network as one client has it: what goes over it is taken down, and its
 * connections can be forgotten as a middlebox does.
 *
 * @module
 */

import type { ParsedAddress } from "../../address.ts";
import type { Clock } from "../../clock.ts";
import type { ConnectOptions, Network, Receiver, Transport } from "../../transport.ts";
import type { History } from "./history.ts";

/** A dial that has ended, or is under way. */
export interface DialRecord {
  readonly client: string;
  readonly address: string;
  readonly startedAtMs: number;
  endedAtMs?: number;
  outcome?: "connected" | "failed" | "given_up";
}

/** The network as one client has it. */
export class ExplorerNetwork implements Network {
  /** Every dial there was. */
  readonly dials: DialRecord[] = [];
  readonly #open = new Set<ExplorerTransport>();
  readonly #toReset = new Set<ExplorerTransport>();

  constructor(
    readonly client: string,
    readonly inner: Network,
    readonly history: History,
    readonly clock: Clock,
  ) {}

  async connect(endpoint: ParsedAddress, options?: ConnectOptions): Promise<Transport> {
    const { client, clock, history } = this;
    const { address } = endpoint;
    const server = address.replace("memory@", "");
    const dial: DialRecord = { client, address, startedAtMs: clock.now() };
    this.dials.push(dial);
    history.message(client, server, "dials");
    try {
      const inner = await this.inner.connect(endpoint, options);
      dial.outcome = "connected";
      history.message(server, client, "accepts");
      const transport = new ExplorerTransport(inner, history, () => this.#open.delete(transport));
      this.#open.add(transport);
      return transport;
    } catch (error) {
      dial.outcome = options?.signal?.aborted ? "given_up" : "failed";
      throw error;
    } finally {
      dial.endedAtMs = clock.now();
    }
  }

  /** How many connections are open at this end. */
  get open(): number {
    return this.#open.size;
  }

  listen: Network["listen"] = (endpoint, accept, options) =>
    this.inner.listen(endpoint, accept, options);

  /**
   * From now on the bytes of the present connections to an address vanish.
   *
   * @param forGood Whether they are not even reset once all is well.
   */
  forget(address: string, forGood = false): void {
    for (const transport of this.#open) {
      if (transport.remote !== address) continue;
      transport.forgotten = true;
      if (!forGood) this.#toReset.add(transport);
    }
  }

  /** Ends the present connections to an address, also those whose other end is gone. */
  reset(address: string): void {
    for (const transport of [...this.#open]) if (transport.remote === address) transport.reset();
  }

  /** Resets the connections that were forgotten, unless for good. */
  heal(): void {
    for (const transport of this.#toReset) transport.reset();
    this.#toReset.clear();
  }
}

class ExplorerTransport implements Transport {
  readonly remote: string;
  forgotten = false;

  constructor(
    readonly inner: Transport,
    readonly history: History,
    readonly onOver: () => void,
  ) {
    this.remote = inner.remote;
  }

  start(receiver: Receiver): void {
    this.inner.start({
      data: (chunk) => this.forgotten ? undefined : receiver.data(chunk),
      end: (error) => {
        this.onOver();
        receiver.end(error);
      },
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    this.history.wrote(bytes);
    return this.forgotten ? Promise.resolve() : this.inner.write(bytes);
  }

  /** Both ends hear that it is over. */
  reset(): void {
    this.inner.close();
  }

  close(): void {
    this.onOver();
    this.inner.close();
  }
}
