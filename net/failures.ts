/**
 * What a failed attempt to connect or to listen is told as: the runtimes' own
 * words, which differ, and what to do about them.
 *
 * @module
 */

import type { ParsedAddress, Scheme } from "../address.ts";
import { errorText, type RpcCode, RpcError } from "../errors.ts";

/** What was tried. */
type Attempted = "can't connect" | "can't listen" | "can't renew the certificate";

/** A kind of failure: how it is recognised, and what it means. */
interface Kind {
  /** Found in the error's text or code, on any runtime. */
  readonly sign: RegExp;
  /** Only then; else it is the other side's. Default: always. */
  readonly when?: Attempted;
  /** Only for addresses of this scheme. Default: for all. */
  readonly scheme?: Scheme;
  /** Default `unavailable`. */
  readonly code?: RpcCode;
  /** What it means. Default: the runtime's own text. */
  readonly meaning?: string;
  /** What to do about it. */
  readonly hint?: string;
}

const UNREADABLE = "tls.cert or tls.key can't be read; each is a PEM text";

/** What the authorities' errors are called, by either end. */
const UNTRUSTED =
  /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT|unable to (?:verify the first certificate|get (?:local )?issuer certificate)|SELF_SIGNED_CERT_IN_CHAIN/;
const SELF_SIGNED = /DEPTH_ZERO_SELF_SIGNED_CERT|self.signed certificate$/;
const EXPIRED = /invalid peer certificate: (?:certificate )?[Ee]xpired|CERT_HAS_EXPIRED/;
const NOT_YET_VALID = /certificate not valid yet|NotValidYet|CERT_NOT_YET_VALID/;
const NO_TLS =
  /InvalidContentType|WRONG_VERSION_NUMBER|wrong version number|PACKET_LENGTH_TOO_LONG|packet length too long|HTTP_REQUEST/;

/** Alerts of the other end. */
const NO_CERTIFICATE = /CertificateRequired|CERTIFICATE_REQUIRED|certificate required/;
const REFUSED_CERTIFICATE =
  /ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERT)|alert: (?:UnknownCA|BadCertificate|CertificateExpired|CertificateUnknown|UnsupportedCertificate)/;

/** Deno's and Bun's errors are known by their texts, Node's by their codes. */
const KINDS: readonly Kind[] = [
  {
    sign: /UnknownIssuer/, // Deno does not tell them apart
    meaning:
      "the server's certificate is self-signed, or not from an authority that is trusted here",
    hint: "if the authority is your own, give its certificate as tls.caCerts",
  },
  {
    sign: SELF_SIGNED,
    meaning: "the server's certificate is self-signed",
    hint: "if it is your own, give its certificate as tls.caCerts",
  },
  {
    sign: UNTRUSTED,
    meaning: "the server's certificate is not from an authority that is trusted here",
    hint: "if the authority is your own, give its certificate as tls.caCerts",
  },
  {
    sign: /not valid for (?:any )?name|NotValidForName|ERR_TLS_CERT_ALTNAME_INVALID/,
    hint: "if the server has another name than its address, say it as tls.serverName",
  },
  {
    sign: /CaUsedAsEndEntity/,
    meaning: "the server's certificate is an authority's, which can't be a server's",
    hint: "issue one for the server, without CA:TRUE",
  },
  {
    sign: EXPIRED,
    meaning: "the server's certificate has expired",
  },
  {
    sign: NOT_YET_VALID,
    meaning: "the server's certificate is not valid yet",
    hint: "look at the clocks of both machines",
  },
  {
    sign: NO_TLS,
    meaning: "the server does not speak TLS",
    hint: "a server without it is reached by tcp@",
  },
  {
    sign: NO_CERTIFICATE,
    meaning: "the server asks for a client's certificate",
    hint: "give it as tls.cert and tls.key",
  },
  {
    sign: /KeyMismatch|KEY_VALUES_MISMATCH|key values mismatch/,
    code: "invalid_argument",
    meaning: "tls.key is not the key of tls.cert",
  },
  { sign: /\bPEM\b|^No (?:certificates|keys) found/, code: "invalid_argument", hint: UNREADABLE },
  { sign: /BadEncoding|asn1/i, when: "can't listen", code: "invalid_argument", hint: UNREADABLE },
  {
    sign: /ENOENT|No such file or directory/i,
    scheme: "unix",
    when: "can't connect",
    meaning: "there is no socket at the path",
    hint: "the server is not started yet, or listens at another path",
  },
  {
    sign: /ENOENT|No such file or directory/i,
    scheme: "unix",
    when: "can't listen",
    meaning: "the folder of the path does not exist",
    hint: "make it before, for those alone who may connect",
  },
  {
    sign: /ECONNREFUSED|Connection refused/i,
    scheme: "unix",
    when: "can't connect",
    meaning: "no server listens at the path; the file is of one that was killed",
    hint: "start the server again: it takes the path over",
  },
  {
    sign: /EACCES|EPERM|Permission denied/i,
    scheme: "unix",
    when: "can't connect",
    meaning: "this process may not connect to the socket",
    hint: "its permissions are the server's option mode, and those of its folder",
  },
  {
    sign: /EACCES|EPERM|Permission denied/i,
    scheme: "unix",
    when: "can't listen",
    meaning: "this process may not make a file in the folder of the path",
  },
];

