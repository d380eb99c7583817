/**
 * What a peer has sent, as error messages quote it.
 *
 * @module
 */

/**
 * Quotes the beginning of what a peer has sent, and guesses what it is, for
 * an error message.
 *
 * @param text What has come, as text.
 * @returns At most some 60 characters and a hint.
 */
export function excerpt(text: string): string {
  const start = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text.trimEnd());
  if (text.startsWith("HTTP/")) return `${start} (an HTTP server? its addresses are http@…)`;
  // A TLS record of an alert or a handshake, of any version.
  if ("\x15\x16".includes(text.charAt(0)) && text.charCodeAt(1) === 3) {
    return `${start} (a TLS server? its addresses are tls@…)`;
  }
  return start;
}
