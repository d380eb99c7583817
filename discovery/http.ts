/**
 * What the sources that are asked over HTTP share: `fetch`, its errors, URLs.
 *
 * @module
 */

import { errorText } from "../errors.ts";

/** Makes requests: the platform's `fetch`, or a function with the same contract. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * The platform's `fetch`, looked up for each request.
 *
 * @param url Where to.
 * @param init Method, headers, body, signal.
 * @returns The response.
 */
export const platformFetch: Fetch = (url, init) => fetch(url, init);

/**
 * The text of an error of `fetch`. Node's says no more than "fetch failed", and
 * its cause says why.
 *
 * @param error What `fetch` has thrown.
 * @returns Its message, with that of its cause.
 */
export function fetchErrorText(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? errorText(error) : `${errorText(error)}: ${errorText(cause)}`;
}

/**
 * Parses an http or https URL.
 *
 * @param text The URL.
 * @returns The URL, or `undefined` if it is none, or has another scheme.
 */
export function httpUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) ? url : undefined;
}
