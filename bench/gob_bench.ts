/** The time of one message in gob: a small struct, and a net/rpc request with its header. */

import { gob, GobDecoder, GobEncoder, GobWriter } from "../gob.ts";

const args = gob.struct({ A: gob.safeInt, B: gob.safeInt }, { name: "Args" });
const request = gob.struct({ ServiceMethod: gob.string, Seq: gob.safeUint }, {
  name: "Request",
});

const writer = new GobWriter(1 << 16);

/** Reuses the buffer once it holds many messages, as a connection does after a write. */
function makeRoom(): void {
  if (writer.length > 60_000) writer.clear();
}

const structEncoder = new GobEncoder();
structEncoder.encodeTo(writer, { A: 1, B: 2 }, args);
let counter = 0;
Deno.bench({
  name: "encode {A, B} with a schema",
  group: "encode",
  baseline: true,
  fn() {
    makeRoom();
    structEncoder.encodeTo(writer, { A: counter++ & 0xffff, B: 300 }, args);
  },
});

const guessingEncoder = new GobEncoder();
Deno.bench({
  name: "encode {A, B} without a schema",
  group: "encode",
  fn() {
    makeRoom();
    guessingEncoder.encodeTo(writer, { A: counter++ & 0xffff, B: 300 });
  },
});

const rpcEncoder = new GobEncoder();
Deno.bench({
  name: "encode a request header and body",
  group: "encode",
  fn() {
    makeRoom();
    const header = { ServiceMethod: "Arith.Sum", Seq: counter++ & 0xffff };
    rpcEncoder.encodePairTo(writer, header, request, { A: 7, B: 300 }, args);
  },
});

/** A decoder that has read the type definitions already, and messages to push into it. */
function prepare(count: number): { decoder: GobDecoder; messages: Uint8Array } {
  const encoder = new GobEncoder();
  const decoder = new GobDecoder();
  const start = new GobWriter();
  const header = { ServiceMethod: "Arith.Sum", Seq: 1234 };
  encoder.encodePairTo(start, header, request, { A: 7, B: 300 }, args);
  decoder.push(start.view());
  while (decoder.skip());
  const messages = new GobWriter();
  for (let index = 0; index < count; index++) {
    encoder.encodePairTo(messages, header, request, { A: index, B: 300 }, args);
  }
  return { decoder, messages: messages.copy() };
}

const fitted = prepare(100);
Deno.bench({
  name: "decode 100 requests, header and body, with schemas",
  group: "decode",
  baseline: true,
  fn() {
    fitted.decoder.push(fitted.messages);
    for (let index = 0; index < 100; index++) {
      if (fitted.decoder.ready()) fitted.decoder.take(request);
      if (fitted.decoder.ready()) fitted.decoder.take(args);
    }
  },
});

const plain = prepare(100);
Deno.bench({
  name: "decode 100 requests, header and body, without schemas",
  group: "decode",
  fn() {
    plain.decoder.push(plain.messages);
    while (plain.decoder.next() !== undefined);
  },
});

const json = JSON.stringify({
  method: "Arith.Sum",
  params: [{ A: 7, B: 300 }],
  id: 1234,
});
Deno.bench({
  name: "for comparison: JSON.parse of 100 requests",
  group: "decode",
  fn() {
    for (let index = 0; index < 100; index++) JSON.parse(json);
  },
});
