/** Markdown tables of costs. */

import { table } from "../table.ts";
import type { Figure, Part } from "./part.ts";
import type { Reached } from "./targets.ts";

/** The table of a part's figures. */
export function figuresTable({ name, title }: Part, figures: readonly Figure[]): string {
  const columns = [...new Set(figures.map(({ column }) => column))];
  const rows = [...new Set(figures.map(({ row }) => row))].map((name) => [
    name,
    ...columns.map((column) => {
      const figure = figures.find((each) => each.row === name && each.column === column);
      return figure === undefined ? "" : format(figure.value);
    }),
  ]);
  return `## ${name}: ${title}\n\n${table(["", ...columns], rows)}`;
}

/** The table of targets and what was measured. */
export function targetsTable(targets: readonly Reached[]): string {
  const rows = targets.map(({ part, row, column, value, most, met }) => [
    `${part}: ${row}, ${column}`,
    format(value),
    `≤ ${format(most)}`,
    met ? "met" : "MISSED",
  ]);
  return `## Targets\n\n${table(["", "measured", "target", ""], rows)}`;
}

/** Formats a value with three significant digits, and large ones without a fraction. */
function format(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const fraction = Math.min(digits, 5);
  return value.toLocaleString("en-US", {
    minimumFractionDigits: fraction,
    maximumFractionDigits: fraction,
  });
}
