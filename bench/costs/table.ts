/** Figures as tables in Markdown. */

import type { Figure, Part } from "./part.ts";
import type { Reached } from "./targets.ts";

/** Writes the figures of a part as a table. */
export function printFigures({ name, title }: Part, figures: readonly Figure[]): void {
  const columns = [...new Set(figures.map(({ column }) => column))];
  console.log(`\n${name}: ${title}\n`);
  printRow("", ...columns);
  printRow("---", ...columns.map(() => "--:"));
  for (const name of new Set(figures.map(({ row }) => row))) {
    const values = columns.map((column) =>
      figures.find((each) => each.row === name && each.column === column)?.value
    );
    printRow(name, ...values.map((value) => value === undefined ? "" : shown(value)));
  }
}

/** Writes what was promised and what was measured. */
export function printTargets(targets: readonly Reached[]): void {
  if (targets.length === 0) return;
  console.log("\ntargets\n");
  printRow("", "measured", "at most", "");
  printRow("---", "--:", "--:", "---");
  for (const { part, row, column, value, most, met } of targets) {
    printRow(`${part}: ${row}, ${column}`, shown(value), shown(most), met ? "met" : "MISSED");
  }
}

/** Writes one row. */
export function printRow(...cells: string[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

/** Three digits that mean something, and no fractions of what is large. */
function shown(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const fraction = Math.min(digits, 5);
  return value.toLocaleString("en-US", {
    minimumFractionDigits: fraction,
    maximumFractionDigits: fraction,
  });
}
