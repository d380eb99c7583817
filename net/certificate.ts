/**
 * Reads what an X.509 certificate says, from its bytes. The runtimes give its
 * names as text, which they write in different ways, and not all of them so
 * that a comma in a name can be told from one between two names.
 *
 * @module
 */

import type { PeerCertificate } from "../transport.ts";

/** One value of ASN.1 in DER. */
interface Value {
  readonly tag: number;
  readonly content: Uint8Array;
}

const SEQUENCE = 0x30;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const BMP_STRING = 0x1e;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const BOOLEAN = 0x01;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;

const SUBJECT_ALT_NAME = "2.5.29.17";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const FOR_CLIENTS = "1.3.6.1.5.5.7.3.2";

/** The short names of the parts of a name: those of RFC 4514, and what is often met beside them. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "STREET",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.2.840.113549.1.9.1": "emailAddress",
};

/**
 * Reads a certificate.
 *
 * @param der The certificate in DER.
 * @param fingerprint Its SHA-256, in hexadecimal digits.
 * @returns What it says.
 * @throws {Error} If it is none.
 */
export function readCertificate(der: Uint8Array, fingerprint: string): PeerCertificate {
  const { serial, issuer, validity, subject, extensions } = partsOf(der);
  const [from, to] = valuesIn(contentOf(validity, SEQUENCE));
  const names = extensions.get(SUBJECT_ALT_NAME);
  return {
    subject: nameIn(subject),
    issuer: nameIn(issuer),
    sans: names === undefined ? [] : valuesIn(names).flatMap(altName),
    fingerprint: fingerprint.replaceAll(":", "").toLowerCase(),
    serialNumber: hex(serial.content).replace(/^(?:00)+(?=..)/, ""),
    validFrom: dateIn(from),
    validTo: dateIn(to),
  };
}

/**
 * Why a client's certificate was refused, where the runtime does not say: Deno
 * has the same code for all.
 *
 * @param der The certificate in DER.
 * @param code The runtime's code.
 * @returns Node's code.
 */
export function refusalIn(der: Uint8Array, code: unknown): string {
  const said = String((code as Error | undefined)?.message ?? code);
  if (said !== "UNABLE_TO_VERIFY_LEAF_SIGNATURE") return said;
  try {
    const { validFrom, validTo, subject, issuer } = readCertificate(der, "");
    const purposes = partsOf(der).extensions.get(EXTENDED_KEY_USAGE);
    const now = Date.now();
    if (validTo.getTime() < now) return "CERT_HAS_EXPIRED";
    if (validFrom.getTime() > now) return "CERT_NOT_YET_VALID";
    if (subject === issuer) return "DEPTH_ZERO_SELF_SIGNED_CERT";
    const isForClients = purposes === undefined ||
      valuesIn(purposes).some(({ content }) => objectId(content) === FOR_CLIENTS);
    return isForClients ? said : "INVALID_PURPOSE";
  } catch {
    return said;
  }
}

/** The parts of a certificate; its extensions by their ids. */
function partsOf(der: Uint8Array) {
  const [certificate] = valuesIn(der, SEQUENCE);
  const [signed] = valuesIn(certificate.content, SEQUENCE);
  const all = valuesIn(signed.content);
  const parts = all[0]?.tag === VERSION ? all.slice(1) : all;
  const [serial, , issuer, validity, subject] = parts;
  const extensions = new Map<string, Uint8Array>();
  const list = parts.find(({ tag }) => tag === EXTENSIONS);
  for (const extension of list === undefined ? [] : valuesIn(sequenceIn(list.content))) {
    const [id, ...rest] = valuesIn(contentOf(extension, SEQUENCE));
    const [value] = rest[0]?.tag === BOOLEAN ? rest.slice(1) : rest;
    const name = objectId(contentOf(id, OBJECT_ID));
    if (name === SUBJECT_ALT_NAME || name === EXTENDED_KEY_USAGE) {
      extensions.set(name, sequenceIn(value.content));
    }
  }
  return { serial, issuer, validity, subject, extensions };
}

function sequenceIn(bytes: Uint8Array): Uint8Array {
  return contentOf(valuesIn(bytes)[0], SEQUENCE);
}

