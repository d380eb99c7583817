/**
 * What the sources that are asked over HTTP share: `fetch`, its errors, URLs.
 *
 * @module
 */

import { errorText } from "../errors.ts";
import { toBase64 } from "./base64.ts";

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

/** Where requests go, without the user and password that its URL may have had. */
export interface HttpEndpoint {
  /** The URL, fit for messages and events. */
  readonly url: string;
  /** The header of the user and password, if the URL had them. */
  readonly authorization?: string;
}

/** How an error shows that a certificate is not trusted, whichever runtime says so. */
const CERTIFICATE = /certificate/i;
/** How an error shows that a server without TLS was asked by https. */
const NO_TLS = /InvalidContentType|wrong version number|packet length too long/i;

/**
 * The text of an error of `fetch`. Node's says no more than "fetch failed", and
 * its cause says why. What can be done about a certificate is added.
 *
 * @param error What `fetch` has thrown.
 * @returns Its message, with that of its cause.
 */
export function fetchErrorText(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const whole = cause === undefined || errorText(error).includes(errorText(cause))
    ? errorText(error)
    : `${errorText(error)}: ${errorText(cause)}`;
  const text = whole.replace(/\s+/g, " ").trim(); // a TLS library ends its texts with a new line
  if (CERTIFICATE.test(text)) {
    return `${text} (an authority of your own comes with the option fetch, on Node by ` +
      "NODE_EXTRA_CA_CERTS)";
  }
  return NO_TLS.test(text) ? `${text} (a server without TLS? its URL begins with http:)` : text;
}

/**
 * Whether an error of `fetch` stays until someone changes the settings of client
 * or server: a certificate that is not trusted, TLS with a server that has none.
 *
 * @param error What `fetch` has thrown.
 * @returns `false` for anything that may heal by itself.
 */
export function isMisconfigured(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { message } = error;
  return CERTIFICATE.test(message) || NO_TLS.test(message) || isMisconfigured(error.cause);
}

/**
 * Parses an http or https URL.
 *
 * @param text The URL; it may have a user and a password.
 * @returns The URL without them, or `undefined` if it is none, or has another scheme.
 */
export function httpUrl(text: string): { url: URL; authorization?: string } | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined;
  const { username, password } = url;
  if (username === "" && password === "") return { url };
  url.username = url.password = "";
  return { url, authorization: `Basic ${toBase64(`${decoded(username)}:${decoded(password)}`)}` };
}

/**
 * A text that was to be a URL, for messages.
 *
 * @param text The text.
 * @returns The same in quotes, without what may be a user and a password.
 */
export function quotedUrl(text: unknown): string {
  return JSON.stringify(String(text).replace(/(\/\/|^)[^/]*@/, "$1…@"));
}

/**
 * The headers of a request.
 *
 * @param endpoint Where it goes.
 * @param headers The headers; one for authorization stands in place of the URL's.
 * @returns All headers.
 */
export function headersFor(
  { authorization }: HttpEndpoint,
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  const isOwn = Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
  return authorization === undefined || isOwn
    ? { ...headers }
    : { Authorization: authorization, ...headers };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a % that stands for itself
  }
}
