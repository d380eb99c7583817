import { assert, assertEquals, assertThrows } from "@std/assert";
import { RpcError } from "../../errors.ts";
import { encodeOption, OptionReader } from "../../protocol/handshake.ts";

const encoder = new TextEncoder();

Deno.test("the option takes 512 bytes, its brace the last", () => {
  for (const [ms, ns] of [[0, 0], [1, 1e6], [1500.5, 1_500_500_000], [1e-6, 1], [1e9, 1e15]]) {
    const text = encodeOption("application/json", ms);
    assertEquals([text.length, text.at(-1)], [512, "}"]);
    assertEquals(JSON.parse(text), {
      MagicNumber: 0x3bef5c,
      CodecType: "application/json",
      ConnectTimeout: 0,
      HandleTimeout: ns,
      Ext: 1,
    });
    assertEquals(
      text.trimStart(),
      `{"MagicNumber":3927900,"CodecType":"application/json","ConnectTimeout":0,"HandleTimeout":${ns},"Ext":1}`,
    );
  }
  const gob = encodeOption("application/gob", 0);
  assert(gob.includes('"CodecType":"application/gob"'));
  assert(!gob.includes("Ext"));
});

Deno.test("OptionReader: every cut gives the option and what is behind it", () => {
  const bytes = encoder.encode(encodeOption("application/json", 1500) + "behind é}");
  for (let at = 0; at <= bytes.length; at++) {
    const reader = new OptionReader();
    let read = reader.push(bytes.slice(0, at));
    let rest = read?.rest ?? new Uint8Array();
    if (read === undefined) {
      read = reader.push(bytes.slice(at));
      rest = read!.rest;
    } else {
      rest = new Uint8Array([...rest, ...bytes.slice(at)]);
    }
    const expected = { codecType: "application/json", handleTimeoutMs: 1500, isExtended: true };
    assertEquals(read!.option, expected);
    assertEquals(new TextDecoder().decode(rest), "behind é}", `cut at ${at}`);
  }
});

Deno.test("OptionReader: byte by byte, as Go writes it, and with other fields", () => {
  const reader = new OptionReader();
  const text = '{"MagicNumber":3927900,"CodecType":"application/gob","Later":[1]}';
  let read: ReturnType<OptionReader["push"]>;
  for (const byte of encoder.encode(text)) {
    assertEquals(read, undefined);
    read = reader.push(new Uint8Array([byte]));
  }
  const expected = { codecType: "application/gob", handleTimeoutMs: 0, isExtended: false };
  assertEquals(read?.option, expected);
  assertEquals(read?.rest.length, 0);
});

Deno.test("OptionReader: extensions are those of JSON, in the version that we know", () => {
  for (
    const [type, ext, isExtended] of [
      ["json", "1", true],
      ["gob", "1", false],
      ["json", "2", false],
      ["json", "true", false],
      ["json", "null", false],
    ] as const
  ) {
    const text = `{"MagicNumber":3927900,"CodecType":"application/${type}","Ext":${ext}}`;
    assertEquals(new OptionReader().push(encoder.encode(text))?.option.isExtended, isExtended);
  }
});

Deno.test("OptionReader: a HandleTimeout that is not a positive number is no limit", () => {
  for (const value of ["null", "-1", '"1s"', "0"]) {
    const text = `{"MagicNumber":3927900,"CodecType":"application/json","HandleTimeout":${value}}`;
    assertEquals(new OptionReader().push(encoder.encode(text))?.option.handleTimeoutMs, 0);
  }
});

for (
  const [text, code, message] of [
    ["x", "data_loss", 'expected a GeeRPC handshake, got "x"'],
    ["  [1]", "data_loss", "expected a GeeRPC handshake"],
    ["}", "data_loss", "expected a GeeRPC handshake"],
    ["{}", "data_loss", "invalid magic number undefined; expected 3927900"],
    ['{"MagicNumber":"3927900"}', "data_loss", "invalid magic number"],
    ['{"MagicNumber":1,"CodecType":"application/json"}', "data_loss", "invalid magic number 1"],
    ["{]}", "data_loss", 'expected a GeeRPC handshake, got "{]}"'],
    ['{"MagicNumber":3927900}', "unimplemented", 'invalid codec type "undefined"'],
    [`{"MagicNumber":3927900,"CodecType":"${"x".repeat(1000)}"}`, "unimplemented", "invalid codec"],
    [" ".repeat(4096), "data_loss", "expected a GeeRPC handshake"],
    [`{${" ".repeat(4095)}`, "data_loss", "expected a GeeRPC handshake"],
    ["\x16\x03\x01", "data_loss", "(a TLS server?"],
  ]
) {
  Deno.test(`OptionReader refuses ${JSON.stringify(text.slice(0, 60))}`, () => {
    const error = assertThrows(
      () => new OptionReader().push(encoder.encode(text)),
      RpcError,
      message,
    );
    assertEquals(error.code, code);
    assert(error.message.length < 250, error.message);
  });
}

Deno.test("OptionReader waits for the rest, up to its limit", () => {
  const reader = new OptionReader();
  assertEquals(reader.push(new Uint8Array()), undefined);
  for (let n = 0; n < 4095; n++) assertEquals(reader.push(new Uint8Array([32])), undefined);
  assertThrows(() => reader.push(new Uint8Array([32])), RpcError);
});
