/** Valid frames, which the mutations start from: as our own codecs write them, and heads of HTTP. */

import { type AnyGobSchema, gob, GobNamed, type GobSchema } from "../../gob.ts";
import type { ClientCodec, Limits, Protocol, ServerCodec } from "../../protocol/codec.ts";
import { encodeOption } from "../../protocol/handshake.ts";
import { connectPath } from "../../protocol/connect_paths.ts";
import { PROTOCOLS } from "../../protocol/protocols.ts";
import { seededRandom } from "../../testing.ts";
import { between } from "../support/helpers.ts";
import { anyValue, shape } from "../support/values.ts";
import { clientCodec, serverCodec, type Target } from "./targets.ts";

import type { GobService } from "../../gob/schema_types.ts";

type Random = () => number;

const limits: Limits = { maxMessageBytes: 4 * 1024 * 1024, maxDepth: 100 };

/** How many calls a client has in flight, whose replies it reads. */
export const IN_FLIGHT = 8;

const tree: AnyGobSchema = gob.struct({
  Name: gob.string,
  Kids: gob.slice(gob.lazy(() => tree as GobSchema<unknown>)),
});
const typed = gob.struct({ A: gob.safeInt, Names: gob.slice(gob.string) });
const wide = gob.struct({
  I: gob.int,
  U: gob.uint64,
  F: gob.float32,
  C: gob.complex,
  Bytes: gob.bytes,
  Fixed: gob.array(3, gob.uint16),
  ByInt: gob.map(gob.int, gob.bool),
  Maybe: gob.optional(gob.string),
  At: gob.time,
  Big: gob.bigInt,
  Any: gob.interface({ "main.Point": gob.struct({ X: gob.int, Y: gob.int }) }),
  Tree: tree,
});

/** The methods whose types are known; `S.Plain` has none. */
export const SCHEMAS: Readonly<Record<string, GobService[string]>> = gob.service({
  "S.Typed": { args: typed, reply: gob.map(gob.string, gob.float) },
  "S.Wide": { args: wide, reply: wide },
});

/** The methods, by the calls of a client. */
export const METHODS = ["S.Typed", "S.Plain", "S.Wide", "S.Plain"] as const;

/** The method of a call by its number. */
export function methodOf(seq: number): string {
  return METHODS[seq % METHODS.length];
}

/**
 * A valid stream, frame by frame: each is one message, or what stands before the first.
 *
 * @param isExtended Whether both ends know our extensions.
 */
export function framesOf(target: Target, seed: number, isExtended = false): Uint8Array[] {
  const random = seededRandom(seed);
  switch (target.side) {
    case "server":
      return requests(target.protocol, random, isExtended);
    case "client":
      return replies(target.protocol, random, isExtended);
    case "opening":
      return opening(target.protocol, random);
    case "connect":
      return answers(random);
  }
}

function requests(protocol: Protocol, random: Random, isExtended = false): Uint8Array[] {
  const codec = clientCodec(protocol, limits, isExtended);
  return Array.from({ length: between(random, 2, 6) }, (_, index) => {
    const seq = index + 1;
    if (isExtended && random() < 0.5) sayOfStreams(codec, seq, random);
    else if (index > 0 && random() < 0.1) {
      codec.cancel?.(between(random, 1, seq), random() < 0.3 ? "no more" : undefined);
      codec.ping?.(seq + 100);
    } else {
      const method = methodOf(between(random, 0, 3));
      const extras = random() < 0.2 ? { timeoutMs: 1500, meta: { trace: "a\u2603" } } : {};
      if (isExtended && random() < 0.1) return withText(seq, method, random);
      const args = isExtended ? valueOf(random) : argumentOf(protocol, method, random);
      codec.request(seq, method, args, { ...extras, schema: SCHEMAS[method] });
    }
    return codec.take().slice();
  }).filter(({ length }) => length > 0);
}

