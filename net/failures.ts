/**
 * What a failed attempt to connect or to listen is told as: the runtimes' own
 * words, which differ, and what to do about them.
 *
 * @module
 */

import type { ParsedAddress } from "../address.ts";
import { errorText, type RpcCode, RpcError } from "../errors.ts";

/** What was tried. */
type Attempted = "can't connect" | "can't listen";

/** A kind of failure: how it is recognised, and what it means. */
interface Kind {
  /** Found in the error's text or code, on any runtime. */
  readonly sign: RegExp;
  /** Only then; else it is the other side's. Default: always. */
  readonly when?: Attempted;
  /** Default `unavailable`. */
  readonly code?: RpcCode;
  /** What it means. Default: the runtime's own text. */
  readonly meaning?: string;
  /** What to do about it. */
  readonly hint?: string;
}

const UNREADABLE = "tls.cert or tls.key can't be read; each is a PEM text";

/** Deno's and Bun's errors are known by their texts, Node's by their codes. */
const KINDS: readonly Kind[] = [
  {
    sign:
      /UnknownIssuer|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT|SELF_SIGNED_CERT|self.signed certificate|unable to (?:verify the first certificate|get (?:local )?issuer certificate)/,
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
    sign: /invalid peer certificate: (?:certificate )?[Ee]xpired|CERT_HAS_EXPIRED/,
    meaning: "the server's certificate has expired",
  },
  {
    sign: /certificate not valid yet|NotValidYet|CERT_NOT_YET_VALID/,
    meaning: "the server's certificate is not valid yet",
    hint: "look at the clocks of both machines",
  },
  {
    sign:
      /InvalidContentType|WRONG_VERSION_NUMBER|wrong version number|PACKET_LENGTH_TOO_LONG|packet length too long/,
    meaning: "the server does not speak TLS",
    hint: "a server without it is reached by tcp@",
  },
  {
    sign: /CertificateRequired|CERTIFICATE_REQUIRED|certificate required/,
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
];

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
  const code = String((cause as { code?: unknown } | null)?.code ?? "");
  const kind = KINDS.find(({ sign, when = what }) =>
    when === what && (sign.test(text) || sign.test(code))
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

/** An error's text in one line. Node gives one for each IP address of a name, in a nameless one. */
function textOf(cause: unknown): string {
  const text = cause instanceof AggregateError && cause.message === "" && cause.errors.length > 0
    ? cause.errors.map(errorText).join("; ")
    : errorText(cause);
  return text.trim().replace(/\s*[\r\n]\s*/g, " ");
}
