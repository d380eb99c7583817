/** What certificates say, read from their bytes; and bytes that are none. */

import { Buffer } from "node:buffer";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { readCertificate, refusalIn } from "../../net/certificate.ts";
import { seededRandom } from "../../testing.ts";
import { Authority, selfSigned } from "../support/certificates.ts";
import { fixture } from "../support/transports.ts";

const derOf = (pem: string) =>
  new Uint8Array(Buffer.from(pem.replace(/-----.*-----|\s/g, ""), "base64"));

const ours = new Authority("ours", { subject: [["2.5.4.10", "Acme"]] });

Deno.test("what separates the parts of a name is escaped within one", () => {
  const names: readonly [text: string, written: string][] = [
    ["orders", "orders"],
    ["a,O=Admin", "a\\,O\\=Admin"],
    ['a+b;c<d>e"f\\g', 'a\\+b\\;c\\<d\\>e\\"f\\\\g'],
    [" a ", "\\ a\\ "],
    ["#1", "\\#1"],
    ["a\nb\0", "a\\0ab\\00"],
    ["Zürich 東京", "Zürich 東京"],
  ];
  for (const [name, written] of names) {
    const { subject, issuer } = readCertificate(derOf(ours.issue({ name }).cert), "");
    assertEquals([subject, issuer], [`CN=${written}`, "CN=ours,O=Acme"]);
  }
});

Deno.test("parts that have no short name are written by their identifiers", () => {
  const subject = [["2.5.4.6", "NL"], ["2.5.4.97", "NTRNL-1"], ["0.9.2342.19200300.100.1.1", "u"]];
  const { cert } = ours.issue({ name: "a", subject: subject as [string, string][] });
  assertEquals(readCertificate(derOf(cert), "").subject, "CN=a,UID=u,2.5.4.97=NTRNL-1,C=NL");
});

Deno.test("alternative names of each kind; dates of each form; the fingerprint's digits", () => {
  const sans = [
    "DNS:*.a.example",
    "email:a@b.example",
    "URI:spiffe://a/b,c",
    "IP:10.0.0.1",
    "IP:2001:db8:0:0:0:0:0:1",
  ];
  const { cert } = new Authority("fresh").issue({
    name: "a",
    sans,
    validFrom: new Date("1999-12-31T23:59:58Z"),
    validTo: new Date("2050-01-02T03:04:05Z"),
  });
  const read = readCertificate(derOf(cert), "AB:CD");
  assertEquals(read.sans, [...sans.slice(0, 4), "IP:2001:db8::1"]);
  assertEquals(read.validFrom.toISOString(), "1999-12-31T23:59:58.000Z");
  assertEquals(read.validTo.toISOString(), "2050-01-02T03:04:05.000Z");
  assertEquals([read.fingerprint, read.serialNumber], ["abcd", "82"]);
  assertEquals(readCertificate(derOf(ours.issue({ name: "a", sans: [] }).cert), "").sans, []);
});

Deno.test("a certificate that another program has made", () => {
  const read = readCertificate(derOf(fixture("localhost.pem")), "");
  assertEquals([read.subject, read.issuer], ["CN=localhost", "CN=xclient test CA"]);
  assertEquals(read.sans, ["DNS:localhost", "IP:127.0.0.1"]);
});

Deno.test("bytes that are no certificate are an error, and nothing else", () => {
  const whole = derOf(ours.issue({ name: "a" }).cert);
  const random = seededRandom(7);
  let refused = 0;
  for (let round = 0; round < 2000; round++) {
    const bytes = whole.slice(0, round % 3 === 0 ? Math.floor(random() * whole.length) : undefined);
    for (let flips = 0; flips < 3; flips++) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    try {
      readCertificate(bytes, "");
    } catch (error) {
      assert(error instanceof Error);
      refused++;
    }
  }
  assert(refused > 500, String(refused));
  for (const bytes of [[], [0x30], [0x30, 0x80], [0x30, 0x85, 1, 1, 1, 1, 1], [0x30, 3, 2, 1, 0]]) {
    assertThrows(() => readCertificate(Uint8Array.from(bytes), ""), Error, "can't be read");
  }
});

Deno.test("why a certificate is refused is read from it where the runtime does not say", () => {
  const unclear = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
  const past = new Date(Date.UTC(2021, 0, 1));
  const future = new Date(Date.UTC(2100, 0, 1));
  const found = [
    ours.issue({ name: "a", validTo: past }),
    ours.issue({ name: "a", validFrom: future }),
    selfSigned("a"),
    ours.issue({ name: "a", purposes: ["server"] }),
    ours.issue({ name: "a" }),
  ].map(({ cert }) => refusalIn(derOf(cert), unclear));
  assertEquals(found, [
    "CERT_HAS_EXPIRED",
    "CERT_NOT_YET_VALID",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "INVALID_PURPOSE",
    unclear,
  ]);
  assertEquals(refusalIn(Uint8Array.of(1), unclear), unclear);
  assertEquals(refusalIn(Uint8Array.of(1), new Error("CERT_REVOKED")), "CERT_REVOKED");
});
