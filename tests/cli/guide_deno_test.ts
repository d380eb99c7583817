/** The guide and the examples of help: every command line in them is understood. */

import { assert, assertEquals } from "@std/assert";
import { COMMANDS } from "../../cli/commands.ts";
import { readInput } from "../../cli/command.ts";
import { EXITS } from "../../cli/help.ts";

const read = (path: string) => Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));
const guide = read("docs/command.md");

/** The words of a line as a shell takes them apart, without what comes behind `>` or `#`. */
function wordsOf(line: string): string[] {
  const words = line.replace(/ [>#].*$/, "").match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  return words.map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, "$1$2"));
}

Deno.test("every command line of the guide, of README.md and of help is understood", () => {
  const lines = [
    ...[guide, read("README.md")].flatMap((text) =>
      [...text.matchAll(/^(?:\$ )?xclient (.*)$/gm)].map(([, line]) => line)
    ),
    ...COMMANDS.flatMap(({ examples }) => examples),
  ];
  assert(lines.length > 30, String(lines.length));
  const wrong: string[] = [];
  for (const line of lines) {
    const [name, ...args] = wordsOf(line);
    const command = COMMANDS.find((one) => one.name === name);
    if (command === undefined) {
      wrong.push(line);
      continue;
    }
    try {
      readInput(args, command.options);
    } catch (error) {
      wrong.push(`${line}: ${error}`);
    }
  }
  // This one is there to show the error.
  assertEquals(wrong.map((line) => line.split(":")[0]), ["call "]);
  assert(wrong[0].includes("there is no option --tmeout"));
});

Deno.test("the guide has every subcommand, exit code and shared option", () => {
  for (const { name } of COMMANDS) {
    assert(guide.includes(`\`${name}`) || guide.includes(`xclient ${name}`), name);
  }
  for (const [code, meaning] of EXITS) {
    assert(
      new RegExp(`\\| ${code} +\\| ${meaning.replaceAll(".", "\\.")} +\\|`).test(guide),
      meaning,
    );
  }
  const { options } = COMMANDS[0];
  for (const option of Object.keys(options)) assert(guide.includes(`--${option}`), option);
});
