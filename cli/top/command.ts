/**
 * `top`: the fleet live in the terminal.
 *
 * @module
 */

import { sleep } from "../../internal/time.ts";
import { type Command, EXIT } from "../command.ts";
import {
  FLEET_OPTIONS,
  listedServers,
  onlyAddresses,
  reachOptions,
  sourceOf,
  timeoutOf,
} from "../connect.ts";
import { jsonText } from "../json.ts";
import { styleOf } from "../style.ts";
import type { Terminal } from "../surroundings.ts";
import { Monitor } from "./monitor.ts";
import { screen, SORT_KEYS, type SortKey } from "./screen.ts";

/** The other screen of the terminal, without a cursor; and back. */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
/** What lies between these is shown at once, where the terminal knows them. */
const BEGIN = "\x1b[?2026h\x1b[H";
const END = "\x1b[J\x1b[?2026l";

/** Shows the fleet. */
export const top: Command = {
  name: "top",
  summary: "watch the fleet live: load, calls a second, latency, refusals, state",
  usage: "[ADDRESS…]",
  text: "Servers of this library tell their figures, by default to their own machine only; " +
    "calls a second and latency if their option `latencies` is set. Keys: q ends; space pauses; " +
    "a, s, c, f, l, e sort by address, state, calls, calls that run, latency and refusals, and " +
    "again the other way round. In a pipe one screen is printed.",
  examples: [
    "top --registry http://127.0.0.1:9999",
    "top :9001 :9002 --interval 500ms",
    "top :9001 --json --count 10",
  ],
  options: {
    ...FLEET_OPTIONS,
    interval: { value: "DURATION", text: "how often the figures are asked for; default 1s" },
    sort: {
      value: "KEY",
      text: "what lines are sorted by at first; default address",
      choices: Object.values(SORT_KEYS),
    },
    count: { value: "N", text: "end after so many screens", short: "c" },
    json: { text: "print one JSON array a screen" },
  },
  async run(input, around) {
    const { terminal, clock, interrupted } = around;
    const addresses = onlyAddresses(input.words);
    const everyMs = input.durationMs("interval") ?? 1000;
    const asJson = input.has("json");
    const isLive = terminal.isTerminal && !asJson;
    const count = input.number("count", 1) ?? (isLive || asJson ? Infinity : 1);
    const timeoutMs = timeoutOf(input);
    const options = await reachOptions(input, around);
    const source = await sourceOf(addresses, input, around);
    const monitor = new Monitor(options, around);
    const view = new View(terminal, everyMs, (input.text("sort") ?? "address") as SortKey);
    const quit = new AbortController();
    const onQuit = () => quit.abort();
    interrupted.addEventListener("abort", onQuit);
    const pause = (ms: number) => sleep(clock, ms, quit.signal);
    const follow = async () => {
      await monitor.follow(source.current ?? await listedServers(source, timeoutMs, around));
    };
    let forget = () => {};
    try {
      await follow();
      if (isLive) {
        terminal.write(ENTER);
        forget = terminal.onKey((key) => {
          if (key === "q" || key === "Q" || key === "\x1b") quit.abort();
          else if (view.press(key)) view.draw(monitor.rows);
        });
        view.draw(monitor.rows);
      }
      // Rates need two answers; a server that owes one does not hold the others up.
      await Promise.race([monitor.ask(timeoutMs), pause(everyMs)]);
      if (isLive) view.draw(monitor.rows);
      for (let n = 0; n < count && !quit.signal.aborted;) {
        await pause(everyMs);
        if (quit.signal.aborted) break;
        if (view.isPaused) continue;
        await follow();
        await Promise.race([monitor.ask(timeoutMs), pause(everyMs)]);
        if (quit.signal.aborted) break;
        if (asJson) terminal.write(`${jsonText(monitor.rows)}\n`);
        else if (isLive) view.draw(monitor.rows);
        else terminal.write(view.lines(monitor.rows).map((line) => `${line}\n`).join(""));
        n++;
      }
    } finally {
      quit.abort(); // ends what still waits
      interrupted.removeEventListener("abort", onQuit);
      forget();
      if (isLive) terminal.write(LEAVE);
      await monitor.close();
      await source.close();
    }
    return EXIT.ok;
  },
};

/** What of the figures is shown, as keys decide. */
class View {
  readonly #terminal: Terminal;
  readonly #everyMs: number;
  #sort: SortKey;
  #isReversed = false;
  #isPaused = false;

  constructor(terminal: Terminal, everyMs: number, sort: SortKey) {
    this.#terminal = terminal;
    this.#everyMs = everyMs;
    this.#sort = sort;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** @returns Whether the key has changed something. */
  press(key: string): boolean {
    if (key === " ") {
      this.#isPaused = !this.#isPaused;
      return true;
    }
    if (!Object.hasOwn(SORT_KEYS, key)) return false;
    const sort = SORT_KEYS[key];
    this.#isReversed = sort === this.#sort && !this.#isReversed;
    this.#sort = sort;
    return true;
  }

  lines(rows: Monitor["rows"]): string[] {
    const { isTerminal, hasColours } = this.#terminal;
    const size = this.#terminal.size();
    return screen({
      rows,
      columns: size.columns,
      lines: isTerminal ? size.rows : Infinity,
      sort: this.#sort,
      isReversed: this.#isReversed,
      isPaused: this.#isPaused,
      everyMs: this.#everyMs,
      style: styleOf(hasColours),
      hasKeys: isTerminal,
    });
  }

  draw(rows: Monitor["rows"]): void {
    // A line end behind the last line would scroll the first one away.
    const text = this.lines(rows).map((line) => `${line}\x1b[K`).join("\r\n");
    this.#terminal.write(BEGIN + text + END);
  }
}
