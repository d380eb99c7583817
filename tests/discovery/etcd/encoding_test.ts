/** The encoding of etcd's JSON gateway. */

import { assertEquals } from "@std/assert";
import { toBase64 } from "../../../discovery/base64.ts";
import { fromBase64, int64, rangeOfPrefix } from "../../../discovery/etcd/encoding.ts";

Deno.test("etcd: int64, base64, and the range of a prefix", () => {
  assertEquals(int64("9223372036854775807"), 9223372036854775807n);
  assertEquals(int64(undefined), 0n);
  assertEquals(fromBase64(toBase64("arith/ä€")), "arith/ä€");
  assertEquals(fromBase64(undefined), "");
  assertEquals(atob(rangeOfPrefix("arith/").range_end), "arith0");
});
