/**
 * Secrets that are compared with what a stranger sends.
 *
 * @module
 */

/** What a token is made of: visible ASCII, which every header carries as it is. */
const TOKEN = /^[!-~]+$/;

/**
 * Whether a value can be a token.
 *
 * @param value Any value.
 * @returns `true` for a text of visible ASCII characters, at least one.
 */
export function isToken(value: unknown): value is string {
  return typeof value === "string" && TOKEN.test(value);
}

/**
 * Compares a text with a secret in a time that tells nothing of the secret: it
 * depends on the length of what was sent alone.
 *
 * @param given What a stranger has sent.
 * @param secret The secret, not empty.
 * @returns Whether they are the same.
 */
export function isSameSecret(given: string, secret: string): boolean {
  const { length } = secret;
  let difference = given.length ^ length;
  for (let at = 0; at < given.length; at++) {
    difference |= given.charCodeAt(at) ^ secret.charCodeAt(at % length);
  }
  return difference === 0;
}
