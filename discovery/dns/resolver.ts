/**
 * The resolver that discovery by DNS needs, whichever runtime provides it.
 *
 * @module
 */

/** One SRV record. */
export interface SrvAnswer {
  /** The name of the host. */
  readonly target: string;
  /** Its port. */
  readonly port: number;
  /** Records of a higher number are used only when there are none of a lower one. */
  readonly priority: number;
  /** Its share of the calls, among records of the same priority. */
  readonly weight: number;
  /** The TTL, in seconds, where the resolver reports it. */
  readonly ttl?: number;
}

/** One A or AAAA record. */
export interface AddressAnswer {
  /** The IP address. */
  readonly address: string;
  /** The TTL, in seconds, where the resolver reports it. */
  readonly ttl?: number;
}

/** Asks a name server. A name that does not exist is answered with no records. */
export interface DnsResolver {
  /** Whether a name server that fails or refuses is reported as a name without records. */
  readonly hidesFailures?: boolean;
  /**
   * Asks for SRV records.
   *
   * @param name The full name.
   * @param signal Cancels the question.
   */
  srv(name: string, signal: AbortSignal): Promise<readonly SrvAnswer[]>;
  /**
   * Asks for A or AAAA records.
   *
   * @param name The full name.
   * @param family 4 for A, 6 for AAAA.
   * @param signal Cancels the question.
   */
  addresses(name: string, family: 4 | 6, signal: AbortSignal): Promise<readonly AddressAnswer[]>;
}

/** The address of a name server. */
export interface NameServer {
  /** Its IP address, without brackets. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
}
