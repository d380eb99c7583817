/** Peers that seem to come from elsewhere. */

import type { MemoryNetwork } from "../../testing.ts";
import type { Network } from "../../transport.ts";

/**
 * A memory network at whose servers each peer has the address that the test says.
 *
 * @param network What carries the bytes.
 * @param remote The address of the next peer.
 */
export function withRemotes(network: MemoryNetwork, remote: () => string): Network {
  return {
    connect: (endpoint, options) => network.connect(endpoint, options),
    listen: (endpoint, accept) =>
      network.listen(endpoint, (inner) =>
        accept({
          remote: remote(),
          start: (receiver) => inner.start(receiver),
          write: (bytes) => inner.write(bytes),
          close: () => inner.close(),
        })),
  };
}
