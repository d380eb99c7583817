/**
 * The method of a call and its argument, as words on the command line.
 *
 * @module
 */

import { errorText } from "../errors.ts";
import type { MethodSchema } from "../internal/schema.ts";
import { addressesIn } from "./connect.ts";
import { type Input, type Options, quoted, UsageError } from "./command.ts";
import type { AnyGobSchema } from "../gob.ts";
import { methodTypes } from "./gob_types.ts";
import type { Files } from "./surroundings.ts";

/** The options of everything that calls a method. */
export const METHOD_OPTIONS: Options = {
  types: {
    value: "TYPES",
    text: "Go's types where gob needs them: '{A:int, B:float} -> []string'",
  },
};

/** What is called, and where. */
export interface MethodCall {
  readonly addresses: readonly string[];
  readonly serviceMethod: string;
  readonly args: unknown;
  readonly schema?: MethodSchema;
}

/**
 * Reads addresses, a method and an argument.
 *
 * @param input The words: addresses in any place, `S.M`, and JSON, `@FILE` or `-`.
 * @throws {UsageError} If there is no method, or the argument is no JSON.
 */
export async function methodCall(input: Input, files: Files): Promise<MethodCall> {
  const { addresses, others } = addressesIn(input.words);
  const [serviceMethod, argument, ...more] = others;
  if (serviceMethod === undefined) {
    throw new UsageError("no method: name one as Service.Method");
  }
  if (!/^[^\s.{}"]+(?:\.[^\s.{}"]+)+$/.test(serviceMethod)) {
    throw new UsageError(`a method is named as Service.Method, got ${quoted(serviceMethod)}`);
  }
  if (more.length > 0) {
    const hint = "quote the argument, as '{\"A\": 1}'";
    throw new UsageError(`too many words behind ${serviceMethod}: ${quoted(more[0])}; ${hint}`);
  }
  const types = input.text("types");
  const schema = types === undefined ? undefined : methodTypes(types);
  const args = await argumentOf(argument, files, schema?.args as AnyGobSchema | undefined);
  return { addresses, serviceMethod, args, ...(schema === undefined ? {} : { schema }) };
}

async function argumentOf(
  word: string | undefined,
  files: Files,
  schema: AnyGobSchema | undefined,
): Promise<unknown> {
  if (word === undefined) return undefined;
  let text = word;
  let from = "the argument";
  if (word === "-") [text, from] = [await files.input(), "the standard input"];
  else if (word.startsWith("@")) [text, from] = [await read(word.slice(1), files), word.slice(1)];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const hint = /^[\w\s-]+$/.test(text)
      ? `; a text is quoted twice: '${JSON.stringify(text)}'`
      : "";
    throw new UsageError(`${from} is no JSON: ${errorText(error)}${hint}`);
  }
  if (schema === undefined) return value;
  const checked = await schema["~standard"].validate(value);
  if (checked.issues === undefined) return checked.value;
  const [{ message, path = [] }] = checked.issues;
  const place = path.map((key) => `.${String(typeof key === "object" ? key.key : key)}`).join("");
  throw new UsageError(`${from}${place} does not fit --types: ${message}`);
}

async function read(path: string, files: Files): Promise<string> {
  try {
    return await files.read(path);
  } catch (error) {
    throw new UsageError(`${path} can't be read: ${errorText(error)}`);
  }
}