/** What a client says of a stream of its own, or of another's. */
function sayOfStreams(codec: ClientCodec, seq: number, random: Random): void {
  const { items } = codec;
  const of = between(random, 1, seq);
  switch (between(random, 0, 4)) {
    case 0: {
      const stream = {
        isAnswered: random() < 0.7,
        hasArgs: random() < 0.5,
        windowItems: between(random, 1, 2000),
        windowBytes: 262_144,
      };
      return codec.request(seq, "S.Plain", json(random, 0), { stream });
    }
    case 1:
      return items!.credit(of, between(random, 0, 99), between(random, 0, 1e6));
    case 2:
      return items!.end(of);
    default:
      items!.item(of, random() < 0.3 ? valueOf(random) : json(random, 0), Infinity);
  }
}

/** What a server says of a stream. */
function answerStream(codec: ServerCodec, seq: number, random: Random): void {
  const { items } = codec;
  switch (between(random, 0, 6)) {
    case 0:
      return items!.credit(seq, between(random, 0, 99), between(random, 0, 1e6));
    case 1:
      return items!.end(seq, methodOf(seq));
    case 2:
      return items!.unwanted(seq);
    case 3: {
      const failure = { code: "unavailable", message: "it ends", rejected: false } as const;
      return codec.fail(seq, methodOf(seq), { ...failure, interrupted: true });
    }
    default:
      items!.item(seq, random() < 0.3 ? valueOf(random) : json(random, 0), Infinity);
  }
}

function replies(protocol: Protocol, random: Random, isExtended = false): Uint8Array[] {
  const codec = serverCodec(protocol, limits, isExtended);
  return Array.from({ length: between(random, 2, IN_FLIGHT) }, (_, index) => {
    const seq = index + 1;
    const method = methodOf(seq);
    const pick = random();
    if (isExtended && random() < 0.1) return withText(seq, method, random);
    if (isExtended && pick > 0.6) answerStream(codec, seq, random);
    else if (pick < 0.1) {
      const details = random() < 0.5 ? valueOf(random) : undefined;
      codec.fail(seq, method, {
        code: "unknown",
        message: "an error \u2603",
        rejected: false,
        details,
      });
    } else if (pick < 0.2) {
      const message = "rpc server: can't find method None";
      codec.fail(seq, method, { code: "unimplemented", message, rejected: true });
    } else if (pick < 0.25 && codec.drain !== undefined) codec.drain();
    else {
      const reply = isExtended ? valueOf(random) : replyOf(protocol, method, random);
      codec.reply(seq, method, reply, SCHEMAS[method]?.reply);
    }
    return codec.take().slice();
  }).filter(({ length }) => length > 0);
}

/** A value of any kind, not as large as the limits of the cases. */
function valueOf(random: Random): unknown {
  for (;;) {
    const value = anyValue(between(random, 1, 1e9));
    if (JSON.stringify(shape(value)).length < 2000) return value;
  }
}

/** A message whose text lies beside the line, though it is too short for that: our ends read it. */
function withText(seq: number, method: string, random: Random): Uint8Array {
  const parts = [text(random), text(random)].map((each) => new TextEncoder().encode(each));
  const head = `{"ServiceMethod":"${method}","Seq":${seq},"Parts":[${parts.map((p) => p.length)}]}`;
  const line = new TextEncoder().encode(`${head}\n[{"$":["text",0]},{"$":["bytes",1]}]\n`);
  return new Uint8Array([...line, ...parts[0], ...parts[1]]);
}

function argumentOf(protocol: Protocol, method: string, random: Random): unknown {
  if (method === "S.Typed") {
    return { A: between(random, -70000, 70000), Names: names(random) };
  }
  return plainOrWide(protocol, method, random);
}

function replyOf(protocol: Protocol, method: string, random: Random): unknown {
  if (method !== "S.Typed") return plainOrWide(protocol, method, random);
  const entries = names(random).map((name): [string, number] => [name, random() * 1e9]);
  return protocol.endsWith("gob") ? new Map(entries) : Object.fromEntries(entries);
}

function plainOrWide(protocol: Protocol, method: string, random: Random): unknown {
  if (method === "S.Wide" && protocol.endsWith("gob")) return wideValue(random);
  return protocol.endsWith("gob") ? inferred(random) : json(random, 0);
}

