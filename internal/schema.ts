/**
 * The types of a service's arguments and replies on the wire, for gob: its
 * values don't show them. This module loads no protocol.
 *
 * @module
 */

/** What gob's schemas have as `vendor` in their `~standard`: they say the types on the wire, too. */
export const GOB_VENDOR = "@geerpc/xclient/gob";

/**
 * A type on the wire, as `gob.int` or `gob.struct({ … })`.
 *
 * @typeParam Output The type of a decoded value.
 * @typeParam Input The type of a value that can be encoded.
 */
export interface Schema<Output = unknown, Input = Output> {
  /** Never set: it only carries the types. */
  readonly "~types"?: { output: Output; input: (value: Input) => void };
  /** The type in words that are the same for the same type, if the schema has any. */
  readonly "~text"?: string;
}

/** Any schema, whatever its types. */
export type AnySchema = Schema<unknown, never>;

/** The types of one method's argument and reply. */
export interface MethodSchema {
  /** The argument's type. Default: inferred from the value when it is sent, and from the stream. */
  readonly args?: AnySchema;
  /** The reply's type. Default: inferred in the same way. */
  readonly reply?: AnySchema;
}

/** The types of a service's methods, by name. */
export type ServiceSchema = { readonly [method: string]: MethodSchema };

/** The type of a value that a schema decodes; `unknown` for no schema. */
export type OutputOf<S> = S extends AnySchema ? NonNullable<S["~types"]>["output"] : unknown;

/** The type of a value that a schema encodes; `unknown` for no schema. */
export type InputOf<S> = S extends AnySchema ? Parameters<NonNullable<S["~types"]>["input"]>[0]
  : unknown;

/** The methods of a service with a schema, as its clients call them. */
export type CallsOf<S extends ServiceSchema> = {
  readonly [Method in keyof S]: (args: InputOf<S[Method]["args"]>) => OutputOf<S[Method]["reply"]>;
};

/**
 * The methods of a service with a schema, as its server has them.
 *
 * @typeParam S The schema's type.
 * @typeParam Context The type of their second parameter.
 */
export type HandlersOf<S extends ServiceSchema, Context> = {
  readonly [Method in keyof S]: (
    args: OutputOf<S[Method]["args"]>,
    context: Context,
  ) => InputOf<S[Method]["reply"]> | Promise<InputOf<S[Method]["reply"]>>;
};

/**
 * A schema in words, to read and to compare.
 *
 * @param schema The schema, if there is one.
 * @returns Empty if it has no words.
 */
export function textOf(schema: AnySchema | undefined): string {
  const text: unknown = schema?.["~text"];
  return typeof text === "string" ? text : "";
}
