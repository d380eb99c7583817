/**
 * Checks what users give as TLS options before anything is opened: a path in
 * place of a PEM text would only fail later, and as something else.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import type { TlsOptions } from "../transport.ts";
import { type Check, type Checks, group, text, wrongType } from "./options.ts";

const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;
/** Host names and IP addresses: what a certificate can be for. */
const HOST = /^(?:[\w*-]+(?:\.[\w-]+)*\.?|[\da-f.]*:[\da-f.]*:[\da-f:.]*(?:%[\w.-]+)?)$/i;
const LONGEST_PATH = 256;

const TLS_CHECKS: Checks<TlsOptions> = {
  caCerts(name, value) {
    if (!Array.isArray(value)) throw wrongType(name, "a list of PEM texts", value);
    value.forEach((pem, place) => checkPem(`${name}[${place}]`, pem, CERTIFICATE));
  },
  serverName: checkServerName,
  cert: (name, value) => checkPem(name, value, CERTIFICATE),
  key: (name, value) => checkPem(name, value, PRIVATE_KEY),
};

/** The check of `tls` among other options. */
export const tlsGroup: Check = group(TLS_CHECKS);

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
  return tls;
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
