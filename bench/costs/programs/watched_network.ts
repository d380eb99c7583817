/** The machine's network, with an observer. */

import type { ConnectOptions, Network, ParsedAddress, Transport } from "@geerpc/xclient";
import { systemNetwork } from "../../../net/network.ts";

/** Is called for all bytes. */
export interface Observer {
  /** Bytes have arrived; the library gets them next. */
  arrived(endpoint: ParsedAddress): void;
  /** The system has taken bytes. */
  sent(endpoint: ParsedAddress, bytes: Uint8Array): void;
}

/** Connects by the machine's network, and calls an observer for all bytes. */
export class WatchedNetwork implements Network {
  readonly #observer: Observer;
  readonly listen = systemNetwork.listen;

  /** @param observer Is called for all bytes. */
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
        // The bytes are valid until then: this reaction runs before any of the library's.
        written.then(() => observer.sent(endpoint, bytes), () => {});
        return written;
      },
      close: () => transport.close(),
    };
  }
}
