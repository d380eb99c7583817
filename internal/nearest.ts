/**
 * The name that was probably meant by one that does not exist.
 *
 * @module
 */

/** More changes than this make another name of it. */
const MOST_CHANGES = 2;

/**
 * A question for an error message.
 *
 * @param name The name that does not exist.
 * @param known Those that do.
 * @returns As `; did you mean "timeoutMs"?`; empty if none is close.
 */
export function didYouMean(name: string, known: readonly string[]): string {
  const wanted = plain(name);
  let nearest: string | undefined;
  let least = Math.min(MOST_CHANGES, Math.floor(wanted.length / 3)) + 1;
  for (const one of known) {
    const changes = distance(wanted, plain(one));
    if (changes >= least) continue;
    least = changes;
    nearest = one;
  }
  return nearest === undefined ? "" : `; did you mean ${JSON.stringify(nearest)}?`;
}

/** Upper case, `_`, `-` and the unit are what is mistaken most often. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "").replace(/(?:ms|millis|milliseconds)$/, "");
}

/** How many letters have to be changed, added or left out to get from one to the other. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, place) => place);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const change = one[i - 1] === other[j - 1] ? 0 : 1;
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + change));
    }
    row = next;
  }
  return row[other.length];
}
