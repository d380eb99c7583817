/**
 * The screen of `top`: a pure function of figures and size.
 *
 * @module
 */

import { digits, duration, fitted, plain, sparkline, type Style, widthOf } from "../style.ts";
import type { Row, State } from "./history.ts";

/** What lines may be sorted by. */
export type SortKey = "address" | "state" | "calls" | "running" | "latency" | "refused";

/** The keys that sort, each with its letter. */
export const SORT_KEYS: Readonly<Record<string, SortKey>> = {
  a: "address",
  s: "state",
  c: "calls",
  f: "running",
  l: "latency",
  e: "refused",
};

/** What is shown, and how. */
export interface ScreenOptions {
  readonly rows: readonly Row[];
  readonly columns: number;
  /** How many lines there are at most. */
  readonly lines: number;
  readonly sort: SortKey;
  readonly isReversed: boolean;
  /** Whether the figures stand still. */
  readonly isPaused: boolean;
  readonly everyMs: number;
  readonly style: Style;
  /** Whether keys are read: a frame in a pipe does not tell of them. */
  readonly hasKeys: boolean;
}

interface Column {
  readonly head: string;
  readonly width: number;
  /** From how many columns of the terminal on it is shown. */
  readonly from: number;
  text(row: Row): string;
  paint?(row: Row, style: Style): (text: string) => string;
}

const STATES: Readonly<Record<State, { text: string; rank: number; colour: keyof Style }>> = {
  unreachable: { text: "unreachable", rank: 0, colour: "red" },
  silent: { text: "silent", rank: 1, colour: "red" },
  not_serving: { text: "not serving", rank: 2, colour: "yellow" },
  untold: { text: "untold", rank: 3, colour: "dim" },
  asking: { text: "asking", rank: 4, colour: "dim" },
  serving: { text: "serving", rank: 5, colour: "green" },
};

const number = (value: number | undefined) => value === undefined ? "-" : digits(value);
const time = (ms: number | undefined) => ms === undefined ? "-" : duration(ms);

/** From the most to the least important: a narrow terminal does not show the last ones. */
const COLUMNS: readonly Column[] = [
  {
    head: "STATE",
    width: 11,
    from: 0,
    text: ({ state }) => STATES[state].text,
    paint: ({ state }, style) => style[STATES[state].colour],
  },
  { head: ">RUNNING", width: 7, from: 40, text: ({ running }) => number(running) },
  { head: ">WAITING", width: 7, from: 100, text: ({ waiting }) => number(waiting) },
  { head: ">CALLS/S", width: 7, from: 50, text: (row) => number(row.callsPerSecond) },
  { head: ">P50", width: 7, from: 72, text: ({ p50Ms }) => time(p50Ms) },
  { head: ">P95", width: 7, from: 60, text: ({ p95Ms }) => time(p95Ms) },
  {
    head: ">REFUSED/S",
    width: 9,
    from: 92,
    text: (row) => number(row.refusedPerSecond),
    paint: ({ refusedPerSecond = 0 }, style) => refusedPerSecond > 0 ? style.red : (text) => text,
  },
  { head: ">CONNS", width: 5, from: 108, text: ({ connections }) => number(connections) },
  { head: ">TRIP", width: 7, from: 116, text: ({ roundTripMs }) => time(roundTripMs) },
];

const LEAST_TREND = 6;
const MOST_TREND = 40;

/**
 * Draws the screen.
 *
 * @param options The figures, the size, and what is shown.
 * @returns Its lines, none wider than the terminal.
 */
