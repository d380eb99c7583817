/** Inputs that have shown a fault: of those that are not mended yet, and of those that are. */

import type { Input } from "./outcome.ts";
import type { Violation } from "./properties.ts";
import { nameOf, type Target } from "./targets.ts";

/** A fault, with an input that shows it. */
export interface Known {
  readonly what: string;
  readonly property: Violation["property"];
  readonly input: Input;
}

const LIMITS = { maxMessageBytes: 4096, maxDepth: 20 };

function input(
  protocol: Target["protocol"],
  side: Target["side"],
  text: string,
  cuts: readonly number[] = [],
): Input {
  const bytes = new TextEncoder().encode(text);
  return { target: { protocol, side }, limits: LIMITS, bytes, intact: 0, cuts };
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
];

/** The known fault that a violation is, if it is one. */
export function knownAs(input: Input, { property }: Violation): Known | undefined {
  return KNOWN.find((known) =>
    known.property === property && nameOf(known.input.target) === nameOf(input.target)
  );
}