/**
 * What a server says of a client's certificate by an alert of TLS, which comes
 * when the handshake is over for the client.
 *
 * @param cause Why the connection was lost.
 * @returns What it means, in one line; `undefined` if it is no such alert.
 */
export function certificateAlert(cause: unknown): string | undefined {
  const [text, code] = [textOf(cause), codeOf(cause)];
  const own = code || text;
  if (NO_CERTIFICATE.test(own)) {
    return `the server asks for a client's certificate (${own}); give it as tls.cert and tls.key`;
  }
  if (REFUSED_CERTIFICATE.test(own)) {
    return `the server does not take the certificate of tls.cert (${own})`;
  }
  return undefined;
}

/** A kind of failure of a client's handshake, as its server is told. */
type ClientKind = Required<Pick<Kind, "sign" | "meaning">>;

const CLIENT_KINDS: readonly ClientKind[] = [
  {
    sign: /CERTIFICATE_REQUIRED|PEER_DID_NOT_RETURN_A_CERTIFICATE/,
    meaning: "the client has given no certificate (tls.cert and tls.key of its options)",
  },
  { sign: EXPIRED, meaning: "the client's certificate has expired" },
  { sign: NOT_YET_VALID, meaning: "the client's certificate is not valid yet" },
  {
    sign: SELF_SIGNED,
    meaning: "the client's certificate is self-signed",
  },
  {
    sign: /INVALID_PURPOSE/,
    meaning: "the client's certificate is not one for clients (extended key usage)",
  },
  {
    sign: UNTRUSTED,
    meaning: "the client's certificate is not from an authority of clientCaCerts",
  },
  {
    sign: REFUSED_CERTIFICATE,
    meaning: "the client does not take this server's certificate",
  },
  {
    sign: NO_TLS,
    meaning: "the client does not speak TLS: it may have dialled a tcp@ address",
  },
  {
    sign: /UNSUPPORTED_PROTOCOL|unsupported protocol/,
    meaning: "the client speaks no TLS, or a version that is not accepted",
  },
  { sign: /TLS handshake timeout/, meaning: "no handshake in time (handshakeTimeoutMs)" },
  {
    sign: /ECONNRESET|socket hang up/,
    meaning: "the client ended the connection: it may not take this server's certificate",
  },
];

/**
 * Why a client's handshake has failed.
 *
 * @param cause The runtime's own error, or its code.
 * @returns What the server is told, in one line.
 */
export function clientFailure(cause: unknown): string {
  const text = typeof cause === "string" ? cause : textOf(cause);
  const code = codeOf(cause);
  const kind = CLIENT_KINDS.find(({ sign }) => sign.test(code) || sign.test(text));
  return kind === undefined ? text : `${kind.meaning} (${code || text})`;
}

/**
 * The error of an attempt that failed.
 *
 * @param endpoint Where.
 * @param what What was tried.
 * @param cause The runtime's own error.
 * @returns `unavailable`, or `invalid_argument` if the options are to blame; one
 * line, with what to do if that is known.
 */
export function networkFailure(
  endpoint: ParsedAddress,
  what: Attempted,
  cause: unknown,
): RpcError {
  const { address } = endpoint;
  const text = textOf(cause);
  const code = codeOf(cause);
  const kind = KINDS.find(({ sign, when = what, scheme = endpoint.scheme }) =>
    when === what && scheme === endpoint.scheme && (sign.test(text) || sign.test(code))
  );
  const { meaning = text, hint } = kind ?? {};
  // Where the meaning is ours, the runtime's text is what one can search for.
  const own = meaning === text ? "" : ` (${code || text})`;
  const message = `${address}: ${what}: ${meaning}${own}${hint ? `; ${hint}` : ""}`;
  return new RpcError(kind?.code ?? "unavailable", message, {
    address,
    execution: "not_sent",
    cause,
  });
}

function codeOf(cause: unknown): string {
  return String((cause as { code?: unknown } | null)?.code ?? "");
}

/** An error's text in one line. Node gives one for each IP address of a name, in a nameless one. */
function textOf(cause: unknown): string {
  const text = cause instanceof AggregateError && cause.message === "" && cause.errors.length > 0
    ? cause.errors.map(errorText).join("; ")
    : errorText(cause);
  return text.trim().replace(/\s*[\r\n]\s*/g, " ");
}
