/** What most test files use, from the files by subject. */

export * from "./async.ts";
export * from "./failures.ts";
export * from "./raw_peer.ts";
export * from "./world.ts";

/** A whole number by chance, from `least` to `most`. */
export function between(random: () => number, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}
