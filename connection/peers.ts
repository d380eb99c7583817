/**
 * Who is at the other end of a connection, as far as its address tells.
 *
 * @module
 */

/** The schemes of addresses that have an IP address. */
const IP_SCHEMES = ["tcp", "tls", "http"];
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1)$/;
/** Before an IPv4 address that came to a socket of IPv6. */
const MAPPED = /^::ffff:(?=\d+\.)/i;

/**
 * The IP address of a peer.
 *
 * @param remote The address of a transport's other end, as `tcp@10.0.0.7:51234`.
 * @returns `undefined` if it has none: a Unix domain socket, or memory.
 */
export function peerOf(remote: string): string | undefined {
  const at = remote.indexOf("@");
  if (!IP_SCHEMES.includes(remote.slice(0, at))) return undefined;
  const host = remote.slice(at + 1, remote.lastIndexOf(":"));
  return host.replace(/^\[|\]$/g, "").replace(MAPPED, "");
}

/**
 * Whether a peer is on this machine: it came by the loopback interface, a Unix domain
 * socket or memory. Behind a proxy on this machine everyone is.
 *
 * @param remote The address of a transport's other end.
 */
export function isLocal(remote: string): boolean {
  const peer = peerOf(remote);
  if (peer !== undefined) return LOOPBACK.test(peer);
  return remote.startsWith("unix@") || remote.startsWith("memory@");
}

/** Counts the connections of each peer that has an IP address. */
export class PeerConnections {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  /** @param max The most of one peer; `Infinity` for no limit, and then nothing is counted. */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Takes one more connection.
   *
   * @param remote The address of its other end.
   * @returns Whether there is room for it; if not, it is not counted.
   */
  add(remote: string): boolean {
    const peer = this.#counted(remote);
    if (peer === undefined) return true;
    const count = this.#counts.get(peer) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(peer, count + 1);
    return true;
  }

  /** A connection that was counted is over. */
  remove(remote: string): void {
    const peer = this.#counted(remote);
    if (peer === undefined) return;
    const count = this.#counts.get(peer)!;
    if (count === 1) this.#counts.delete(peer);
    else this.#counts.set(peer, count - 1);
  }

  #counted(remote: string): string | undefined {
    return this.#max === Infinity ? undefined : peerOf(remote);
  }
}