function names(random: Random): string[] {
  return Array.from({ length: between(random, 0, 3) }, (_, n) => `n${n}${text(random)}`);
}

function text(random: Random): string {
  const texts = ["", "x", "a \u2603", "\u{1F600}", 'q"\\\n', "long ".repeat(20)];
  return texts[between(random, 0, texts.length - 1)];
}

function wideValue(random: Random): unknown {
  const kids = Array.from({ length: between(random, 0, 3) }, () => ({ Name: "k", Kids: [] }));
  return {
    I: between(random, -1e9, 1e9),
    U: 2n ** BigInt(between(random, 0, 63)),
    F: 1.5,
    C: { real: random(), imaginary: -1 },
    Bytes: Uint8Array.from({ length: between(random, 0, 40) }, (_, at) => at * 7),
    Fixed: [1, 2, between(random, 0, 65535)],
    ByInt: new Map([[between(random, -9, 9), true]]),
    Maybe: random() < 0.5 ? null : "maybe",
    At: new Date(between(random, 0, 2e12)),
    Big: -(3n ** BigInt(between(random, 0, 90))),
    Any: random() < 0.3 ? "text" : new GobNamed("main.Point", { X: 1, Y: -2 }),
    Tree: { Name: "root", Kids: kids },
  };
}

/** What gob takes without a schema. */
function inferred(random: Random): unknown {
  switch (between(random, 0, 4)) {
    case 0:
      return { B: [1.5, 2], C: { D: true, E: text(random) } };
    case 1:
      return `text ${text(random)}`;
    case 2:
      return between(random, -300, 70000);
    case 3:
      return [{ Name: "a", N: 1 }, { Name: text(random), N: between(random, -5, 5) }];
    default:
      return new Uint8Array([0, 128, 255]);
  }
}

function json(random: Random, depth: number): unknown {
  switch (between(random, depth > 3 ? 3 : 0, 9)) {
    case 0:
    case 1:
      return Object.fromEntries(
        names(random).map((name) => [name, json(random, depth + 1)]),
      );
    case 2:
      return Array.from({ length: between(random, 0, 3) }, () => json(random, depth + 1));
    case 3:
      return null;
    case 4:
      return random() < 0.5;
    case 5:
      return random() * 10 ** between(random, -12, 12);
    case 6:
      return text(random);
    default:
      return { A: between(random, -9, 99999), B: 2 };
  }
}

function opening(protocol: Protocol, random: Random): Uint8Array[] {
  const encoder = new TextEncoder();
  const pick = PROTOCOLS[between(random, 0, PROTOCOLS.length - 1)];
  const isConnect = random() < 0.6;
  const spoken = isConnect ? pick : protocol;
  const frames: Uint8Array[] = [];
  if (isConnect) {
    const newline = random() < 0.5 ? "\n" : "\r\n";
    const path = random() < 0.8
      ? connectPath(pick)
      : ["/", "*", "/_geerpc_"][between(random, 0, 2)];
    const headers = random() < 0.5 ? "" : `Host: a:1${newline}X-Trace: 1234567890${newline}`;
    frames.push(encoder.encode(`CONNECT ${path} HTTP/1.0${newline}${headers}${newline}`));
  }
  if (spoken.startsWith("geerpc/")) {
    const type = spoken === "geerpc/gob" ? "application/gob" : "application/json";
    const option = encodeOption(type, between(random, 0, 3) * 500);
    frames.push(encoder.encode(random() < 0.5 ? option : `${option.trimStart()}\n`));
  }
  return [...frames, ...requests(spoken, random).slice(0, 2)];
}

function answers(random: Random): Uint8Array[] {
  const newline = random() < 0.5 ? "\n" : "\r\n";
  const status = random() < 0.8
    ? "200 Connected to Go RPC"
    : ["404 Not Found", "405 must CONNECT", "200"][between(random, 0, 2)];
  const headers = random() < 0.5 ? "" : `Content-Type: text/plain${newline}`;
  const head = `HTTP/1.${between(random, 0, 1)} ${status}${newline}${headers}${newline}`;
  return [new TextEncoder().encode(head), ...replies("netrpc/gob", random).slice(0, 2)];
}
