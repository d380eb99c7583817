/**
 * From an address to a connection: protocol, socket, HTTP CONNECT.
 *
 * @module
 */

import { parseAddress, type ParsedAddress } from "../address.ts";
import { systemClock } from "../clock.ts";
import { errorText, RpcError, TimeoutError } from "../errors.ts";
import { atFaultPoint } from "../internal/fault_points.ts";
import { TimeLimit } from "../internal/time.ts";
import { tlsFrom } from "../internal/tls_options.ts";
import { connectThrough } from "../net/http_connect.ts";
import { systemNetwork } from "../net/network.ts";
import { limitsOf, type Protocol } from "../protocol/codec.ts";
import { checkConnectPath, connectPath } from "../protocol/connect_paths.ts";
import { checkProtocol, openClientCodec } from "../protocol/protocols.ts";
import type { TlsOptions, Transport } from "../transport.ts";
import { ClientConnection, type ServerListener } from "./client_connection.ts";
import { CONNECT_TIMEOUT_MS, type DialOptions } from "./client_options.ts";

/**
 * Connects to one server.
 *
 * @param address `tcp@host:port`, `tls@host:port`, `http@host:port` or `unix@/path`.
 * @param options Protocol, limits and timeouts, all checked.
 * @param listener Learns what the server says of itself.
 * @returns The connection, ready for calls.
 * @throws {RpcError} `invalid_argument` for a wrong address or protocol;
 * `unavailable` if the server can't be reached in time.
 * @throws The signal's reason, if it aborts first.
 */
export async function dialConnection(
  address: string,
  options: DialOptions = {},
  listener?: ServerListener,
): Promise<ClientConnection> {
  const parsed = parseAddress(address);
  const protocol = checkProtocol(parsed.metadata.protocol ?? options.protocol ?? "geerpc/json");
  let transport: Transport | undefined;
  try {
    const loading = atFaultPoint("dial_begun", options.signal);
    if (loading !== undefined) await loading;
    const codec = await openClientCodec(protocol, limitsOf(options), options.handleTimeoutMs ?? 0);
    transport = await connect(parsed, protocol, options);
    const wait = atFaultPoint("dial_connected", options.signal);
    if (wait !== undefined) await wait;
    return new ClientConnection(
      parsed.address,
      transport,
      codec,
      { ...options, protocol },
      listener,
    );
  } catch (error) {
    transport?.close(); // nobody else knows it
    if (error instanceof RpcError) throw error;
    // The machine's network and the option `tls` throw it for misuse, which is as wrong elsewhere.
    if (error instanceof TypeError && options.network === undefined) throw error;
    if (options.signal?.aborted) throw options.signal.reason;
    // A codec that can't be loaded, a network or a transport of someone else's that throws.
    const details = { address: parsed.address, execution: "not_sent", cause: error } as const;
    const message = `${parsed.address}: can't connect: ${errorText(error)}`;
    throw new RpcError("unavailable", message, details);
  }
}

async function connect(
  parsed: ParsedAddress,
  protocol: Protocol,
  options: DialOptions,
): Promise<Transport> {
  const { address } = parsed;
  const path = connectPathTo(parsed, protocol, options);
  const { network = systemNetwork, clock = systemClock } = options;
  const { connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  const limit = new TimeLimit({ clock, signal: options.signal });
  limit.set(connectTimeoutMs, () => {
    const message = `${address}: no connection within ${connectTimeoutMs} ms (connectTimeoutMs)`;
    const cause = new TimeoutError(message, { address, execution: "not_sent" });
    return new RpcError("unavailable", message, { address, execution: "not_sent", cause });
  });
  try {
    const { tls: source } = options;
    let tls: TlsOptions | undefined;
    if (typeof source !== "function") tls = source;
    else if (parsed.scheme === "tls") tls = await limit.race(tlsFrom(source, address));
    const transport = await network.connect(parsed, { signal: limit.signal, tls });
    return path === undefined ? transport : await connectThrough(transport, path, limit.signal);
  } finally {
    limit.end();
  }
}

/** The path of HTTP CONNECT; `undefined` if the connection does not begin with it. */
function connectPathTo(
  { address, scheme, metadata }: ParsedAddress,
  protocol: Protocol,
  options: DialOptions,
): string | undefined {
  if (scheme !== "http" && metadata.path === undefined) return undefined;
  return checkConnectPath(metadata.path || options.connectPath || connectPath(protocol), address);
}
