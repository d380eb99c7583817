/**
 * Faults that are known and not mended yet. What a run finds of them is told as known; each must
 * still be there, so that this list gets shorter with every one that is mended.
 */

import type { Input } from "./outcome.ts";
import type { Violation } from "./properties.ts";
import { nameOf, type Target } from "./targets.ts";

/** One of them, with an input that shows it. */
export interface Known {
  readonly what: string;
  readonly property: Violation["property"];
  readonly input: Input;
}

const LIMITS = { maxMessageBytes: 4096, maxDepth: 20 };

function input(protocol: Target["protocol"], side: Target["side"], text: string): Input {
  const bytes = new TextEncoder().encode(text);
  return { target: { protocol, side }, limits: LIMITS, bytes, intact: 0, cuts: [] };
}

/** All of them. */
export const KNOWN: readonly Known[] = [
  {
    what: "a request without params: the rest of the chunk is searched for them, for each line",
    property: "work is linear",
    input: input("netrpc/json", "server", '{"method":"a"}\n'.repeat(2000)),
  },
];

/** The known fault that a violation is, if it is one. */
export function knownAs(input: Input, { property }: Violation): Known | undefined {
  return KNOWN.find((known) =>
    known.property === property && nameOf(known.input.target) === nameOf(input.target)
  );
}
