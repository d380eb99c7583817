/**
 * Checks what users give as TLS options before anything is opened: a path in
 * place of a PEM text would only fail later, and as something else.
 *
 * @module
 */

import { errorText, RpcError } from "../errors.ts";
import type { TlsOptions, TlsSource } from "../transport.ts";
import { callbackOr, type Check, type Checks, flag, group, text, wrongType } from "./options.ts";

const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;
/** Host names and IP addresses: what a certificate can be for. */
const HOST = /^(?:[\w*-]+(?:\.[\w-]+)*\.?|[\da-f.]*:[\da-f.]*:[\da-f:.]*(?:%[\w.-]+)?)$/i;
const LONGEST_PATH = 256;

const TLS_CHECKS: Checks<TlsOptions> = {
  caCerts: checkCertificates,
  serverName: checkServerName,
  cert: (name, value) => checkPem(name, value, CERTIFICATE),
  key: (name, value) => checkPem(name, value, PRIVATE_KEY),
  clientCaCerts(name, value) {
    checkCertificates(name, value);
    if ((value as string[]).length === 0) {
      throw new TypeError(`${name} has no certificate: nobody could be let in`);
    }
  },
  requireClientCert: flag,
};

const tlsGroup: Check = group(TLS_CHECKS);

/** The check of `tls` among other options: settings, or a function that gives them. */
export const tlsSource: Check = callbackOr(tlsGroup);

/**
 * Checks certificates, key and server name.
 *
 * @param tls What the user says.
 * @returns The same.
 * @throws {TypeError} If one is of the wrong type.
 * @throws {RpcError} `invalid_argument` if a text is no PEM, such as a path, or the
 * server name is no host.
 */
export function checkTlsOptions(tls: TlsOptions): TlsOptions {
  tlsGroup("tls", tls);
  const { cert, key, clientCaCerts, requireClientCert } = tls;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError(`tls.${cert ? "cert needs tls.key" : "key needs tls.cert"}, as PEM texts`);
  }
  if (requireClientCert && clientCaCerts === undefined) {
    throw new TypeError(
      "tls.requireClientCert needs tls.clientCaCerts, which says who may issue it",
    );
  }
  return tls;
}

/**
 * The settings of TLS for one dial, or for listening.
 *
 * @param source The settings, or the user's function that gives them.
 * @param address What they are for.
 * @returns The settings; a function's are checked.
 * @throws {RpcError} `unavailable` if the function fails.
 * @throws What {@linkcode checkTlsOptions} throws.
 */
export async function tlsFrom(
  source: TlsSource | undefined,
  address: string,
): Promise<TlsOptions | undefined> {
  if (typeof source !== "function") return source;
  let tls: TlsOptions;
  try {
    tls = await source();
  } catch (cause) {
    const message = `${address}: the function tls has failed: ${errorText(cause)}`;
    throw new RpcError("unavailable", message, { address, execution: "not_sent", cause });
  }
  return checkTlsOptions(tls);
}

function checkCertificates(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw wrongType(name, "a list of PEM texts", value);
  value.forEach((pem, place) => checkPem(`${name}[${place}]`, pem, CERTIFICATE));
}

function checkPem(name: string, pem: unknown, begin: RegExp): void {
  if (typeof pem !== "string") throw wrongType(name, "a PEM text", pem);
  if (begin.test(pem)) return;
  const what = begin === CERTIFICATE ? "certificate" : "private key";
  throw new RpcError("invalid_argument", `${name} is no ${what} in PEM: ${description(pem)}`, {
    execution: "not_sent",
  });
}

/** What a text is that is no PEM. It is shown only if it is a path: it may be a secret. */
function description(text: string): string {
  const isPath = text.length <= LONGEST_PATH && !/\s/.test(text) &&
    /^(?:[./~]|[a-z]:\\|file:)|\.(?:pem|crt|cer|key|der|p12|pfx)$/i.test(text);
  if (isPath) {
    return `${JSON.stringify(text)} looks like a path; give the file's text, not its path`;
  }
  const begins = /-----BEGIN [A-Z0-9 ]+-----/.exec(text);
  if (begins !== null) return `it has ${begins[0]}`;
  return `${text.length} characters without the -----BEGIN line`;
}

function checkServerName(name: string, value: unknown): void {
  text(name, value);
  const serverName = value as string;
  if (HOST.test(serverName)) return;
  throw new RpcError(
    "invalid_argument",
    `${name} ${JSON.stringify(serverName)} is no host name and no IP address; ` +
      "an IPv6 address is written without brackets, and no port belongs to it",
    { execution: "not_sent" },
  );
}
