/**
 * Who may read and who may change a registry's list: whoever sends one of some
 * tokens, or has a client certificate that will do.
 *
 * @module
 */

import { callback, type Check, type Checks, group, wrongType } from "../internal/options.ts";
import { isSameSecret, isToken } from "../internal/secrets.ts";
import type { PeerCertificate } from "../transport.ts";

/**
 * Secrets of visible ASCII characters, any of which will do. Several let an old and
 * a new one be valid at a time; a function is asked at each request, so what it
 * returns may change, and it must not return a promise.
 */
export type RegistryTokens = string | readonly string[] | (() => string | readonly string[]);

/** Who may do something with a registry: whoever fulfils one of these. */
export interface RegistryAccess {
  /**
   * The tokens. A client sends one as `Authorization: Bearer …`, or as the password of
   * basic authorization, as Go's clients do for `http://any:token@host`, and browsers.
   * Default: none will do.
   */
  tokens?: RegistryTokens;
  /**
   * Whether a client's certificate will do. It is only asked of those that TLS has
   * verified, which is known behind `nodeHandler` and `https.createServer` with
   * `requestCert` and `ca`. Default: none will do.
   */
  certificate?: (certificate: PeerCertificate) => boolean;
}

/** What may be done: ask for the list and see the page, or register and deregister servers. */
export type AccessKind = "read" | "write";

/** Why a request is refused. */
export interface Refusal {
  /** The status of HTTP. */
  readonly status: 401 | 403 | 503;
  /** What is wrong. */
  readonly why: string;
  /** Further headers of the answer. */
  readonly headers: Record<string, string>;
}

/** What a request has brought along to show who asks. */
export interface Credentials {
  /** Its headers. */
  readonly headers: Headers;
  /** The certificate of its connection, if that has been verified. */
  readonly certificate?: PeerCertificate;
}

const ACCESS_CHECKS: Checks<RegistryAccess> = {
  tokens(name, value) {
    if (typeof value === "function") return;
    const all = typeof value === "string" ? [value] : value;
    if (!Array.isArray(all)) throw wrongType(name, "a token, a list of some, or a function", value);
    // The value is not shown: it may be a secret.
    if (all.length > 0 && all.every(isToken)) return;
    throw new TypeError(`${name} must be tokens of visible ASCII characters, at least one`);
  },
  certificate: callback,
};
const accessGroup = group(ACCESS_CHECKS);

/** The check of `read` and `write`: an access that nobody has is taken for a mistake. */
export const anAccess: Check = (name, value) => {
  accessGroup(name, value);
  const { tokens, certificate } = value as RegistryAccess;
  if (tokens !== undefined || certificate !== undefined) return;
  throw new TypeError(`${name} needs tokens or certificate; without ${name} anyone may`);
};

const MAY: Readonly<Record<AccessKind, string>> = {
  read: "read the list",
  write: "register servers",
};
const BEARER = 'Bearer realm="registry"';
/**
 * The challenge to a browser at the page: it asks a person for a password, and a token
 * is one. In one header with another challenge browsers would not find it.
 */
export const BASIC = 'Basic realm="registry: any user, the token as the password"';

/** Lets in who may do something, and says why others may not. */
export class RegistryGuard {
  readonly #accesses: Readonly<Record<AccessKind, RegistryAccess | undefined>>;

  /** @param accesses Who may; anyone where it is left out. */
  constructor({ read, write }: { read?: RegistryAccess; write?: RegistryAccess }) {
    this.#accesses = { read, write };
  }

  /**
   * Decides on a request.
   *
   * @param kind What it wants.
   * @param credentials What it shows.
   * @returns Why it is refused, or `undefined` if it may.
   */
  refuses(kind: AccessKind, credentials: Credentials): Refusal | undefined {
    const access = this.#accesses[kind];
    if (access === undefined) return undefined;
    const token = tokenIn(credentials.headers);
    const { certificate } = credentials;
    try {
      if (isFulfilled(access, token, certificate)) return undefined;
      const other = this.#accesses[kind === "read" ? "write" : "read"];
      if (other !== undefined && isFulfilled(other, token, undefined)) {
        const headers = { "www-authenticate": `${BEARER}, error="insufficient_scope"` };
        return { status: 403, why: `this token is not one to ${MAY[kind]}`, headers };
      }
    } catch {
      // What went wrong is the registry's own affair.
      const why = `whether you may ${MAY[kind]} can't be checked now; see the option ${kind}`;
      return { status: 503, why, headers: {} };
    }
    return refusalOf(kind, token, certificate);
  }
}

function refusalOf(
  kind: AccessKind,
  token: string | undefined,
  certificate: PeerCertificate | undefined,
): Refusal {
  if (token !== undefined) {
    const headers = { "www-authenticate": `${BEARER}, error="invalid_token"` };
    return {
      status: 401,
      why: `this token is not known here, so you may not ${MAY[kind]}`,
      headers,
    };
  }
  if (certificate !== undefined) {
    const why = `the certificate of ${certificate.subject} is not one to ${MAY[kind]}`;
    return { status: 403, why, headers: {} };
  }
  const headers = { "www-authenticate": BEARER };
  const why = `to ${MAY[kind]}, send a token of this registry: Authorization: Bearer …`;
  return { status: 401, why, headers };
}

function isFulfilled(
  { tokens, certificate: isRight }: RegistryAccess,
  token: string | undefined,
  certificate: PeerCertificate | undefined,
): boolean {
  if (certificate !== undefined && isRight?.(certificate) === true) return true;
  if (token === undefined || tokens === undefined) return false;
  const given = typeof tokens === "function" ? tokens() : tokens;
  const all = typeof given === "string" ? [given] : given;
  if (!Array.isArray(all)) throw new TypeError("tokens must return strings, and no promise");
  let isKnown = false;
  for (const one of all) {
    // Every token is compared, so that the time does not tell which it is.
    if (isToken(one) && isSameSecret(token, one)) isKnown = true;
  }
  return isKnown;
}

/** The token in a request's header, if there is one. */
function tokenIn(headers: Headers): string | undefined {
  const [, scheme, value] = /^(bearer|basic) +(\S+)$/i.exec(headers.get("authorization") ?? "") ??
    [];
  if (scheme === undefined) return undefined;
  if (scheme.toLowerCase() === "bearer") return value;
  try {
    const pair = atob(value);
    return pair.slice(pair.indexOf(":") + 1);
  } catch {
    return ""; // it is no base64: a token, and a wrong one
  }
}
