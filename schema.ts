/**
 * What a service's arguments and replies are on the wire, for the protocols
 * whose values don't tell it: gob. Light: it loads no protocol.
 *
 * @module
 */

/** A type on the wire, as `gob.int` or `gob.struct({ … })` are. */
export interface Schema<Output = unknown, Input = Output> {
  /** Never set: it carries the types. */
  readonly "~types"?: { output: Output; input: (value: Input) => void };
}

/** Any schema, whatever its types. */
export type AnySchema = Schema<unknown, never>;

/** What one method takes and gives. */
export interface MethodSchema {
  /** Its argument. Left out: inferred from the value sent, and from the stream. */
  readonly args?: AnySchema;
  /** Its reply. Left out: inferred as well. */
  readonly reply?: AnySchema;
}

/** The methods of a service. */
export type ServiceSchema = { readonly [method: string]: MethodSchema };

/** The type that comes out of a schema when it is decoded. */
export type OutputOf<S> = S extends AnySchema ? NonNullable<S["~types"]>["output"] : unknown;

/** The type that goes into a schema to be encoded. */
export type InputOf<S> = S extends AnySchema ? Parameters<NonNullable<S["~types"]>["input"]>[0]
  : unknown;

/** The methods of a service as its clients call them. */
export type CallsOf<S extends ServiceSchema> = {
  readonly [Method in keyof S]: (args: InputOf<S[Method]["args"]>) => OutputOf<S[Method]["reply"]>;
};

/** The methods of a service as its server has them. `Context` is what they get beside the argument. */
export type HandlersOf<S extends ServiceSchema, Context> = {
  readonly [Method in keyof S]: (
    args: OutputOf<S[Method]["args"]>,
    context: Context,
  ) => InputOf<S[Method]["reply"]> | Promise<InputOf<S[Method]["reply"]>>;
};
