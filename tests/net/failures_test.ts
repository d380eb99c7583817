/** What the runtimes say of a failed attempt, and what users are told. */

import { assert, assertEquals } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { networkFailure } from "../../net/failures.ts";

const endpoint = parseAddress("tls@rpc.example:9001");

/** A runtime's error: its text, and its code if it has one. */
const own = (message: string, code?: string) => Object.assign(new Error(message), { code });

const UNTRUSTED = "give its certificate as tls.caCerts";
const NOT_TLS = "the server does not speak TLS";

Deno.test("the same failure is told in the same words, whatever the runtime says", () => {
  const told: readonly [cause: Error, words: string][] = [
    [own("invalid peer certificate: UnknownIssuer"), UNTRUSTED],
    [own("unable to verify the first certificate", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"), UNTRUSTED],
    [own("self-signed certificate", "DEPTH_ZERO_SELF_SIGNED_CERT"), UNTRUSTED],
    [own("self-signed certificate in certificate chain", "SELF_SIGNED_CERT_IN_CHAIN"), UNTRUSTED],
    [own("", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"), UNTRUSTED],
    [own("received corrupt message of type InvalidContentType"), NOT_TLS],
    [
      own(
        "80AC:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../s.c:350:\n",
        "ERR_SSL_WRONG_VERSION_NUMBER",
      ),
      NOT_TLS,
    ],
    [own('invalid peer certificate: certificate not valid for name "a"'), "tls.serverName"],
    [own("does not match", "ERR_TLS_CERT_ALTNAME_INVALID"), "tls.serverName"],
    [own("invalid peer certificate: CaUsedAsEndEntity"), "CA:TRUE"],
    [own("invalid peer certificate: certificate expired: verification time"), "has expired"],
    [own("certificate has expired", "CERT_HAS_EXPIRED"), "has expired"],
    [own("invalid peer certificate: certificate not valid yet: …"), "not valid yet"],
    [own("certificate is not yet valid", "CERT_NOT_YET_VALID"), "not valid yet"],
    [own("received fatal alert: CertificateRequired"), "tls.cert and tls.key"],
    [own("tlsv13 alert", "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"), "tls.cert and tls.key"],
    [own("connect ECONNREFUSED 10.0.0.1:9001", "ECONNREFUSED"), "connect ECONNREFUSED 10.0.0.1"],
  ];
  for (const [cause, words] of told) {
    const error = networkFailure(endpoint, "can't connect", cause);
    assert(error.message.startsWith("tls@rpc.example:9001: can't connect: "), error.message);
    assert(error.message.includes(words), error.message);
    assert(!error.message.includes("\n"), error.message);
    assertEquals([error.code, error.execution, error.cause], ["unavailable", "not_sent", cause]);
  }
});

Deno.test("what is wrong with our own certificate is no trouble of the network", () => {
  const broken = own("error:068000A8:asn1 encoding routines::wrong tag", "ERR_OSSL_ASN1_WRONG_TAG");
  assertEquals(networkFailure(endpoint, "can't listen", broken).code, "invalid_argument");
  // On connecting it is the server's certificate that can't be read.
  assertEquals(networkFailure(endpoint, "can't connect", broken).code, "unavailable");
  for (
    const text of [
      "error:05800074:x509 certificate routines::key values mismatch",
      "keys may not be consistent: KeyMismatch",
      "error:0480006C:PEM routines::no start line",
      "No certificates found in certificate data",
    ]
  ) assertEquals(networkFailure(endpoint, "can't listen", own(text)).code, "invalid_argument");
});

Deno.test("Node's error of a name with several IP addresses says what became of each", () => {
  const cause = new AggregateError([own("connect ::1"), own("connect 127.0.0.1")], "");
  const { message } = networkFailure(endpoint, "can't connect", cause);
  assert(message.endsWith("can't connect: connect ::1; connect 127.0.0.1"), message);
});
