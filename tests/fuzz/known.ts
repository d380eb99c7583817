/** Inputs that have shown a fault: of those that are not mended yet, and of those that are. */

import type { Input } from "./outcome.ts";
import type { Violation } from "./properties.ts";
import { nameOf, serverCodec, type Target } from "./targets.ts";

/** A fault, with an input that shows it. */
export interface Known {
  readonly what: string;
  readonly property: Violation["property"];
  readonly input: Input;
}

const LIMITS = { maxMessageBytes: 4096, maxDepth: 20 };

const encoder = new TextEncoder();

function input(
  protocol: Target["protocol"],
  side: Target["side"],
  text: string,
  cuts: readonly number[] = [],
): Input {
  return {
    target: { protocol, side },
    limits: LIMITS,
    bytes: encoder.encode(text),
    intact: 0,
    cuts,
  };
}

/** An input that arrives byte by byte. */
function inBytes(
  protocol: Target["protocol"],
  side: Target["side"],
  content: string | Uint8Array,
): Input {
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  const cuts = Array.from(bytes.slice(1), (_, index) => index + 1);
  return { target: { protocol, side }, limits: LIMITS, bytes, intact: 0, cuts };
}

/** A reply whose header is long. */
function longError(protocol: Target["protocol"]): Uint8Array {
  const codec = serverCodec(protocol, LIMITS);
  codec.fail(1, "S.Plain", { code: "unknown", message: "x".repeat(3000), rejected: false });
  return codec.take();
}

/**
 * Faults that are known and not mended yet. What a run finds of them is told as known; each must
 * still be there, so that this list gets shorter with every one that is mended.
 */
export const KNOWN: readonly Known[] = [];

/** Faults that are mended, and must not come back. */
export const MENDED: readonly Known[] = [
  {
    what: "a request without params: the rest of the chunk was searched for them, for each line",
    property: "work is linear",
    input: input("netrpc/json", "server", '{"method":"a"}\n'.repeat(2000)),
  },
  {
    what: "a number with a zero in front was one where its line came in one chunk",
    property: "chunks make no difference",
    input: input("netrpc/json", "server", '{"method":"S.Plain","params":[1],"id":01}\n', [20]),
  },
  {
    what: "a control character in a name was none where its line came in one chunk",
    property: "chunks make no difference",
    input: input("netrpc/json", "server", '{"method":"S.\x02","params":[1],"id":1}\n', [20]),
  },
  {
    what: "an empty chunk in front of HTTP was taken for its first byte",
    property: "chunks make no difference",
    input: input("netrpc/json", "opening", "CONNECT /_goRPC_ HTTP/1.0\n\n", [0]),
  },
  {
    what: "the beginning of a stream of gob was copied anew with each chunk",
    property: "work is linear",
    input: inBytes("geerpc/gob", "client", longError("geerpc/gob")),
  },
  {
    what: "an answer in JSON to a client of gob was parsed anew with each chunk",
    property: "work is linear",
    input: inBytes("netrpc/gob", "client", `{"a":"${"{}".repeat(1000)}`),
  },
  {
    what: "the head of HTTP CONNECT was decoded and searched anew with each chunk",
    property: "work is linear",
    input: inBytes("netrpc/gob", "opening", `CONNECT / HTTP/1.0\r\n${"A: b\r\n".repeat(1000)}`),
  },
  {
    what: "the answer to HTTP CONNECT was decoded and searched anew with each chunk",
    property: "work is linear",
    input: inBytes("netrpc/gob", "connect", `HTTP/1.0 200\n${"A: b\n".repeat(1000)}`),
  },
  {
    what: "an answer that was no HTTP was decoded on when it had been refused",
    property: "work is linear",
    input: inBytes("netrpc/gob", "connect", "x".repeat(9000)),
  },
  {
    what: "GeeRPC's option was copied, decoded and searched anew with each chunk",
    property: "work is linear",
    input: inBytes("geerpc/json", "opening", " ".repeat(4000)),
  },
  {
    what: "spaces that may stand before GeeRPC's option were copied anew with each chunk",
    property: "work is linear",
    input: inBytes("netrpc/json", "opening", " ".repeat(4000)),
  },
  {
    what: "a fault of the fuzzer: the refusals of many small requests were too much work",
    property: "work is linear",
    input: input("geerpc/json", "server", "{}\n\n".repeat(100)),
  },
];

/** The known fault that a violation is, if it is one. */
export function knownAs(input: Input, { property }: Violation): Known | undefined {
  return KNOWN.find((known) =>
    known.property === property && nameOf(known.input.target) === nameOf(input.target)
  );
}
