import { assertEquals } from "@std/assert";
import { isLoopback } from "../../internal/loopback.ts";
import { isSameSecret, isToken } from "../../internal/secrets.ts";

Deno.test("isSameSecret: the same text, and no other", () => {
  const secrets = ["a", "ab", "ba", "aa", "aaa", "abab", "s3cret", "S3cret", "s3cre", "s3crett"];
  for (const given of ["", ...secrets, "é", "s3cret\0", "\0"]) {
    for (const secret of secrets) {
      assertEquals(isSameSecret(given, secret), given === secret, `${given} ${secret}`);
    }
  }
});

Deno.test("isSameSecret: the work depends on what was given, not on the secret", () => {
  /** A text that counts how many characters of it are looked at. */
  const counting = (text: string) => {
    let looks = 0;
    const charCodeAt = (at: number) => (looks++, text.charCodeAt(at));
    const counted = { length: text.length, charCodeAt } as unknown as string;
    return { counted, looks: () => looks };
  };
  for (const secret of ["s3cret", "s3cxxx", "xxxxxx", "s", "s3cret".repeat(20)]) {
    const { counted, looks } = counting(secret);
    isSameSecret("s3cret-guess", counted);
    assertEquals(looks(), 12, secret);
  }
});

Deno.test("isToken: visible ASCII, at least one character", () => {
  for (const token of ["a", "a.b-c_d~e+f/g==", "!", "~", "a:b"]) assertEquals(isToken(token), true);
  for (
    const none of ["", " ", "a b", "a\n", "é", "\x7f", undefined, null, 1, ["a"], { length: 1 }]
  ) {
    assertEquals(isToken(none), false, String(none));
  }
});

Deno.test("isLoopback: this machine in the forms that people write, and nothing that may be another", () => {
  for (
    const host of [
      "localhost",
      "LOCALHOST",
      "localhost.",
      "a.localhost",
      "127.0.0.1",
      "127.255.0.1",
      "::1",
      "[::1]",
    ]
  ) {
    assertEquals(isLoopback(host), true, host);
  }
  for (
    const host of [
      "",
      "localhost.example",
      "mylocalhost",
      "127.0.0.1.example",
      "127.0.0",
      "127.1",
      "128.0.0.1",
      "1127.0.0.1",
      "0.0.0.0",
      "::",
      "::2",
      "::11",
      "::ffff:127.0.0.1",
      "[::1].example",
      "10.0.0.1",
      "localhost\n.example",
    ]
  ) {
    assertEquals(isLoopback(host), false, host);
  }
});
