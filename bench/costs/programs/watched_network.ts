/** The machine's network, with an eye on what goes through it. */

import type { ConnectOptions, Network, ParsedAddress, Transport } from "@geerpc/xclient";
import { systemNetwork } from "../../../net/network.ts";

/** What is told of everything that goes through. */
export interface Observer {
  /** Bytes have come, and nobody has seen them yet. */
  arrived(endpoint: ParsedAddress): void;
  /** Bytes have been handed to the system. */
  sent(endpoint: ParsedAddress, bytes: Uint8Array): void;
}

/** Connects as ever, and tells an observer. */
export class WatchedNetwork implements Network {
  readonly #observer: Observer;
  readonly listen = systemNetwork.listen;

  /** @param observer What is told. */
  constructor(observer: Observer) {
    this.#observer = observer;
  }

  async connect(endpoint: ParsedAddress, options?: ConnectOptions): Promise<Transport> {
    const observer = this.#observer;
    const transport = await systemNetwork.connect(endpoint, options);
    return {
      remote: transport.remote,
      start: (receiver) =>
        transport.start({
          data(chunk) {
            observer.arrived(endpoint);
            return receiver.data(chunk);
          },
          end: (error) => receiver.end(error),
        }),
      write(bytes) {
        const written = transport.write(bytes);
        // The bytes are valid until then, and nobody else has heard of it yet.
        written.then(() => observer.sent(endpoint, bytes), () => {});
        return written;
      },
      close: () => transport.close(),
    };
  }
}
