/**
 * The TypeScript types that follow from schemas.
 *
 * @module
 */

import type { AnyGobSchema } from "./schema.ts";

/**
 * The TypeScript type that a schema decodes to.
 *
 * @example
 * ```ts
 * import { gob, type Infer } from "@geerpc/xclient/gob";
 *
 * const args = gob.struct({ A: gob.int32, Tags: gob.slice(gob.string) });
 * const decoded: Infer<typeof args> = { A: 1, Tags: ["x"] };
 * ```
 */
export type Infer<S extends AnyGobSchema> = NonNullable<S["~types"]>["output"];

/** The TypeScript type that a schema encodes. It may be wider than {@linkcode Infer}. */
export type InferInput<S extends AnyGobSchema> = Parameters<
  NonNullable<S["~types"]>["input"]
>[0];

/** The fields of a struct, in the order in which they are sent. */
export type GobFields = { readonly [name: string]: AnyGobSchema };

/** What a struct decodes to. */
export type GobStructOutput<F extends GobFields> = {
  [K in keyof F]: Infer<F[K]>;
};

/** What a struct encodes. A field that may be null may also be left out. */
export type GobStructInput<F extends GobFields> =
  & {
    [K in keyof F as undefined extends InferInput<F[K]> ? never : K]: InferInput<F[K]>;
  }
  & {
    [K in keyof F as undefined extends InferInput<F[K]> ? K : never]?: InferInput<F[K]>;
  };

/** The types of argument and reply of the methods of a service. */
export type GobService = {
  readonly [method: string]: {
    /** The argument. */
    readonly args?: AnyGobSchema;
    /** The reply. */
    readonly reply?: AnyGobSchema;
  };
};
