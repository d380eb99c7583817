/**
 * Base64, as etcd's gateway and HTTP's basic authorization have it.
 *
 * @module
 */

/**
 * Encodes a text in base64.
 *
 * @param text Any text.
 * @returns Base64 of its UTF-8.
 */
export function toBase64(text: string): string {
  return bytesToBase64(new TextEncoder().encode(text));
}

/**
 * Encodes bytes in base64.
 *
 * @param bytes Any bytes.
 * @returns Base64.
 */
export function bytesToBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
