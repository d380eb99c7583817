/** The cases of a seed: each is one damaged frame in a stream of its own. */

import type { Limits } from "../../protocol/codec.ts";
import { seededRandom } from "../../testing.ts";
import { between } from "../support/helpers.ts";
import { framesOf } from "./corpus.ts";
import { cutsOf, mutated } from "./mutations.ts";
import type { Input } from "./outcome.ts";
import { nameOf, type Target } from "./targets.ts";

/** How many valid streams there are for a seed, which the cases start from. */
const STREAMS = 64;

const LIMITS: readonly Limits[] = [
  { maxMessageBytes: 4096, maxDepth: 20 },
  { maxMessageBytes: 4096, maxDepth: 3 },
  // The method of a message over the limit is looked for in its first 256 characters.
  { maxMessageBytes: 300, maxDepth: 20 },
];

/** One case in so many is long, so that what grows faster than its input shows. */
const LONG_EACH = 1000;
const LONG_BYTES = 32 * 1024;

function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  }
  return sum >>> 0;
}

/** One case: the input, and the name of its undamaged front, which other cases have too. */
export interface Case {
  readonly input: Input;
  readonly front: string;
}

/** Makes the cases of one target and seed: each by its number alone. */
export class Cases {
  readonly #target: Target;
  readonly #seed: number;
  readonly #streams: readonly Uint8Array[][];

  constructor(target: Target, seed: number) {
    this.#target = target;
    this.#seed = hash(`${nameOf(target)} ${seed}`);
    this.#streams = Array.from(
      { length: STREAMS },
      (_, index) => framesOf(target, this.#seed + index, isExtended(target, index)),
    );
  }

  /** The case with a number. */
  make(index: number): Case {
    const random = seededRandom(hash(`${this.#seed} ${index}`));
    const stream = between(random, 0, STREAMS - 1);
    const frames = this.#streams[stream];
    const others = this.#streams[between(random, 0, STREAMS - 1)]; // perhaps of the other sort
    const kept = between(random, 0, frames.length - 1);
    const front = frames.slice(0, kept);
    const other = others[between(random, 0, others.length - 1)];
    const damaged = mutated(frames[kept], other, random);
    const behind = random() < 0.5 ? [] : frames.slice(kept + 1);
    const isLong = index % LONG_EACH === LONG_EACH - 1 && damaged.length > 0;
    const repeated = isLong ? Math.ceil(LONG_BYTES / damaged.length) : 1;
    const bytes = joined([...front, ...Array(repeated).fill(damaged), ...behind]);
    const limits = Math.max(0, between(random, 0, 9) - 7);
    const input: Input = {
      target: this.#target,
      limits: LIMITS[limits],
      bytes,
      isExtended: isExtended(this.#target, stream),
      intact: joined(front).length,
      cuts: isLong && random() < 0.5 ? [] : cutsOf(bytes.length, random),
    };
    return { input, front: `${stream} ${kept} ${limits}` };
  }
}

/** Whether the ends of a stream know our extensions, where there are such. */
function isExtended({ protocol, side }: Target, stream: number): boolean {
  return protocol === "geerpc/json" && side !== "opening" && stream % 2 === 1;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
