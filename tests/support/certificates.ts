/** Certificates that tests make as they need them: authorities, servers, clients, and wrong ones. */

import { Buffer } from "node:buffer";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** What a certificate is to say. */
export interface CertificateOptions {
  /** The common name. */
  readonly name: string;
  /** The other parts of the subject, by their object identifiers, in front of the common name. */
  readonly subject?: readonly (readonly [id: string, text: string])[];
  /** `DNS:…`, `IP:…` of four numbers, `URI:…` or `email:…`. Default: localhost and 127.0.0.1. */
  readonly sans?: readonly string[];
  /** Default: 2020. */
  readonly validFrom?: Date;
  /** Default: 2120. */
  readonly validTo?: Date;
  /** Whether it is an authority's. Default `false`. */
  readonly isAuthority?: boolean;
  /** What it is for, unless it is an authority's. Default: servers and clients. */
  readonly purposes?: readonly ("server" | "client")[];
}

/** A certificate and its key, in PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** A certificate that others can be issued with. */
export class Authority implements Identity {
  readonly cert: string;
  readonly key: string;
  readonly #name: Buffer;
  readonly #key: KeyObject;
  #serial = 1;

  /**
   * @param name The common name.
   * @param options What else its certificate says.
   */
  constructor(name: string, options: Partial<CertificateOptions> = {}) {
    const { publicKey, privateKey } = newKeys();
    const all = { isAuthority: true, sans: [], ...options, name };
    this.#name = nameOf(all);
    this.#key = privateKey;
    this.cert = certificate(all, this.#name, publicKey, privateKey, 1);
    this.key = pemOf(privateKey);
  }

  /** Makes a certificate that it has issued. */
  issue(options: CertificateOptions): Identity {
    const { publicKey, privateKey } = newKeys();
    const cert = certificate(options, this.#name, publicKey, this.#key, ++this.#serial);
    return { cert, key: pemOf(privateKey) };
  }
}

/** A certificate that its own key has signed, and that is no authority's. */
export function selfSigned(name: string): Identity {
  const { cert, key } = new Authority(name, { isAuthority: false, sans: ["DNS:localhost"] });
  return { cert, key };
}

function newKeys() {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

const LONG_AGO = new Date(Date.UTC(2020, 0, 1));
const LATE = new Date(Date.UTC(2120, 0, 1));

function certificate(
  options: CertificateOptions,
  issuer: Buffer,
  publicKey: KeyObject,
  issuerKey: KeyObject,
  serial: number,
): string {
  const { validFrom = LONG_AGO, validTo = LATE } = options;
  const algorithm = sequence(objectId("1.2.840.10045.4.3.2")); // ECDSA with SHA-256
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.of(2))), // version 3
    der(0x02, Buffer.from([0, 0x80 + serial])),
    algorithm,
    issuer,
    sequence(time(validFrom), time(validTo)),
    nameOf(options),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensionsOf(options))),
  );
  const signature = sign("sha256", signed, issuerKey);
  const bytes = sequence(signed, algorithm, der(0x03, Buffer.of(0), signature));
  const lines = bytes.toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function extensionsOf(options: CertificateOptions): Buffer[] {
  const { isAuthority = false, purposes = ["server", "client"] } = options;
  const { sans = ["DNS:localhost", "IP:127.0.0.1"] } = options;
  const yes = der(0x01, Buffer.of(0xff));
  const purposeIds = purposes.map((purpose) =>
    objectId(`1.3.6.1.5.5.7.3.${purpose === "server" ? 1 : 2}`)
  );
  return [
    extension("2.5.29.19", yes, isAuthority ? sequence(yes) : sequence()),
    // Of the bits, the first is to sign; the sixth and seventh are to issue certificates and lists.
    extension("2.5.29.15", yes, der(0x03, isAuthority ? Buffer.of(1, 0x06) : Buffer.of(7, 0x80))),
    ...(isAuthority ? [] : [extension("2.5.29.37", undefined, sequence(...purposeIds))]),
    ...(sans.length === 0 ? [] : [extension("2.5.29.17", undefined, sequence(...sans.map(sanOf)))]),
  ];
}

function extension(id: string, critical: Buffer | undefined, value: Buffer): Buffer {
  return sequence(objectId(id), ...(critical ? [critical] : []), der(0x04, value));
}

function sanOf(san: string): Buffer {
  const colon = san.indexOf(":");
  const [kind, text] = [san.slice(0, colon), san.slice(colon + 1)];
  if (kind !== "IP") {
    const tag = { email: 0x81, DNS: 0x82, URI: 0x86 }[kind]!;
    return der(tag, Buffer.from(text, "latin1"));
  }
  return der(0x87, Buffer.from(text.includes(":") ? groupsOf(text) : text.split(".").map(Number)));
}

/** The bytes of an IPv6 address, all of whose groups are written. */
function groupsOf(text: string): number[] {
  return text.split(":").map((group) => parseInt(group, 16)).flatMap((n) => [n >> 8, n & 255]);
}

function nameOf({ name, subject = [] }: CertificateOptions): Buffer {
  const parts = [...subject, ["2.5.4.3", name] as const];
  return sequence(
    ...parts.map(([id, text]) => der(0x31, sequence(objectId(id), der(0x0c, Buffer.from(text))))),
  );
}

function time(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, "");
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? der(0x17, Buffer.from(text.slice(2)))
    : der(0x18, Buffer.from(text));
}

function objectId(id: string): Buffer {
  const [first, second, ...rest] = id.split(".").map(Number);
  const bytes = [40 * first + second, ...rest].flatMap((number) => {
    const digits = [number % 128];
    for (let left = number >> 7; left > 0; left >>= 7) digits.unshift(128 + left % 128);
    return digits;
  });
  return der(0x06, Buffer.from(bytes));
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(0x30, ...parts);
}

/** A value in DER: its tag, its length, its bytes. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const digits = length < 256 ? [length] : [length >> 8, length & 255];
  const head = length < 128 ? [length] : [0x80 + digits.length, ...digits];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}
