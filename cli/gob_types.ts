/**
 * A short notation of Go's types, for calls by gob: `{A:int, B:[]string} -> float`. What servers
 * describe, `struct { A int; B []string }`, is read too.
 *
 * @module
 */

import { type AnyGobSchema, gob, type GobSchema } from "../gob.ts";
import type { MethodSchema } from "../internal/schema.ts";
import { didYouMean } from "../internal/nearest.ts";
import { quoted, UsageError } from "./command.ts";

/** 64 bits as a number where one holds it: JSON has no other integers. */
const BASIC: Readonly<Record<string, AnyGobSchema>> = {
  bool: gob.bool,
  int: gob.int,
  int8: gob.int8,
  int16: gob.int16,
  int32: gob.int32,
  int64: gob.int64,
  uint: gob.uint,
  uint8: gob.uint8,
  byte: gob.uint8,
  uint16: gob.uint16,
  uint32: gob.uint32,
  uint64: gob.uint64,
  float: gob.float,
  float64: gob.float,
  float32: gob.float32,
  complex64: gob.complex64,
  complex128: gob.complex,
  string: gob.string,
  bytes: gob.bytes,
  time: gob.time,
  "time.Time": gob.time,
  any: gob.any,
};

const DEEPEST = 100;

/**
 * The types of a method.
 *
 * @param text As `{A:int} -> float`; either side may be empty.
 * @throws {UsageError} If it is no type, saying where.
 */
export function methodTypes(text: string): MethodSchema {
  const [args, reply, ...more] = text.split("->");
  if (reply === undefined || more.length > 0) {
    throw new UsageError(
      `--types must be ARGUMENT -> REPLY, as {A:int} -> int, got ${quoted(text)}`,
    );
  }
  return {
    ...(args.trim() === "" ? {} : { args: goType(args) }),
    ...(reply.trim() === "" ? {} : { reply: goType(reply) }),
  };
}

/**
 * One type.
 *
 * @param text The type.
 * @throws {UsageError} If it is none, saying where.
 */
export function goType(text: string): AnyGobSchema {
  const reader = new TypeReader(text);
  const type = reader.type(0);
  reader.end();
  return type;
}

class TypeReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  type(depth: number): AnyGobSchema {
    if (depth > DEEPEST) throw this.#wrong("a type that is nested less deep");
    const inner = () => this.type(depth + 1) as GobSchema<unknown, unknown>;
    if (this.#take("*")) return gob.optional(inner());
    if (this.#take("[")) {
      const [length] = this.#match(/\d*/y) ?? [""];
      this.#need("]");
      if (length !== "") return gob.array(Number(length), inner());
      if (this.#match(/(?:byte|uint8)\b/y)) return gob.bytes;
      return gob.slice(inner());
    }
    if (this.#match(/map\s*\[/y)) {
      const key = inner();
      this.#need("]");
      return gob.map(key, inner());
    }
    this.#match(/struct\b(?=\s*\{)/y);
    if (this.#take("{")) return this.#struct(inner);
    const at = this.#at;
    const [name] = this.#match(/[A-Za-z][\w.]*/y) ?? [];
    if (name !== undefined && Object.hasOwn(BASIC, name)) return BASIC[name];
    this.#at = at;
    throw this.#wrong("a type", name === undefined ? "" : didYouMean(name, Object.keys(BASIC)));
  }

  end(): void {
    this.#skip();
    if (this.#at < this.#text.length) throw this.#wrong("the end");
  }

  #struct(inner: () => GobSchema<unknown, unknown>): AnyGobSchema {
    const fields: Record<string, GobSchema<unknown, unknown>> = {};
    while (!this.#take("}")) {
      const [name] = this.#match(/[A-Za-z]\w*/y) ?? [];
      if (name === undefined) throw this.#wrong("a field");
      this.#take(":");
      fields[name] = inner();
      if (!this.#take(",") && !this.#take(";")) {
        this.#need("}");
        break;
      }
    }
    return gob.struct(fields);
  }

  #take(character: string): boolean {
    this.#skip();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #need(character: string): void {
    if (!this.#take(character)) throw this.#wrong(quoted(character));
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    this.#skip();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    if (found !== undefined) this.#at += found[0].length;
    return found;
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #wrong(wanted: string, hint = ""): UsageError {
    const before = this.#text.slice(0, this.#at).trim();
    const rest = this.#text.slice(this.#at).trim();
    const place = before === "" ? "" : ` behind ${quoted(before)}`;
    const got = rest === "" ? "the end" : quoted(rest);
    return new UsageError(`types: expected ${wanted}${place}, got ${got}${hint}`);
  }
}
