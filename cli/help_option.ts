/**
 * The option that every subcommand has.
 *
 * @module
 */

import type { Options } from "./command.ts";

/** `--help`. */
export const HELP_OPTION: Options = { help: { text: "show this help", short: "h" } };
