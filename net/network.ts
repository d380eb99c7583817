/**
 * The machine's network. The sockets of the runtime that it runs on, and only
 * those, are loaded with the first connection.
 *
 * @module
 */

import type { ParsedAddress } from "../address.ts";
import { RpcError } from "../errors.ts";
import { checkTlsOptions } from "../internal/tls_options.ts";
import type {
  ConnectOptions,
  ListenOptions,
  Network,
  Transport,
  TransportListener,
} from "../transport.ts";
import { networkFailure } from "./failures.ts";

function sockets() {
  return "Deno" in globalThis ? import("./deno.ts") : import("./node.ts");
}

function refuseMemory(endpoint: ParsedAddress): void {
  if (endpoint.scheme !== "memory") return;
  throw new RpcError(
    "invalid_argument",
    `${endpoint.address}: a memory address needs the option network, a MemoryNetwork`,
    { address: endpoint.address, execution: "not_sent" },
  );
}

/** A listener whose certificate is checked before it is renewed, and whose failures are told alike. */
function renewable(endpoint: ParsedAddress, listener: TransportListener): TransportListener {
  const { address, renew } = listener;
  if (renew === undefined) return listener;
  return {
    ...listener,
    async renew(tls) {
      checkTlsOptions(tls);
      try {
        await renew(tls);
      } catch (error) {
        if (error instanceof TypeError) throw error;
        throw networkFailure({ ...endpoint, address }, "can't renew the certificate", error);
      }
    },
  };
}

/** The machine's network: TCP, TLS and unix sockets, on Deno, Node and Bun. */
export const systemNetwork: Network = {
  async connect(endpoint: ParsedAddress, options: ConnectOptions = {}): Promise<Transport> {
    refuseMemory(endpoint);
    if (endpoint.scheme === "tls") checkTlsOptions(options.tls ?? {});
    const { connect } = await sockets();
    try {
      return await connect(endpoint, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      throw networkFailure(endpoint, "can't connect", error);
    }
  },

  async listen(
    endpoint: ParsedAddress,
    accept: (transport: Transport) => void,
    options: ListenOptions = {},
  ): Promise<TransportListener> {
    refuseMemory(endpoint);
    if (endpoint.scheme === "tls") {
      const { tls = {} } = options;
      if (!(tls.cert && tls.key)) {
        throw new TypeError(
          `listening on ${endpoint.address} needs the options tls.cert and tls.key, as PEM texts`,
        );
      }
      checkTlsOptions(tls);
    }
    const { listen } = await sockets();
    try {
      return renewable(endpoint, await listen(endpoint, accept, options));
    } catch (error) {
      throw networkFailure(endpoint, "can't listen", error);
    }
  },
};
