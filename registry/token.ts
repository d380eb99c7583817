/**
 * The token that discovery and heartbeat send to a registry.
 *
 * @module
 */

import type { HttpEndpoint } from "../discovery/http.ts";
import { errorText } from "../errors.ts";
import { isLoopback } from "../internal/loopback.ts";
import { type Check, wrongType } from "../internal/options.ts";
import { isToken } from "../internal/secrets.ts";

/** A token, or what returns it each time that it is needed. */
export type TokenSource = string | (() => string | Promise<string>);

/** The check of `token`. */
export const aTokenSource: Check = (name, value) => {
  if (typeof value === "function" || isToken(value)) return;
  if (typeof value !== "string") throw wrongType(name, "a token, or a function", value);
  throw new TypeError(`${name} must be visible ASCII characters, at least one`); // it is a secret
};

/**
 * Checks that a token does not go where others can read it.
 *
 * @param registries Where requests go.
 * @param options The options of discovery or heartbeat.
 * @throws {TypeError} If one would be sent by http to another machine and `insecure` is not
 * set, or in place of a header for authorization.
 */
export function checkTokenUse(
  registries: readonly HttpEndpoint[],
  options: {
    readonly token?: TokenSource;
    readonly insecure?: boolean;
    readonly headers?: Readonly<Record<string, string>>;
  },
): void {
  const { token, insecure = false, headers = {} } = options;
  if (token === undefined) return;
  if (Object.keys(headers).some((name) => name.toLowerCase() === "authorization")) {
    throw new TypeError("both token and headers have an authorization; leave one out");
  }
  for (const { url } of insecure ? [] : registries) {
    const { protocol, hostname } = new URL(url);
    if (protocol === "https:" || isLoopback(hostname)) continue;
    throw new TypeError(
      `the token would be sent to ${url} in the clear: use https, or set insecure: true ` +
        "if nobody else can read what is sent there",
    );
  }
}

/**
 * The header of a token.
 *
 * @param token The token, or what returns it.
 * @returns The header.
 * @throws {Error} If there is none to be had.
 */
export async function bearerOf(token: TokenSource): Promise<Record<string, string>> {
  let value: unknown;
  try {
    value = typeof token === "function" ? await token() : token;
  } catch (error) {
    throw new Error(`the option token has failed: ${errorText(error)}`, { cause: error });
  }
  if (!isToken(value)) throw new Error("the option token has returned no token of visible ASCII");
  return { Authorization: `Bearer ${value}` };
}
