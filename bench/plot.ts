/** The plot of a run: a panel for each kind of work and number of calls in flight, with a dot for each contestant. */

import { type Result, TITLES } from "./report.ts";
import { median, type Series } from "./rounds.ts";

const MARGIN = 16;
const NAMES_WIDTH = 210;
const AXIS_WIDTH = 220;
/** Space for the figures of the right-most dots, and between panels. */
const FIGURE_WIDTH = 84;
const PANEL_WIDTH = AXIS_WIDTH + FIGURE_WIDTH;
const STEP = 18;
const HEAD = 74;

const INK = "#111827";
const FAINT = "#6b7280";
const GRID = "#e5e7eb";
const LIBRARY = "#2563eb";
const OTHERS = "#d97706";
const RAW = "#9ca3af";
const LEGEND: readonly [words: string, color: string][] = [
  ["this library", LIBRARY],
  ["others", OTHERS],
  ["a socket alone; what is in flight is one write", RAW],
];

/** Plots a run, as SVG. The scales are logarithmic: the slowest are far behind. */
export function plot({ machine, rounds, series }: Result): string {
  const works = new Set(series.map(({ work }) => work));
  const inFlightsOf = (work: string) => [
    ...new Set(series.filter((each) => each.work === work).map(({ inFlight }) => inFlight)),
  ];
  const columns = Math.max(...[...works].map((work) => inFlightsOf(work).length));
  const width = 2 * MARGIN + NAMES_WIDTH + columns * PANEL_WIDTH;
  const parts = [
    text(MARGIN, 30, "Calls a second", 18),
    text(MARGIN, 50, `${machine.cpu}, ${machine.cores} cores, ${machine.os}`, 12, FAINT),
    text(
      MARGIN,
      66,
      `Deno ${machine.deno}, Node ${machine.node}, Go ${machine.go}; ` +
        `medians of ${rounds} rounds, logarithmic, sorted by the panel in the middle`,
      12,
      FAINT,
    ),
    ...legend(MARGIN, 86),
  ];
  let y = 100;
  for (const work of works) {
    const names = ranked(series.filter((each) => each.work === work), inFlightsOf(work));
    const decades = decadesOf(series.filter((each) => each.work === work));
    const bottom = y + HEAD + names.length * STEP;
    parts.push(text(MARGIN, y + 34, TITLES[work], 15));
    for (const [row, name] of names.entries()) {
      parts.push(text(MARGIN, y + HEAD + (row + 0.5) * STEP + 4, name, 12));
    }
    for (const [column, inFlight] of inFlightsOf(work).entries()) {
      const left = MARGIN + NAMES_WIDTH + column * PANEL_WIDTH;
      const at = (rate: number) =>
        left + AXIS_WIDTH * (Math.log10(rate) - decades[0]) / (decades.at(-1)! - decades[0]);
      parts.push(text(left, y + 34, `${inFlight} in flight`, 13));
      for (const decade of decades) {
        const x = at(10 ** decade);
        parts.push(
          `<path d="M${x.toFixed(1)} ${y + HEAD - 6}V${bottom}" stroke="${GRID}"/>`,
          text(x, y + HEAD - 12, short(10 ** decade), 11, FAINT, "middle"),
        );
      }
      for (const [row, name] of names.entries()) {
        const { rates } = series.find((each) =>
          each.name === name && each.work === work && each.inFlight === inFlight
        )!;
        const middle = y + HEAD + (row + 0.5) * STEP;
        const x = at(atLeastOne(rates));
        const figure = Math.round(median(rates)).toLocaleString("en-US");
        parts.push(dot(x, middle, colorOf(name)), text(x + 9, middle + 4, figure, 11));
      }
    }
    y = bottom + 12;
  }
  const height = y + MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" font-family="sans-serif">\n` +
    `<rect width="${width}" height="${height}" fill="#ffffff"/>\n${parts.join("\n")}\n</svg>\n`;
}

/** The names, the fastest in the middle panel first. */
function ranked(series: readonly Series[], inFlights: readonly number[]): string[] {
  const inFlight = inFlights[Math.floor(inFlights.length / 2)];
  return series.filter((each) => each.inFlight === inFlight)
    .toSorted((a, b) => median(b.rates) - median(a.rates))
    .map(({ name }) => name);
}

/** The powers of ten around all medians; panels side by side have the same. */
function decadesOf(series: readonly Series[]): number[] {
  const logs = series.map(({ rates }) => Math.log10(atLeastOne(rates)));
  const least = Math.floor(Math.min(...logs));
  const most = Math.max(Math.ceil(Math.max(...logs)), least + 1);
  return Array.from({ length: most - least + 1 }, (_, index) => least + index);
}

/** The median, where it has a logarithm. */
function atLeastOne(rates: readonly number[]): number {
  return Math.max(1, median(rates));
}

function colorOf(name: string): string {
  if (name.startsWith("raw")) return RAW;
  return /^X?Client/.test(name) ? LIBRARY : OTHERS;
}

function legend(x: number, y: number): string[] {
  return LEGEND.flatMap(([words, color], index) => [
    dot(x + 5 + index * 120, y - 4, color),
    text(x + 15 + index * 120, y, words, 12),
  ]);
}

function dot(x: number, y: number, color: string): string {
  return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="5" fill="${color}"/>`;
}

function text(
  x: number,
  y: number,
  words: string,
  size: number,
  color = INK,
  anchor = "start",
): string {
  const escaped = words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" fill="${color}" ` +
    `text-anchor="${anchor}" stroke="#ffffff" stroke-width="3" paint-order="stroke">` +
    `${escaped}</text>`;
}

function short(rate: number): string {
  if (rate >= 1e6) return `${rate / 1e6} M`;
  return rate >= 1e3 ? `${rate / 1e3} k` : `${rate}`;
}
