/**
 * What DNS discovery needs of a resolver, whichever runtime's it is.
 *
 * @module
 */

/** One SRV record. */
export interface SrvAnswer {
  /** The host. */
  readonly target: string;
  /** Its port. */
  readonly port: number;
  /** Records with a higher one are for when these are gone. */
  readonly priority: number;
  /** Its share among those of the same priority. */
  readonly weight: number;
  /** For how long it holds, in seconds, where the resolver tells. */
  readonly ttl?: number;
}

/** One A or AAAA record. */
export interface AddressAnswer {
  /** The IP address. */
  readonly address: string;
  /** For how long it holds, in seconds, where the resolver tells. */
  readonly ttl?: number;
}

/** Asks a name server. A name that does not exist, or has no such record, has no records. */
export interface DnsResolver {
  /**
   * Asks for SRV records.
   *
   * @param name The full name.
   * @param signal Gives the question up.
   */
  srv(name: string, signal: AbortSignal): Promise<readonly SrvAnswer[]>;
  /**
   * Asks for A or AAAA records.
   *
   * @param name The full name.
   * @param family 4 for A, 6 for AAAA.
   * @param signal Gives the question up.
   */
  addresses(name: string, family: 4 | 6, signal: AbortSignal): Promise<readonly AddressAnswer[]>;
}

/** Where a name server listens. */
export interface NameServer {
  /** Its IP address, without brackets. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
}
