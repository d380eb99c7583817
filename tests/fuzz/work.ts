/**
 * Counts the work of the functions that go through bytes or text in a loop of the engine's own: a
 * search, a copy, a decoding. A quadratic reader shows in it whatever the machine.
 */

let count = 0;

type Method = (this: { readonly length: number }, ...args: unknown[]) => unknown;
type Cost = (
  self: { readonly length: number },
  one: unknown,
  two: unknown,
  result: unknown,
  three: unknown,
) => number;

const lengthOf = (value: unknown): number =>
  (value as { length?: number } | undefined | null)?.length ?? 0;

/** From the beginning, or the place that is given, to what was found. */
const searched: Cost = (self, _, from = 0, result) =>
  Math.max(0, ((result as number) < 0 ? self.length : result as number) - (from as number));
const searchedBackwards: Cost = (self, _one, _two, result) =>
  self.length - Math.max(0, result as number);
const whole: Cost = ({ length }) => length;
const given: Cost = (_self, value) => lengthOf(value);
const moved: Cost = (self, _to, from, _result, end = self.length) =>
  Math.max(0, (end as number) - (from as number));
const made: Cost = (_self, _one, _two, result) => lengthOf(result);

/** Those for which an argument that is undefined is not one that is left out. */
const COUNTS_ARGUMENTS = ["lastIndexOf", "splice", "decode"];

/**
 * Counts from here on: methods of the engine are replaced.
 *
 * @returns Puts them back.
 */
export function countWork(): () => void {
  const typed = Object.getPrototypeOf(Uint8Array.prototype);
  const undo = [
    replace(String.prototype, "indexOf", searched),
    replace(String.prototype, "lastIndexOf", searchedBackwards),
    replace(String.prototype, "includes", whole),
    replace(String.prototype, "split", whole),
    replace(typed, "indexOf", searched),
    replace(typed, "lastIndexOf", searchedBackwards),
    replace(typed, "set", given),
    replace(typed, "slice", made),
    replace(typed, "copyWithin", moved),
    replace(typed, "includes", whole),
    replace(typed, "fill", whole),
    replace(Array.prototype, "join", made),
    replace(Array.prototype, "splice", whole),
    replace(Array.prototype, "shift", whole),
    replace(TextDecoder.prototype, "decode", given),
    replace(TextEncoder.prototype, "encode", given),
    replace(TextEncoder.prototype, "encodeInto", given),
    replace(RegExp.prototype, "exec", given),
    replace(JSON, "parse", given),
    replace(JSON, "stringify", made),
  ];
  return () => undo.forEach((one) => one());
}

function replace(owner: object, name: string, cost: Cost): () => void {
  const methods = owner as Record<string, Method>;
  const original = methods[name];
  methods[name] = COUNTS_ARGUMENTS.includes(name)
    ? function (...args) {
      const result = original.apply(this, args);
      count += 1 + cost(this, args[0], args[1], result, args[2]);
      return result;
    }
    : function (one, two, three) {
      const result = original.call(this, one, two, three);
      count += 1 + cost(this, one, two, result, three);
      return result;
    };
  return () => {
    methods[name] = original;
  };
}

/** The work counted so far, in bytes and characters. */
export function workSoFar(): number {
  return count;
}
