/**
 * What a connection learns of the numbers of each method: one that had a fraction once is a
 * `float64` in Go, and is sent as such when it is whole. As an `int` it would be refused, or end a
 * connection of Go's.
 *
 * @module
 */

import { type AnyGobSchema, gob, type GobEncoder } from "../../gob.ts";
import { partsOf } from "../../gob/inferred_types.ts";

/** A peer may make up names without end: no more methods are kept, and no more places of each. */
const MAX_METHODS = 1000;
const MAX_PLACES = 1000;

/** What a server says that has no float where one was sent, in Go's words and in ours. */
const NO_FLOAT =
  /wrong type \((?![^)]*float)|received remote type .*float|float received where the schema says/;

interface Place {
  isFloat: boolean;
  parts: Map<string, Place> | undefined;
}

interface Method {
  readonly place: Place;
  places: number;
  /** The type that was inferred last, and what became of it. */
  inferred: AnyGobSchema;
  sent: AnyGobSchema;
}

/** The floats of all methods of one direction of a connection. */
export class LearntFloats {
  readonly #encoder: GobEncoder;
  readonly #methods = new Map<string, Method>();
  /** Whether a type has floats in it. */
  readonly #floats = new WeakMap<AnyGobSchema, boolean>();
  /** The last type without floats, while nothing is learnt. */
  #plain: AnyGobSchema | undefined;

  /** @param encoder Infers the types. */
  constructor(encoder: GobEncoder) {
    this.#encoder = encoder;
  }

  /**
   * The type that a body without a schema is sent as. If it has floats, they are learnt.
   *
   * @param serviceMethod The method.
   * @param inferred The type that the body has by itself.
   * @returns That type, with floats where the method has them.
   */
  typeOf(serviceMethod: string, inferred: AnyGobSchema): AnyGobSchema {
    if (inferred === this.#plain && this.#methods.size === 0) return inferred;
    let method = this.#methods.get(serviceMethod);
    if (method === undefined) {
      if (!this.#hasFloats(inferred)) return this.#plain = inferred;
      if (this.#methods.size === MAX_METHODS) return inferred;
      const place = { isFloat: false, parts: undefined };
      method = { place, places: 0, inferred, sent: inferred };
      this.#methods.set(serviceMethod, method);
      this.#learn(method, method.place, inferred);
    }
    if (inferred === method.inferred) return method.sent;
    if (this.#hasFloats(inferred)) this.#learn(method, method.place, inferred);
    method.inferred = inferred;
    return method.sent = this.#encoder.withFloats(inferred, method.place);
  }

  /**
   * Forgets a method if its server had no float where one was sent: one call with a fraction by mistake
   * must not spoil those that follow.
   *
   * @param serviceMethod The method.
   * @param text The error of a reply.
   */
  refused(serviceMethod: string, text: string): void {
    if (this.#methods.size > 0 && NO_FLOAT.test(text)) this.#methods.delete(serviceMethod);
  }

  #learn(method: Method, place: Place, schema: AnyGobSchema): void {
    if (schema === gob.float) place.isFloat = true;
    for (const [name, part] of partsOf(schema)) {
      if (!this.#hasFloats(part)) continue;
      place.parts ??= new Map();
      let known = place.parts.get(name);
      if (known === undefined) {
        if (method.places === MAX_PLACES) return;
        method.places++;
        place.parts.set(name, known = { isFloat: false, parts: undefined });
      }
      this.#learn(method, known, part);
    }
  }

  #hasFloats(schema: AnyGobSchema): boolean {
    if (schema === gob.float) return true;
    let has = this.#floats.get(schema);
    if (has === undefined) {
      has = partsOf(schema).some(([, part]) => this.#hasFloats(part));
      this.#floats.set(schema, has);
    }
    return has;
  }
}
