/** How a stream of another protocol is recognised, and named. */

import { assert, assertEquals } from "@std/assert";
import { skipSpaces } from "../../protocol/ascii.ts";
import type { Protocol } from "../../protocol/codec.ts";
import {
  answerIn,
  beginningOf,
  beginsWithOption,
  foreign,
  mayBeAnother,
} from "../../protocol/foreign.ts";
import { GobClientCodec } from "../../protocol/gob/client.ts";
import { GobServerCodec } from "../../protocol/gob/server.ts";
import { JsonClientCodec } from "../../protocol/geerpc_json/client.ts";
import { JsonRpcClientCodec } from "../../protocol/jsonrpc/client.ts";
import { limitsOf } from "../../protocol/codec.ts";
import { option } from "../support/helpers.ts";

const encoder = new TextEncoder();
const latin1 = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);

/** What a client sends first. */
function request(protocol: Protocol): Uint8Array {
  const codec = protocol === "geerpc/json"
    ? new JsonClientCodec(limitsOf(), 0)
    : protocol === "netrpc/json"
    ? new JsonRpcClientCodec(limitsOf())
    : new GobClientCodec(protocol === "geerpc/gob" ? "geerpc" : "netrpc", limitsOf(), 0);
  codec.request(1, "S.M", { A: 1 }, {});
  return codec.take().slice();
}

function gobReply(family: "geerpc" | "netrpc"): Uint8Array {
  const codec = new GobServerCodec(family, limitsOf());
  codec.reply(1, "S.M", 1);
  return codec.take().slice();
}

Deno.test("two bytes tell HTTP, JSON and gob apart", () => {
  for (
    const [bytes, kind] of [
      [request("geerpc/json"), "json"],
      [request("geerpc/gob"), "json"],
      [request("netrpc/json"), "json"],
      [request("netrpc/gob"), "gob"],
      [gobReply("geerpc"), "gob"],
      [gobReply("netrpc"), "gob"],
      [encoder.encode('{"id":1}'), "json"],
      [encoder.encode("\r\n{}"), "json"],
      [encoder.encode("[1]"), "json"],
      [encoder.encode("GET / HTTP/1.1"), "http"],
      [encoder.encode("CONNECT / HTTP/1.0"), "http"],
      [encoder.encode("HTTP/1.1 400 Bad Request"), "http"],
      [Uint8Array.of(0x1e, 0x7f, 3, 1), "gob"], // type 64
      [Uint8Array.of(0xff, 0x90, 0xff, 0x81, 3, 1), "gob"], // a long definition
      [Uint8Array.of(0x16, 3, 1), "other"], // TLS
      [encoder.encode("*1"), "other"],
      [encoder.encode("{"), undefined],
      [new Uint8Array(0), undefined],
    ] as const
  ) assertEquals(beginningOf(bytes), kind, latin1(bytes.subarray(0, 30)));
});

Deno.test("what has come is quoted, and the protocol named that it looks like", () => {
  for (
    const [text, own, look] of [
      [option(), "netrpc/gob", "it looks like geerpc/json or geerpc/gob"],
      ['{"ServiceMethod":"A.B","Seq":1}', "netrpc/json", "it looks like geerpc/json"],
      ['{"id":null,"result":null,"error":"x"}', "geerpc/json", "it looks like netrpc/json"],
      [latin1(request("netrpc/gob")), "netrpc/json", "it looks like netrpc/gob"],
      [new TextDecoder().decode(gobReply("geerpc")), "geerpc/json", "it looks like netrpc/gob"],
      ["HTTP/1.1 400 Bad Request", "geerpc/json", "an HTTP server"],
      ["\x15\x03\x01", "geerpc/json", "a TLS server"],
    ] as [string, Protocol, string][]
  ) assert(foreign(text, own).includes(look), foreign(text, own));
  // One's own protocol is no news.
  assertEquals(foreign('{"id":1}', "netrpc/json"), '"{\\"id\\":1}"');
  assertEquals(foreign("nonsense", "netrpc/json"), '"nonsense"');
  assert(foreign(`{"id":${"1".repeat(900)}`, "geerpc/json").length < 120);
});

Deno.test("GeeRPC's option is told by its beginning, as soon as that has arrived", () => {
  for (
    const [text, is] of [
      [option(), true],
      ['{"MagicNumber":1}', true],
      ['\n {"MagicNumber"', true],
      ['{"method":"a"}', false],
      ["{}", false],
      ['  {"Magic', undefined],
      ["  ", undefined],
      ["", undefined],
      [" ".repeat(5000), false],
    ] as const
  ) {
    const bytes = encoder.encode(text);
    assertEquals(beginsWithOption(bytes, skipSpaces(bytes, 0)), is, text.trim());
  }
});

Deno.test("an answer in JSON to a client of gob is read once it is whole", () => {
  for (const text of ['{"Seq":0,"Error":"no"}\n{}\n', '{"Seq":0,"Error":"no"}']) {
    const { error } = answerIn(text)!;
    assertEquals(error?.message, "the server refused the connection: no");
    assertEquals([error?.code, error?.execution], ["data_loss", "unknown"]);
  }
  const refused = answerIn('{"Seq":0,"Error":"no","Code":"unauthenticated","Rejected":true}')
    ?.error;
  assertEquals([refused?.code, refused?.execution], ["unauthenticated", "rejected"]);
  assertEquals(answerIn('{"id":null,"error":"no"}\n')?.error, undefined);
  assertEquals(answerIn('{"Seq":0,"Err'), undefined);
  assertEquals(answerIn("HTTP/1.1 400"), {});
  assertEquals(answerIn("{nonsense}\n"), {});
});

Deno.test("a connection that ends in silence hints at the protocols that Go's servers speak", () => {
  assert(mayBeAnother("geerpc/json").includes("geerpc/gob"));
  assert(mayBeAnother("netrpc/gob").includes("?protocol="));
});
