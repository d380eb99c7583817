/**
 * A picture of a benchmark: latencies over percentiles, a line for each step.
 *
 * @module
 */

import { digits, duration } from "../style.ts";
import { type Report, stepName } from "./report.ts";

const WIDTH = 800;
const HEIGHT = 440;
const LEFT = 80;
const RIGHT = 200;
const TOP = 60;
const BOTTOM = 50;
/** Where the axis has a mark. Each nine has the same room. */
const MARKS = [0, 50, 90, 99, 99.9, 99.99];
const LONGEST_AXIS = Math.log10(100 / (100 - 99.99));
const COLOURS = [
  "#1971c2",
  "#d9480f",
  "#2b8a3e",
  "#9c36b5",
  "#e8a100",
  "#0b7285",
  "#c2255c",
  "#5f3dc4",
];

const STYLE = "text{font:13px system-ui,sans-serif;fill:#1f2933}.grid{stroke:#d5dae0}" +
  ".back{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#e4e7eb}.grid{stroke:#3e4c59}" +
  ".back{fill:#14181d}}";

/**
 * Draws it.
 *
 * @param report What was measured.
 * @returns An SVG document, which follows the reader's choice of light or dark.
 */
export function picture(report: Report): string {
  const { serviceMethod, servers, steps } = report;
  const all = steps.flatMap(({ result: { latencies } }) => [
    latencies.percentileMs(0.01),
    latencies.mostMs,
  ]).filter((ms) => ms > 0);
  const least = 10 ** Math.floor(Math.log10(Math.min(...all, 1)));
  const most = Math.max(10 * least, 10 ** Math.ceil(Math.log10(Math.max(...all, 1))));
  const x = (percent: number) =>
    LEFT + (WIDTH - LEFT - RIGHT) * Math.min(1, Math.log10(100 / (100 - percent)) / LONGEST_AXIS);
  const y = (ms: number) => {
    const share = Math.log10(Math.max(ms, least) / least) / Math.log10(most / least);
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share;
  };
  const right = WIDTH - RIGHT;
  const grid: string[] = [];
  for (let ms = least; ms <= most * 1.001; ms *= 10) {
    const at = y(ms).toFixed(1);
    grid.push(
      `<path class="grid" d="M${LEFT} ${at}H${right}"/>` +
        `<text x="${LEFT - 8}" y="${at}" dy="4" text-anchor="end">${duration(ms)}</text>`,
    );
  }
  for (const percent of MARKS) {
    const at = x(percent).toFixed(1);
    grid.push(
      `<path class="grid" d="M${at} ${TOP}V${HEIGHT - BOTTOM}"/>` +
        `<text x="${at}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${percent} %</text>`,
    );
  }
  const lines = steps.map((step, place) => {
    const colour = COLOURS[place % COLOURS.length];
    const { latencies, perSecond } = step.result;
    const points = Array.from({ length: 101 }, (_, n) => {
      const percent = 100 - 100 / 10 ** (n / 100 * LONGEST_AXIS);
      const ms = latencies.percentileMs(Math.max(percent, 0.01));
      return `${x(percent).toFixed(1)} ${y(ms).toFixed(1)}`;
    });
    const top = TOP + 12 + place * 40;
    return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${
      points.join(",")
    }"/>` +
      `<path stroke="${colour}" stroke-width="4" d="M${right + 14} ${top - 4}h18"/>` +
      `<text x="${right + 40}" y="${top}">${escaped(stepName(step))}</text>` +
      `<text x="${right + 40}" y="${top + 16}">${digits(perSecond)} calls/s</text>`;
  });
  const where = servers.length === 1 ? servers[0] : `${servers.length} servers`;
  const title = escaped(`${serviceMethod} at ${where}: latency by percentile`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" ` +
    `aria-label="${title}">\n<style>${STYLE}</style>\n<rect class="back" width="100%" height="100%"/>\n` +
    `<text x="${LEFT}" y="30" font-weight="bold">${title}</text>\n${grid.join("\n")}\n` +
    `${lines.join("\n")}\n</svg>\n`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
