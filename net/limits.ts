/**
 * Limits of sockets that listen.
 *
 * @module
 */

/** How long a TLS handshake may take unless the listener says otherwise, in milliseconds. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** The most TLS handshakes that are under way at one listener; one more is refused. */
export const MAX_HANDSHAKES = 10_000;
