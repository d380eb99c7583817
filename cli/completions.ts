/**
 * `completions`: scripts by which shells complete subcommands and options.
 *
 * @module
 */

import { type Command, EXIT, type Option, quoted, UsageError } from "./command.ts";
import { didYouMean } from "../internal/nearest.ts";
import { HELP_OPTION } from "./help_option.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

/**
 * The subcommand.
 *
 * @param commands All that are completed, this one too.
 */
export function completionsCommand(commands: () => readonly Command[]): Command {
  return {
    name: "completions",
    summary: "print a script that completes this command in a shell",
    usage: SHELLS.join(" | "),
    examples: [
      "completions bash > ~/.local/share/bash-completion/completions/xclient",
      "completions zsh > ~/.zsh/completions/_xclient",
      "completions fish > ~/.config/fish/completions/xclient.fish",
    ],
    options: {},
    run({ words: [shell, ...more] }, { terminal }) {
      const scripts = { bash, zsh, fish };
      if (more.length > 0 || !Object.hasOwn(scripts, shell ?? "")) {
        const hint = didYouMean(shell ?? "", SHELLS);
        throw new UsageError(
          `name a shell: bash, zsh or fish${shell ? `, got ${quoted(shell)}` : ""}${hint}`,
        );
      }
      terminal.write(scripts[shell as keyof typeof scripts](commands()));
      return Promise.resolve(EXIT.ok);
    },
  };
}

function optionsOf(command: Command): [name: string, option: Option][] {
  return Object.entries({ ...command.options, ...HELP_OPTION });
}

/** A text within single quotes, for all three shells. */
function single(text: string): string {
  return `'${text.replaceAll("'", "")}'`;
}

function wordsOf(command: Command): string {
  const flags = optionsOf(command).map(([name]) => `--${name}`);
  return [...flags, ...command.name === "completions" ? SHELLS : []].join(" ");
}

function bash(commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const choices = new Map<string, string>();
  const files = new Set<string>();
  for (const [name, { value, choices: all }] of commands.flatMap(optionsOf)) {
    if (all !== undefined) choices.set(name, all.join(" "));
    if (value === "FILE") files.add(`--${name}`);
  }
  return `# bash completion of xclient
_xclient() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  case "$before" in
${[...choices].map(([name, all]) => `    --${name}) words="${all}" ;;\n`).join("")}    ${
    [...files].join("|")
  }) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  if [ -z "$words" ]; then
    if [ "$COMP_CWORD" -eq 1 ]; then words="${names} help --help --version"
    else case "\${COMP_WORDS[1]}" in
${
    commands.map((command) => `      ${command.name}) words="${wordsOf(command)}" ;;\n`).join("")
  }      help) words="${names}" ;;
    esac; fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o bashdefault -o default -F _xclient xclient
`;
}

function zsh(commands: readonly Command[]): string {
  const describe = (text: string) => text.replace(/[[\]:\\'`$"]/g, " ");
  const subcommands = commands.map(({ name, summary }) => `    '${name}:${describe(summary)}'\n`);
  const cases = commands.map((command) => {
    const specs = optionsOf(command).map(([name, { text, value, choices, isMany }]) => {
      const many = isMany ? "*" : "";
      const action = choices !== undefined
        ? `(${choices.join(" ")})`
        : value === "FILE"
        ? "_files"
        : " ";
      const argument = value === undefined ? "" : `:${value}:${action}`;
      return `'${many}--${name}[${describe(text)}]${argument}'`;
    });
    const words = command.name === "completions"
      ? `'1:shell:(${SHELLS.join(" ")})'`
      : "'*:word:_files'";
    return `    ${command.name})\n      _arguments ${
      specs.join(" \\\n        ")
    } \\\n        ${words} ;;\n`;
  });
  return `#compdef xclient
_xclient() {
  local -a subcommands=(
${subcommands.join("")}  )
  if (( CURRENT == 2 )); then
    _describe subcommand subcommands
    return
  fi
  shift words
  (( CURRENT-- ))
  case "\${words[1]}" in
${cases.join("")}  esac
}
if [ "$funcstack[1]" = "_xclient" ]; then _xclient "$@"; else compdef _xclient xclient; fi
`;
}

function fish(commands: readonly Command[]): string {
  const lines = ["# fish completion of xclient", "complete -c xclient -f"];
  for (const { name, summary } of commands) {
    lines.push(`complete -c xclient -n __fish_use_subcommand -a ${name} -d ${single(summary)}`);
  }
  for (const command of commands) {
    const when = `-n '__fish_seen_subcommand_from ${command.name}'`;
    for (const [name, { short, value, choices, text }] of optionsOf(command)) {
      const parts = [`complete -c xclient ${when} -l ${name}`];
      if (short !== undefined) parts.push(`-s ${short}`);
      if (value !== undefined) parts.push(value === "FILE" ? "-r -F" : "-x");
      if (choices !== undefined) parts.push(`-a ${single(choices.join(" "))}`);
      parts.push(`-d ${single(text)}`);
      lines.push(parts.join(" "));
    }
    if (command.name === "completions") {
      lines.push(`complete -c xclient ${when} -a '${SHELLS.join(" ")}'`);
    }
  }
  return `${lines.join("\n")}\n`;
}
