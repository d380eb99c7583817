/**
 * How error messages quote what a peer has sent.
 *
 * @module
 */

/**
 * Quotes the beginning of what a peer has sent, with a hint if it looks like
 * another protocol.
 *
 * @param text What the peer has sent, as text.
 * @returns The first 60 characters, in quotes, and the hint.
 */
export function excerpt(text: string): string {
  const start = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text.trimEnd());
  if (text.startsWith("HTTP/")) return `${start} (an HTTP server? its addresses are http@…)`;
  // A TLS record of an alert or a handshake, of any version.
  if ("\x15\x16".includes(text.charAt(0)) && text.charCodeAt(1) === 3) {
    // The sixth byte is the kind of a handshake's message: the first one is a client's.
    const isClient = text.charAt(0) === "\x16" && text.charCodeAt(5) === 1;
    const what = isClient
      ? "client? it is served at tls@ addresses"
      : "server? its addresses are tls@…";
    return `${start} (a TLS ${what})`;
  }
  return start;
}
