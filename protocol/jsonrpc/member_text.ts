/**
 * The own text of a member of a JSON object: what `JSON.parse` makes of a number may be another one.
 *
 * @module
 */

import { ASCII, isSpace } from "../ascii.ts";

const {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} = ASCII;

/**
 * Finds a member of the object itself, not of those in it.
 *
 * @param text An object that `JSON.parse` has read.
 * @param name The member's name.
 * @returns Its value as it is written; of several the last, as `JSON.parse` has it; `undefined` if
 * there is none.
 */
export function memberText(text: string, name: string): string | undefined {
  let found: string | undefined;
  let at = text.indexOf("{") + 1;
  while (at > 0 && at < text.length) {
    at = skipSpace(text, at);
    if (text.charCodeAt(at) !== QUOTE) break; // the end
    const keyEnd = skipValue(text, at);
    const key = JSON.parse(text.slice(at, keyEnd));
    at = skipSpace(text, keyEnd);
    if (text.charCodeAt(at) !== COLON) break;
    const from = skipSpace(text, at + 1);
    const to = skipValue(text, from);
    if (key === name) found = text.slice(from, to);
    at = skipSpace(text, to);
    if (text.charCodeAt(at) !== COMMA) break;
    at++;
  }
  return found;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text.charCodeAt(at))) at++;
  return at;
}

/** Goes behind a value, which is not looked at: by its quotes, braces and brackets alone. */
function skipValue(text: string, from: number): number {
  let depth = 0;
  let inString = false;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) {
        inString = false;
        if (depth === 0) return at + 1;
      }
    } else if (code === QUOTE) inString = true;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (code === COMMA || isSpace(code))) return at;
  }
  return text.length;
}
