/**
 * What a subcommand is, and how its arguments are read and explained.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { didYouMean } from "../internal/nearest.ts";
import type { Surroundings } from "./surroundings.ts";

/** How the command ends. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  timeout: 4,
  interrupted: 130,
} as const;

/** One option of a subcommand. */
export interface Option {
  /** The name of its value, as `DURATION`; absent for one that has none. */
  readonly value?: string;
  /** What it does, and its default. */
  readonly text: string;
  /** Whether it may be given more than once. */
  readonly isMany?: boolean;
  /** One letter. */
  readonly short?: string;
  /** All values that it may have, for completions. */
  readonly choices?: readonly string[];
}

/** Options by their names. */
export type Options = Readonly<Record<string, Option>>;

/** The arguments of a subcommand, read. */
export class Input {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  /**
   * @param words What stands there without an option.
   * @param values The options that were given, each with its values.
   */
  constructor(readonly words: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  /** Whether an option was given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value of an option; of several the last. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  /** All values of an option. */
  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** An option that is a number. */
  number(name: string, least: number, isWhole = true): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = text.trim() === "" ? NaN : Number(text);
    if (number >= least && number < Infinity && (!isWhole || Number.isInteger(number))) {
      return number;
    }
    const what = isWhole ? "a whole number" : "a number";
    throw new UsageError(`--${name} must be ${what} of at least ${least}, got ${quoted(text)}`);
  }

  /** An option that is a duration, in milliseconds. */
  durationMs(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const [, count, unit] = /^(\d+(?:\.\d+)?|\.\d+)(ms|s|m|h)$/.exec(text) ?? [];
    const ms = Number(count) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit]!;
    if (ms > 0) return ms;
    throw new UsageError(
      `--${name} must be a duration above 0, as 500ms, 2s or 1m, got ${quoted(text)}`,
    );
  }
}

/** A subcommand. */
export interface Command {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** What comes behind its name. */
  readonly usage: string;
  /** What it does, and how it ends, if one line is too short. */
  readonly text?: string;
  /** Uses of it, without the program's name. */
  readonly examples: readonly string[];
  readonly options: Options;
  /**
   * Runs it.
   *
   * @returns How it ends, one of {@linkcode EXIT}.
   */
  run(input: Input, around: Surroundings): Promise<number>;
}

/** Arguments that make no sense. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A value as messages show it. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/**
 * Reads the arguments of a subcommand.
 *
 * @param args What comes behind its name.
 * @param options Those that it has.
 * @throws {UsageError} If there is no such option, or its value is missing.
 */
export function readInput(args: readonly string[], options: Options): Input {
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(options).map(([name, { value, short }]) => [name, {
        type: value === undefined ? "boolean" as const : "string" as const,
        ...(short === undefined ? {} : { short }),
      }]),
    ),
  });
  const words: string[] = [];
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    if (!Object.hasOwn(options, name)) throw unknownOption(name, rawName, options);
    const option = options[name];
    if (option.value === undefined && value !== undefined) {
      throw new UsageError(`${rawName} has no value, got ${quoted(value)}`);
    }
    if (option.value !== undefined && value === undefined) {
      throw new UsageError(`${rawName} needs a value: ${rawName} ${option.value}`);
    }
    const { choices } = option;
    if (choices !== undefined && !choices.includes(value!)) {
      const hint = didYouMean(value!, choices);
      throw new UsageError(
        `${rawName} must be ${choices.join(", ")}, got ${quoted(value!)}${hint}`,
      );
    }
    const all = values.get(name) ?? [];
    if (all.length > 0 && !option.isMany && option.value !== undefined) {
      throw new UsageError(`${rawName} was given twice`);
    }
    values.set(name, [...all, value ?? ""]);
  }
  return new Input(words, values);
}

function unknownOption(name: string, rawName: string, options: Options): UsageError {
  if (/^\d/.test(name)) {
    return new UsageError(`${rawName} is taken for an option; put -- before a negative number`);
  }
  const hint = didYouMean(name, Object.keys(options)).replace(/"(.*)"/, '"--$1"');
  return new UsageError(`there is no option ${rawName}${hint}`);
}
