/**
 * The texts of `--help`.
 *
 * @module
 */

import type { Command, Option } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { HELP_OPTION } from "./help_option.ts";
import { type Style, widthOf } from "./style.ts";

const WIDTH = 90;
/** The column at which texts behind names begin. */
const NAMES = 15;

/** The exit codes, for help and guide. */
export const EXITS: readonly (readonly [code: number, meaning: string])[] = [
  [0, "all went well"],
  [1, "the call, or one of several, failed"],
  [2, "wrong usage: nothing was sent"],
  [3, "nobody could be reached"],
  [4, "the time was over"],
  [130, "interrupted by Ctrl-C"],
];

/** The help of the whole command. */
export function mainHelp(style: Style): string {
  const rows = COMMANDS.map(({ name, summary }) => row(style.cyan(name), name, summary, NAMES));
  const exits = EXITS.map(([code, meaning]) => row(String(code), String(code), meaning, NAMES));
  return `${style.bold("xclient")}: a fleet of RPC servers in your hands\n\n` +
    `Usage: xclient SUBCOMMAND [ADDRESS…] [OPTIONS]\n\n${rows.join("")}\n` +
    "An address is tcp@host:9001 (or host:9001, or :9001), tls@…, http@… or unix@/path. In place\n" +
    "of addresses, --registry URL, --dns NAME or --etcd URL=PREFIX say where the list comes from.\n\n" +
    `Exit codes:\n${exits.join("")}\n` +
    "`xclient SUBCOMMAND --help` has options and examples; `xclient completions SHELL` completes.\n";
}

/** The help of a subcommand. */
export function commandHelp(command: Command, style: Style): string {
  const { name, usage, summary, text, examples } = command;
  const options = Object.entries({ ...command.options, ...HELP_OPTION });
  const width = Math.max(...options.map(([name, option]) => flagOf(name, option).length)) + 4;
  const rows = options.map(([name, option]) => {
    const flag = flagOf(name, option);
    return row(
      style.cyan(flag),
      flag,
      option.text + (option.isMany ? "; may be repeated" : ""),
      width,
    );
  });
  const about = text === undefined ? "" : `\n${wrapped(text, 0)}\n`;
  return `${
    style.bold(`xclient ${name}`)
  }: ${summary}\n\nUsage: xclient ${name} ${usage} [OPTIONS]\n` +
    `${about}\nOptions:\n${rows.join("")}\nExamples:\n` +
    examples.map((example) => `  xclient ${example}\n`).join("");
}

function flagOf(name: string, { value, short }: Option): string {
  return `${short === undefined ? "" : `-${short}, `}--${name}${
    value === undefined ? "" : ` ${value}`
  }`;
}

function row(shown: string, flag: string, text: string, width: number): string {
  const gap = " ".repeat(Math.max(2, width - 2 - widthOf(flag)));
  return `  ${shown}${gap}${wrapped(text, width)}\n`;
}

/** Breaks a text into lines, which begin at a column. */
function wrapped(text: string, column: number): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line !== "" && column + line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join(`\n${" ".repeat(column)}`);
}