/** The values in some bytes, one behind the other; the first of them of a given kind. */
function valuesIn(bytes: Uint8Array, firstTag?: number): Value[] {
  const values: Value[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at++];
    let length = bytes[at++];
    if (length > 0x80) {
      const digits = length - 0x80;
      if (digits > 4) throw malformed("a length of more than 32 bits");
      length = 0;
      for (let digit = 0; digit < digits; digit++) length = length * 256 + bytes[at++];
    } else if (length === 0x80) throw malformed("a length that is not given");
    if (!(length <= bytes.length - at)) throw malformed("it ends too early");
    values.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  if (firstTag !== undefined) contentOf(values[0], firstTag);
  return values;
}

function contentOf(value: Value | undefined, tag: number): Uint8Array {
  if (value?.tag === tag) return value.content;
  throw malformed(`${value === undefined ? "nothing" : `tag ${value.tag}`} instead of tag ${tag}`);
}

/** A distinguished name. Each part may have several attributes, which a + joins. */
function nameIn(name: Value): string {
  const parts = valuesIn(contentOf(name, SEQUENCE)).map(({ content }) =>
    valuesIn(content).map((attribute) => {
      const [type, value] = valuesIn(contentOf(attribute, SEQUENCE));
      const id = objectId(contentOf(type, OBJECT_ID));
      return `${ATTRIBUTES[id] ?? id}=${escaped(textIn(value))}`;
    }).join("+")
  );
  return parts.reverse().join(",");
}

/** As RFC 4514 has it: what separates parts is never to be taken for that within a text. */
function escaped(text: string): string {
  return text.replace(/[\\",+;<>=]|^[ #]| $/g, "\\$&").replace(
    // deno-lint-ignore no-control-regex -- they must not look like anything else in a log
    /[\0-\x1f\x7f]/g,
    (character) => `\\${hex(Uint8Array.of(character.charCodeAt(0)))}`,
  );
}

function textIn({ tag, content }: Value): string {
  if (tag === BMP_STRING) return new TextDecoder("utf-16be").decode(content);
  return new TextDecoder(tag === UTF8_STRING ? "utf-8" : "latin1").decode(content);
}

/** One of the alternative names; an empty list for a kind that is not shown. */
function altName({ tag, content }: Value): string[] {
  const text = new TextDecoder("latin1").decode(content);
  switch (tag) {
    case 0x81:
      return [`email:${text}`];
    case 0x82:
      return [`DNS:${text}`];
    case 0x86:
      return [`URI:${text}`];
    case 0x87:
      return [`IP:${ipAddress(content)}`];
  }
  return [];
}

/** IPv6 in the form of RFC 5952: the longest run of zeros is left out. */
function ipAddress(bytes: Uint8Array): string {
  if (bytes.length !== 16) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, at) => bytes[2 * at] * 256 + bytes[2 * at + 1]);
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(":")}]`)
    .hostname.slice(1, -1);
}

function objectId(bytes: Uint8Array): string {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of bytes) {
    number = number * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      numbers.push(number);
      number = 0;
    }
  }
  const [first = 0, ...rest] = numbers;
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - 40 * root, ...rest].join(".");
}

function dateIn({ tag, content }: Value): Date {
  const text = new TextDecoder("latin1").decode(content);
  const form = tag === UTC_TIME ? /^(..)(..)(..)(..)(..)(..)Z$/ : /^(....)(..)(..)(..)(..)(..)Z$/;
  const [, year, ...rest] = form.exec(text)?.map(Number) ?? [];
  if (tag !== UTC_TIME && tag !== GENERALIZED_TIME || year === undefined || rest.some(isNaN)) {
    throw malformed(`${JSON.stringify(text)} is no date`);
  }
  const century = tag !== UTC_TIME ? 0 : year < 50 ? 2000 : 1900;
  const [month, day, hours, minutes, seconds] = rest;
  return new Date(Date.UTC(century + year, month - 1, day, hours, minutes, seconds));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function malformed(what: string): Error {
  return new Error(`the certificate can't be read: ${what}`);
}
