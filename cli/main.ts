/**
 * The command: finds the subcommand, runs it, and says what went wrong.
 *
 * @module
 */

import { errorText } from "../errors.ts";
import { didYouMean } from "../internal/nearest.ts";
import { VERSION } from "../internal/version.ts";
import { EXIT, quoted, readInput, UsageError } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { exitOf, failureText } from "./failures.ts";
import { commandHelp, mainHelp } from "./help.ts";
import { HELP_OPTION } from "./help_option.ts";
import { plain, styleOf } from "./style.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * Runs the command.
 *
 * @param args Its arguments, without the program's name.
 * @param around The world around it.
 * @returns How it ends, one of {@linkcode EXIT}. Nothing makes it reject.
 */
export async function main(args: readonly string[], around: Surroundings): Promise<number> {
  const { terminal, interrupted } = around;
  const style = styleOf(terminal.hasColours);
  const outStyle = styleOf(terminal.hasColours && terminal.isTerminal);
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h") {
    terminal.write(mainHelp(outStyle));
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  if (name === "--version") {
    terminal.write(`xclient ${VERSION}\n`);
    return EXIT.ok;
  }
  const wanted = name === "help" ? rest[0] : name;
  if (wanted === undefined) {
    terminal.write(mainHelp(outStyle));
    return EXIT.ok;
  }
  const command = COMMANDS.find((one) => one.name === wanted);
  if (command === undefined) {
    const hint = didYouMean(wanted, COMMANDS.map(({ name }) => name));
    terminal.writeError(
      `${style.red("error")}: there is no subcommand ${quoted(plain(wanted))}${hint}\n` +
        "  `xclient --help` lists them\n",
    );
    return EXIT.usage;
  }
  try {
    const input = name === "help"
      ? undefined
      : readInput(rest, { ...command.options, ...HELP_OPTION });
    if (input === undefined || input.has("help")) {
      terminal.write(commandHelp(command, outStyle));
      return EXIT.ok;
    }
    return await command.run(input, around);
  } catch (error) {
    if (interrupted.aborted) return EXIT.interrupted;
    if (error instanceof UsageError || error instanceof TypeError || error instanceof RangeError) {
      terminal.writeError(
        `${style.red("error")}: ${plain(errorText(error))}\n` +
          `  usage: xclient ${command.name} ${command.usage}\n` +
          `  \`xclient ${command.name} --help\` says more\n`,
      );
      return EXIT.usage;
    }
    terminal.writeError(failureText(error, style));
    return exitOf(error);
  }
}
