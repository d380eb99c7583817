/**
 * How a server listens at an address: the options and their checks, and how a
 * certificate is renewed.
 *
 * @module
 */

import type { ParsedAddress } from "../address.ts";
import { aNetwork, checkOptions, type Checks, flag, name, wholeFrom } from "../internal/options.ts";
import { checkTlsOptions, tlsFrom, tlsSource } from "../internal/tls_options.ts";
import type { Protocol } from "../protocol/codec.ts";
import { checkProtocol } from "../protocol/protocols.ts";
import type { Network, TlsOptions, TlsSource, TransportListener } from "../transport.ts";

/** How a server listens at one address. */
export interface ServeOptions {
  /**
   * What is spoken at this address, where it does not say `?protocol=`. Default: GeeRPC, in the encoding that each
   * client asks for, JSON or gob. `netrpc/gob` and `netrpc/json` have no
   * handshake and need an address of their own. A client that comes by HTTP
   * CONNECT gets the protocol of the path that it asks for, at any address.
   */
  protocol?: Protocol;
  /**
   * Certificate and key for a `tls@` address, and which authorities may have issued clients' own;
   * or a function that gives them, asked now and by `renew()`.
   */
  tls?: TlsSource;
  /**
   * The permissions of the socket at a `unix@` address: 0 to `0o777`. Who may not write to it can't
   * connect, at no time. Default: what the process's umask leaves, mostly `0o755`: its owner alone.
   */
  mode?: number;
  /**
   * Whether to take the path of a `unix@` address from a server that listens there: new
   * connections come here from one moment to the next, and that server keeps those that it has,
   * until it is closed. Default `false`: a path in use is an error.
   */
  takeOver?: boolean;
  /** What listens. Default: the machine's network. */
  network?: Network;
}

/** An address at which a server listens. */
export interface Listener {
  /** The address for clients, with the port that was really taken. */
  readonly address: string;
  /**
   * Uses another certificate from the next handshake on. Connections that are
   * established stay, and no call is lost.
   *
   * @param tls What is to change; the rest stays as it is. Default: the function that `listen` was
   * given as `tls` is asked again. `clientCaCerts` may be replaced, if they were given to `listen`.
   * @throws {TypeError} If there is no such function, the address is none of TLS, or an option is
   * of the wrong type.
   * @throws {RpcError} `invalid_argument` if certificate or key can't be read, or do not fit each
   * other; `unavailable` if the function fails. The certificate stays the same then.
   *
   * @example
   * ```ts ignore
   * const read = async () => ({
   *   cert: await Deno.readTextFile("server.pem"),
   *   key: await Deno.readTextFile("server.key"),
   * });
   * const listener = await server.listen("tls@0.0.0.0:9001", { tls: read });
   * Deno.addSignalListener("SIGHUP", () => listener.renew());
   * ```
   */
  renew(tls?: TlsOptions): Promise<void>;
}

const SERVE_CHECKS: Checks<ServeOptions> = {
  protocol: name(checkProtocol),
  tls: tlsSource,
  mode: wholeFrom(0, 0o777),
  takeOver: flag,
  network: aNetwork,
};

/**
 * Checks the options of `listen`.
 *
 * @param options The caller's options.
 * @throws {TypeError} If one does not exist, or is of the wrong type.
 * @throws {RangeError} If one is out of range.
 * @throws {RpcError} `invalid_argument` for an unknown protocol, or TLS options that are no PEM.
 */
export function checkServeOptions(options: ServeOptions): void {
  checkOptions("listen", options, SERVE_CHECKS);
}

/**
 * The settings of TLS for listening.
 *
 * @param endpoint Where to listen.
 * @param options The caller's options, checked.
 * @returns The settings; those of a function are asked for.
 * @throws {TypeError} If an option is of no use there: what protects an address must not be passed
 * over where it has no effect.
 * @throws {RpcError} `unavailable` if the function fails.
 */
export async function tlsToListen(
  { address, scheme }: ParsedAddress,
  { mode, takeOver, tls: source }: ServeOptions,
): Promise<TlsOptions | undefined> {
  if (scheme !== "unix" && (mode !== undefined || takeOver)) {
    throw new TypeError(`${address}: the options mode and takeOver are for unix@ addresses`);
  }
  const tls = await tlsFrom(source, address);
  if (scheme !== "tls" && tls?.clientCaCerts !== undefined) {
    throw new TypeError(
      `${address}: tls.clientCaCerts is for tls@ addresses; nobody is asked here`,
    );
  }
  return tls;
}

/**
 * How the certificate of a listener is renewed.
 *
 * @param listener The listener.
 * @param source What `listen` was given.
 * @param first The settings that it has begun with.
 */
export function renewerOf(
  listener: TransportListener,
  source: TlsSource | undefined,
  first: TlsOptions | undefined,
): Listener["renew"] {
  let current = first;
  return async (tls) => {
    const { address } = listener;
    if (listener.renew === undefined) throw new TypeError(`${address} has no certificate to renew`);
    if (tls === undefined && typeof source !== "function") {
      throw new TypeError(`renew needs { cert, key }: ${address} was given no function as tls`);
    }
    const next = checkTlsOptions({ ...current, ...tls ?? await tlsFrom(source, address) });
    await listener.renew(next);
    current = next;
  };
}
