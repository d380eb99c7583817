/**
 * All subcommands, in the order in which help lists them.
 *
 * @module
 */

import { describe, list } from "./about/describe.ts";
import { health, ping } from "./about/ping.ts";
import { bench } from "./bench/command.ts";
import { broadcast, call, fork } from "./calls/call.ts";
import { inform } from "./calls/inform.ts";
import type { Command } from "./command.ts";
import { completionsCommand } from "./completions.ts";
import { proxy } from "./serving/proxy.ts";
import { registry } from "./serving/registry.ts";
import { serve } from "./serving/serve.ts";
import { top } from "./top/command.ts";

/** The subcommands. */
export const COMMANDS: readonly Command[] = [
  call,
  broadcast,
  fork,
  inform,
  list,
  describe,
  ping,
  health,
  top,
  bench,
  registry,
  serve,
  proxy,
  completionsCommand(() => COMMANDS),
];
