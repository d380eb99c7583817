/**
 * Which hosts are this machine, so that nobody on the way can read what is sent there.
 *
 * @module
 */

const LOOPBACK = /^(?:(?:.*\.)?localhost\.?|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i;

/**
 * Whether a host is this machine's loopback. A form of it that nobody writes is
 * taken for another machine.
 *
 * @param hostname A name or an IP address, an IPv6 address with brackets or without.
 * @returns `true` for `localhost`, the names below it, 127.0.0.0/8 and `::1`.
 */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}
