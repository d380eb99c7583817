/**
 * What has happened in a run, in order, and how it is drawn.
 *
 * @module
 */

/** One thing that has happened. */
export interface HistoryEvent {
  /** When, on the run's clock, in milliseconds. */
  readonly atMs: number;
  /** At which client or server; empty for what concerns all. */
  readonly at: string;
  /** Where a message went; absent if something only happened. */
  readonly to?: string;
  /** What. */
  readonly text: string;
}

/** What has happened in one run. The same plan gives the same, byte for byte. */
export class History {
  /** What has happened, in order. */
  readonly events: HistoryEvent[] = [];
  readonly #nowMs: () => number;
  /** A hash (FNV-1a) over all bytes that were written to connections. */
  #hash = 0x811c9dc5;
  #bytes = 0;
  readonly #hasIds: boolean;

  /**
   * @param nowMs The run's time.
   * @param hasIds Whether there are calls with ids.
   */
  constructor(nowMs: () => number, hasIds = false) {
    this.#nowMs = nowMs;
    this.#hasIds = hasIds;
  }

  /** Something happens at a client or a server. */
  note(at: string, text: string): void {
    this.events.push({ atMs: this.#nowMs(), at, text });
  }

  /** A message goes from one to another. */
  message(at: string, to: string, text: string): void {
    this.events.push({ atMs: this.#nowMs(), at, to, text });
  }

  /** Bytes are written to a connection. What names a client of certain calls is never the same. */
  wrote(written: Uint8Array): void {
    const bytes = this.#hasIds ? withoutClients(written) : written;
    let hash = this.#hash;
    for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
    this.#hash = hash ^ Math.floor(this.#nowMs());
    this.#bytes += bytes.length;
  }

  /** All of it as text, the hash of what was on the wire last: equal for equal runs. */
  get text(): string {
    const lines = this.events.map(({ atMs, at, to, text }) =>
      `${ms(atMs)} ${to === undefined ? at : `${at} -> ${to}`}: ${text}`
    );
    lines.push(`${this.#bytes} bytes, ${(this.#hash >>> 0).toString(16)}`);
    return lines.join("\n");
  }
}

const CLIENT_OF_ID = /[0-9a-f]{32}(?=\/\d+")/g;

function withoutClients(bytes: Uint8Array): Uint8Array {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  if (text.search(CLIENT_OF_ID) < 0) return bytes;
  const masked = text.replace(CLIENT_OF_ID, "");
  return Uint8Array.from(masked, (character) => character.charCodeAt(0));
}

function ms(time: number): string {
  return `${Math.round(time * 1000) / 1000}`;
}

/**
 * Draws a history as a sequence diagram in Mermaid's language.
 *
 * @param events What has happened.
 * @param names Clients and servers, from left to right.
 */
export function mermaidOf(events: readonly HistoryEvent[], names: readonly string[]): string {
  const lines = ["sequenceDiagram"];
  for (const name of names) lines.push(`  participant ${name}`);
  const all = names.length > 1 ? `${names[0]},${names.at(-1)}` : names[0];
  for (const { atMs, at, to, text } of events) {
    const what = `${ms(atMs)} ms: ${text.replace(/[;#\n]/g, " ")}`;
    if (to !== undefined) lines.push(`  ${at}->>${to}: ${what}`);
    else lines.push(`  Note over ${at === "" ? all : at}: ${what}`);
  }
  return lines.join("\n");
}

/** The least width of a column, in characters. */
const COLUMN = 9;

/**
 * Draws a history for a terminal: a line for each event, a column for each
 * client and server, and at the right what happened.
 *
 * @param events What has happened.
 * @param names Clients and servers, from left to right.
 */
export function diagramOf(events: readonly HistoryEvent[], names: readonly string[]): string {
  const width = Math.max(COLUMN, ...names.map((name) => name.length + 2));
  const place = (name: string) => names.indexOf(name) * width;
  const heads = names.map((name) => name.padEnd(width)).join("");
  const lines = [`${"ms".padStart(10)}  ${heads}`];
  for (const { atMs, at, to, text } of events) {
    const row = names.map(() => "|".padEnd(width)).join("").split("");
    if (to === undefined) {
      if (at === "") row.fill("=", 0, (names.length - 1) * width + 1);
      else row[place(at)] = "*";
    } else {
      const [from, until] = [place(at), place(to)];
      row.fill("-", Math.min(from, until) + 1, Math.max(from, until));
      if (until > from) row[until - 1] = ">";
      else row[until + 1] = "<";
    }
    lines.push(`${ms(atMs).padStart(10)}  ${row.join("")} ${text}`.trimEnd());
  }
  return lines.join("\n");
}
