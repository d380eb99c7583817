/** Shows values as text and the difference between two of them, for messages. */

import { inspect } from "node:util";

const ROWS_TIMES_COLUMNS = 4_000_000;

/** A value as text, one property to a line, keys in order. */
export function show(value: unknown): string {
  const options = {
    depth: Infinity,
    sorted: true,
    trailingComma: true,
    compact: false,
    iterableLimit: Infinity,
    getters: true,
    strAbbreviateSize: Infinity,
  };
  return "Deno" in globalThis ? Deno.inspect(value, options) : inspect(value, options);
}

/** The lines of both values: `-` only in `actual`, `+` only in `expected`. */
export function difference(actual: unknown, expected: unknown): string {
  const texts = typeof actual === "string" && typeof expected === "string";
  const a = (texts ? quote(actual) : show(actual)).split("\n");
  const b = (texts ? quote(expected as string) : show(expected)).split("\n");
  const lines: string[] = [];
  let i = 0;
  let j = 0;
  for (const [nextI, nextJ] of [...common(a, b), [a.length, b.length]]) {
    const removed = a.slice(i, nextI).map((line) => `-   ${line}`);
    const added = b.slice(j, nextJ).map((line) => `+   ${line}`);
    // As in std, the longer text's own lines come first.
    lines.push(...b.length > a.length ? added : removed);
    lines.push(...b.length > a.length ? removed : added);
    if (nextI < a.length) lines.push(`    ${a[nextI]}`);
    i = nextI + 1;
    j = nextJ + 1;
  }
  return `\n\n    [Diff] Actual / Expected\n\n\n${lines.join("\n")}\n`;
}

/** A text with its line ends, returns and tabs made visible. */
function quote(text: string): string {
  return text.replaceAll("\r", "\\r").replaceAll("\t", "\\t")
    .replaceAll("\n", "\\n\n");
}

/** Index pairs of a longest run of lines that `a` and `b` share, in order. */
function common(a: string[], b: string[]): [number, number][] {
  const pairs: [number, number][] = [];
  if (a.length * b.length > ROWS_TIMES_COLUMNS) return pairs;
  const width = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] = a[i] === b[j]
        ? longest[(i + 1) * width + j + 1]! + 1
        : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
    }
  }
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!) i++;
    else j++;
  }
  return pairs;
}
