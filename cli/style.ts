/**
 * How things look in a terminal: colours, tables, durations, small charts.
 *
 * @module
 */

/** Puts colours around texts, or leaves them as they are. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
  inverse(text: string): string;
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36, inverse: 7 };

/** @param hasColours Whether there are any. */
export function styleOf(hasColours: boolean): Style {
  const style = Object.entries(CODES).map(([name, code]) => [
    name,
    hasColours ? (text: string) => `\x1b[${code}m${text}\x1b[0m` : (text: string) => text,
  ]);
  return Object.fromEntries(style) as unknown as Style;
}

/** What a foreign text could do to a terminal is taken out of it. */
export function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return character === "\n" || character === "\t" ? " " : "\ufffd";
  });
}

/** A cell of a table: a text, and how it is painted. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

/** How many columns a text takes in a terminal: wide characters take two. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += isWide(character.codePointAt(0)!) ? 2 : 1;
  return width;
}

function isWide(code: number): boolean {
  return code >= 0x1100 && (code <= 0x115f || code >= 0x2e80 && code <= 0xa4cf ||
    code >= 0xac00 && code <= 0xd7a3 || code >= 0xf900 && code <= 0xfaff ||
    code >= 0xfe30 && code <= 0xfe6f || code >= 0xff00 && code <= 0xff60 ||
    code >= 0x1f300 && code <= 0x1faff);
}

/** A text of exactly so many columns: filled up, or cut with an ellipsis. */
export function fitted(text: string, width: number, isRight = false): string {
  if (widthOf(text) > width) {
    let short = "";
    for (const character of text) {
      if (widthOf(short + character) > width - 1) break;
      short += character;
    }
    text = width > 0 ? `${short}…` : "";
  }
  const rest = " ".repeat(Math.max(0, width - widthOf(text)));
  return isRight ? rest + text : text + rest;
}

/**
 * A table.
 *
 * @param heads The heads of its columns; those that begin with `>` are aligned to the right.
 * @param rows Its rows.
 * @param style For the heads.
 * @returns Its lines, each with a line end.
 */
export function table(
  heads: readonly string[],
  rows: readonly (readonly Cell[])[],
  style: Style,
): string {
  const texts = [
    heads.map((head) => head.replace(/^>/, "")),
    ...rows.map((row) => row.map(textOf)),
  ];
  const widths = heads.map((_, column) => Math.max(...texts.map((row) => widthOf(row[column]))));
  return texts.map((row, place) => {
    const cells = row.map((text, column) => {
      const isRight = heads[column].startsWith(">");
      const isLast = column === heads.length - 1;
      const fit = isLast && !isRight ? text : fitted(text, widths[column], isRight);
      const cell = place > 0 ? rows[place - 1][column] : undefined;
      if (typeof cell === "object") return cell.paint(fit);
      return place === 0 ? style.dim(fit) : fit;
    });
    return `${cells.join("  ").trimEnd()}\n`;
  }).join("");
}

function textOf(cell: Cell): string {
  return plain(typeof cell === "string" ? cell : cell.text);
}

/** A duration for people, as `1.24 ms`. */
export function duration(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 1000) return `${digits(ms)} ms`;
  if (ms < 60_000) return `${digits(ms / 1000)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

/** A number for people, with three digits that count. */
export function digits(value: number): string {
  if (value >= 1e6) return `${digits(value / 1e6)}M`;
  if (value >= 1e4) return `${digits(value / 1e3)}k`;
  if (value >= 100 || Number.isInteger(value)) return String(Math.round(value));
  return value.toPrecision(3).replace(/\.?0+$/, "");
}

const BARS = "▁▂▃▄▅▆▇█";

/** Values as bars one character high, the greatest as high as it gets; the last ones count. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const most = Math.max(...shown, 0);
  const bars = shown.map((value) =>
    most === 0 ? BARS[0] : BARS[Math.min(BARS.length - 1, Math.floor(value / most * BARS.length))]
  );
  return bars.join("").padStart(width);
}