export function screen(options: ScreenOptions): string[] {
  const { columns, lines, style, hasKeys } = options;
  const rows = sorted(options);
  const shown = COLUMNS.filter(({ from }) => columns >= from);
  const fixed = shown.reduce((sum, { width }) => sum + width + 2, 0);
  const longest = Math.max(7, ...rows.map(({ address }) => widthOf(plain(address))));
  const addressWidth = Math.max(7, Math.min(longest, columns - fixed));
  const left = columns - addressWidth - fixed - 2;
  const trendWidth = left < LEAST_TREND ? 0 : Math.min(MOST_TREND, left);
  const head = ["ADDRESS", ...shown.map(({ head }) => head.replace(">", ""))];
  const heads = [
    fitted(head[0], addressWidth),
    ...shown.map((column, place) => {
      return fitted(head[place + 1], column.width, column.head.startsWith(">"));
    }),
  ];
  if (trendWidth > 0) heads.push(fitted("TREND", trendWidth));
  const room = Math.max(1, lines - (hasKeys ? 4 : 3));
  const visible = rows.length > room ? rows.slice(0, room - 1) : rows;
  const hidden = rows.length - visible.length;
  const line = (text: string) => fitted(text, columns).trimEnd();
  return [
    style.bold(line(summary(options))),
    "",
    style.inverse(fitted(heads.join("  "), columns)),
    ...visible.map((row) => lineOf(row, shown, addressWidth, trendWidth, options)),
    ...(hidden > 0 ? [style.dim(line(`… and ${hidden} more`))] : []),
    ...(hasKeys ? [style.dim(line(keys(options)))] : []),
  ];
}

function lineOf(
  row: Row,
  shown: readonly Column[],
  addressWidth: number,
  trendWidth: number,
  { columns, style }: ScreenOptions,
): string {
  const cells = [fitted(plain(row.address), addressWidth)];
  if (row.why !== undefined && row.connections === undefined) {
    const state = shown[0];
    cells.push(state.paint!(row, style)(fitted(state.text(row), state.width)));
    const width = columns - addressWidth - state.width - 4;
    if (width > LEAST_TREND) cells.push(style.dim(fitted(plain(row.why), width).trimEnd()));
    return cells.join("  ").trimEnd();
  }
  for (const column of shown) {
    const text = fitted(column.text(row), column.width, column.head.startsWith(">"));
    cells.push(column.paint?.(row, style)(text) ?? text);
  }
  if (trendWidth > 0) cells.push(style.cyan(sparkline(row.trend, trendWidth)));
  return cells.join("  ").trimEnd();
}

function summary({ rows, isPaused, everyMs }: ScreenOptions): string {
  const serving = rows.filter(({ state }) => state === "serving").length;
  const sum = (value: (row: Row) => number | undefined) =>
    rows.reduce((sum, row) => sum + (value(row) ?? 0), 0);
  const calls = rows.some(({ callsPerSecond }) => callsPerSecond !== undefined)
    ? `, ${digits(sum((row) => row.callsPerSecond))} calls/s`
    : "";
  const pace = isPaused ? "paused" : `every ${duration(everyMs)}`;
  return `${serving} of ${rows.length} serving${calls}, ${
    digits(sum((row) => row.running))
  } running, ` +
    `${digits(sum((row) => row.waiting))} waiting (${pace})`;
}

function keys({ sort, isReversed }: ScreenOptions): string {
  const names = Object.entries(SORT_KEYS).map(([key, name]) => {
    return name === sort ? `${key} [${name}${isReversed ? " ↑" : ""}]` : `${key} ${name}`;
  });
  return `q quit  space pause  sort: ${names.join("  ")}`;
}

/** What is most urgent comes first; the same key again turns it around. */
function sorted({ rows, sort, isReversed }: ScreenOptions): readonly Row[] {
  const byNumber = (value: (row: Row) => number | undefined) => (a: Row, b: Row) =>
    (value(b) ?? -1) - (value(a) ?? -1);
  const compare: Readonly<Record<SortKey, (a: Row, b: Row) => number>> = {
    address: () => 0,
    state: (a, b) => STATES[a.state].rank - STATES[b.state].rank,
    calls: byNumber(({ callsPerSecond }) => callsPerSecond),
    running: byNumber(({ running, waiting }) => {
      return running === undefined ? undefined : running + (waiting ?? 0);
    }),
    latency: byNumber(({ p95Ms }) => p95Ms),
    refused: byNumber(({ refusedPerSecond }) => refusedPerSecond),
  };
  const byAddress = (a: Row, b: Row) => a.address < b.address ? -1 : a.address > b.address ? 1 : 0;
  const all = [...rows].sort((a, b) => compare[sort](a, b) || byAddress(a, b));
  return isReversed ? all.reverse() : all;
}
