/** A run as a picture: bars for each kind of work and number of calls in flight. */

import { type Result, TITLES } from "./report.ts";
import { median } from "./rounds.ts";

const WIDTH = 1000;
const NAMES_WIDTH = 230;
const FIGURE_WIDTH = 80;
const BAR = 14;
const STEP = 19;
const TITLE = 44;

/** Draws it, as SVG. The scale is logarithmic: the slowest are far behind. */
export function plot({ machine, series }: Result): string {
  const parts: string[] = [];
  let y = 28;
  text(parts, 10, y, `Calls a second, logarithmic. ${machine.cpu}, ${machine.cores} cores`, 15);
  y += 10;
  for (const key of new Set(series.map(({ work, inFlight }) => `${work} ${inFlight}`))) {
    const bars = series
      .filter(({ work, inFlight }) => `${work} ${inFlight}` === key)
      .map(({ name, rates }) => ({ name, rate: median(rates) }))
      .toSorted((a, b) => b.rate - a.rate);
    const [work, inFlight] = key.split(" ");
    text(parts, 10, y + TITLE / 2 + 6, `${TITLES[work]}, ${inFlight} in flight`, 14);
    y += TITLE;
    const least = Math.log10(bars.at(-1)!.rate) - 0.3;
    const most = Math.log10(bars[0].rate);
    for (const { name, rate } of bars) {
      const room = WIDTH - NAMES_WIDTH - FIGURE_WIDTH;
      const length = room * (Math.log10(rate) - least) / (most - least);
      const color = /XClient|Client/.test(name)
        ? "#2563eb"
        : /raw/.test(name)
        ? "#9ca3af"
        : "#f59e0b";
      text(parts, 10, y + BAR - 3, name, 12);
      parts.push(
        `<rect x="${NAMES_WIDTH}" y="${y}" width="${
          length.toFixed(1)
        }" height="${BAR}" fill="${color}"/>`,
      );
      const figure = Math.round(rate).toLocaleString("en-US");
      text(parts, NAMES_WIDTH + length + 6, y + BAR - 3, figure, 12);
      y += STEP;
    }
  }
  const height = y + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif">\n` +
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>\n${parts.join("\n")}\n</svg>\n`;
}

function text(parts: string[], x: number, y: number, words: string, size: number): void {
  const escaped = words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  parts.push(
    `<text x="${x.toFixed(1)}" y="${y}" font-size="${size}" fill="#111827">${escaped}</text>`,
  );
}
