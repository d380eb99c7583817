/** The targets of `bench:costs`: the most that the library may cost. */

import type { Figure } from "./part.ts";

/** A target: the most that a figure may be. */
export interface Target {
  readonly part: string;
  readonly row: string;
  readonly column: string;
  readonly most: number;
}

/** A target, and what was measured. */
export interface Reached extends Target {
  readonly value: number;
  readonly met: boolean;
}

const KIB = 1024;

/**
 * The least that a call can leave behind is one slot of eight bytes. Growth
 * below this limit is less than one slot per batch of 64 calls, so it has other
 * causes than calls, such as code that is compiled again.
 */
const NEGLIGIBLE_BYTES_A_CALL = 0.1;

/** The targets. */
export const TARGETS: readonly Target[] = [
  { part: "broadcast", row: "Deno, 1,000 servers", column: "µs a server", most: 30 },
  { part: "broadcast", row: "Node, 1,000 servers", column: "µs a server", most: 30 },
  ...["Deno", "Node"].flatMap((runtime) =>
    ["client", "server"].map((side) => ({
      part: "memory",
      row: `${runtime}, ${side}: idle connection`,
      column: "heap + buffers",
      most: 12 * KIB,
    }))
  ),
  { part: "size", row: "core", column: "min + gzip", most: 15 * KIB },
  ...["client", "server 1", "server 2", "server 3"].map((side) => ({
    part: "soak",
    row: side,
    column: "certain growth",
    most: NEGLIGIBLE_BYTES_A_CALL,
  })),
];

/** The targets of a part, with its figures. */
export function reached(part: string, figures: readonly Figure[]): Reached[] {
  return TARGETS.filter((target) => target.part === part).flatMap((target) => {
    const figure = figures.find(({ row, column }) =>
      row === target.row && column === target.column
    );
    if (figure === undefined) return [];
    return [{ ...target, value: figure.value, met: figure.value <= target.most }];
  });
}
