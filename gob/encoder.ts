/**
 * Values to gob streams.
 *
 * A schema is compiled once per encoder to a plan, a tree of closures that write straight into
 * the caller's writer; type definitions are put in before the first value that needs them.
 *
 * The file is long because the plans of all kinds share one state and call each other.
 *
 * @module
 */

import { findCycle, type GobComplex, GobNamed } from "./values.ts";
import { formatPath, MAX_NAME, misfit, type PathStep, tooMuch } from "./wire.ts";
import { GobWriter } from "./writer.ts";
import {
  type AnyGobSchema,
  BASIC_TYPES,
  type GobRegistry,
  type GobSchema,
  type Shape,
  shapeOf,
  targetOf,
} from "./types.ts";
import { GobInference } from "./infer.ts";
import { TypeTable } from "./type_table.ts";

/** Options of {@linkcode GobEncoder}. */
export interface GobEncoderOptions {
  /**
   * The longest message that is sent, and the most bytes of all type definitions together.
   * @default {4194304}
   */
  maxMessageBytes?: number;
  /** How deep values may be nested. @default {100} */
  maxDepth?: number;
}

type Write = (value: unknown) => void;
type ShapeOf<K extends Shape["kind"]> = Extract<Shape, { kind: K }>;

/** What an encoder knows of one type. */
interface Plan {
  readonly schema: AnyGobSchema;
  readonly shape: Shape;
  /** Writes a value that is not left out. */
  write: Write;
  /** The id in this stream; 0 as long as the type is not defined. */
  id: number;
  /** Whether the value stands alone, which a zero byte announces where a struct would begin. */
  readonly single: boolean;
}

/** A field of a struct. */
interface FieldPlan {
  readonly name: string;
  readonly schema: AnyGobSchema;
  readonly isZero: (value: unknown) => boolean;
  /** Undefined until a value is first written, so that types may contain themselves. */
  plan: Plan | undefined;
}

const INT64_MAX = 2n ** 63n - 1n;
const FLOAT32_MAX = 3.4028234663852886e38;

// From so many fields on it pays to look only for those that an object has. A list of objects that
// are all different is one of wide structs, nearly empty.
const WIDE = 128;

/** Which fields a plain object has, in order; other objects may have some that can't be listed. */
function placesIn(value: object, places: ReadonlyMap<string, number>): number[] | undefined {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  const found: number[] = [];
  for (const name of Object.keys(value)) {
    const place = places.get(name);
    if (place !== undefined) found.push(place);
  }
  return found.sort((a, b) => a - b);
}

function never(): boolean {
  return false;
}

/** Whether Go leaves a field of this kind out for being zero. */
function zeroTest(shape: Shape): (value: unknown) => boolean {
  switch (shape.kind) {
    case "bool":
      return (value) => value === false;
    case "int":
    case "uint":
      return (value) => value === 0 || value === 0n;
    case "float":
      return (value) => value === 0;
    case "float32":
      return (value) => typeof value === "number" && Math.fround(value) === 0;
    case "string":
      return (value) => value === "";
    case "complex":
      return (value) =>
        (value as GobComplex).real === 0 &&
        (value as GobComplex).imaginary === 0;
    case "bytes":
    case "slice":
      return (value) => typeof value === "object" && (value as unknown[]).length === 0;
    default:
      return never;
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "object") {
    return Array.isArray(value) ? "an array" : "an object";
  }
  if (typeof value === "number" || typeof value === "bigint") {
    return `the ${typeof value} ${value}`;
  }
  return `a ${typeof value}`;
}

function stepOf(key: unknown): PathStep {
  if (typeof key === "number" || typeof key === "string") return key;
  return typeof key === "object" ? "{}" : String(key);
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) ||
    (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/**
 * Encodes values to one gob stream: type definitions go before the first value that needs them
 * and are not repeated, so everything that one encoder makes must reach one decoder, in order.
 *
 * @example Values on a connection
 * ```ts
 * import { gob, GobDecoder, GobEncoder } from "@geerpc/xclient/gob";
 *
 * const point = gob.struct({ X: gob.int32, Y: gob.int32 }, { name: "Point" });
 * const encoder = new GobEncoder();
 * const first = encoder.encode({ X: 22, Y: 33 }, point);
 * const second = encoder.encode({ X: 1, Y: 0 }, point);
 * console.log(first.length, second.length); // 40 6
 *
 * const decoder = new GobDecoder();
 * decoder.push(first);
 * console.log(decoder.next(point)?.value); // { X: 22, Y: 33 }
 * ```
 */
export class GobEncoder {
  readonly #maxMessageBytes: number;
  readonly #maxDepth: number;
  readonly #inference: GobInference;
  readonly #plans = new WeakMap<AnyGobSchema, Plan>();
  readonly #types: TypeTable;
  readonly #own = new GobWriter();
  /** The plans that got their ids since the call began, in case it fails. */
  readonly #newPlans: Plan[] = [];
  readonly #path: PathStep[] = [];
  #writer: GobWriter = this.#own;
  #depth = 0;
  #top: unknown;

  /**
   * Creates an encoder for a new stream.
   *
   * @param options The limits.
   */
  constructor(options: GobEncoderOptions = {}) {
    this.#maxMessageBytes = options.maxMessageBytes ?? 4 * 1024 * 1024;
    this.#maxDepth = options.maxDepth ?? 100;
    this.#inference = new GobInference(this.#maxDepth);
    this.#types = new TypeTable(this.#maxMessageBytes);
  }

  /**
   * Encodes a value.
   *
   * Without a schema its type is guessed: a safe integer is an `int`, any other number a
   * `float64`; a bigint an `int`, or a `uint` beyond int64; strings, booleans, `Uint8Array`
   * (`[]byte`), `Date` (`time.Time`), arrays (slices), `Map`s and objects (structs) are what they
   * look like. Fields that are null, undefined or empty arrays are left out. Go ignores fields
   * that don't begin with a capital letter. Send objects that are used as dictionaries as `Map`s:
   * each new set of keys is a type, of which a stream has 10,000 at most, with 4,096 fields each.
   *
   * @param value The value.
   * @param schema Its type.
   * @returns The message, preceded by the type definitions that it is the first to need.
   * @throws {RpcError} `invalid_argument` if the value can't be sent or doesn't fit the schema;
   * the message says where. `resource_exhausted` if it passes a limit. Either way nothing
   * happened, and the encoder goes on.
   *
   * @example
   * ```ts
   * import { gob, GobEncoder } from "@geerpc/xclient/gob";
   *
   * const encoder = new GobEncoder();
   * encoder.encode({ A: 7, B: 8 }); // a struct of two ints
   * encoder.encode({ A: 7, B: 8 }, gob.struct({ A: gob.uint8, B: gob.float }));
   * ```
   */
  encode<I = unknown>(
    value: NoInfer<I>,
    schema?: GobSchema<unknown, I>,
  ): Uint8Array<ArrayBuffer> {
    this.#own.clear();
    this.#append(this.#own, value, schema);
    return this.#own.copy();
  }

  /**
   * Appends a value to a writer, so that many values leave in one write and none is copied.
   *
   * @param writer Where it goes. If the call fails, the writer is as it was before.
   * @param value The value.
   * @param schema Its type; without it the type is guessed, as {@linkcode GobEncoder.encode} does.
   * @throws {RpcError} As {@linkcode GobEncoder.encode}.
   */
  encodeTo<I = unknown>(
    writer: GobWriter,
    value: NoInfer<I>,
    schema?: GobSchema<unknown, I>,
  ): void {
    this.#append(writer, value, schema);
  }

  /**
   * Appends a header and a body, or neither: if the body can't be encoded, the header is taken
   * back as well.
   *
   * @param writer Where they go. If the call fails, the writer is as it was before.
   * @param header The header.
   * @param headerSchema The header's type.
   * @param body The body.
   * @param bodySchema The body's type; without it the type is guessed.
   * @throws {RpcError} As {@linkcode GobEncoder.encode}.
   */
  encodePairTo<H, B = unknown>(
    writer: GobWriter,
    header: NoInfer<H>,
    headerSchema: GobSchema<unknown, H>,
    body: NoInfer<B>,
    bodySchema?: GobSchema<unknown, B>,
  ): void {
    const start = writer.length;
    this.#begin();
    try {
      this.#message(writer, header, headerSchema);
      this.#message(writer, body, bodySchema);
    } catch (error) {
      throw this.#undo(writer, start, error);
    }
  }

  #append(
    writer: GobWriter,
    value: unknown,
    schema: AnyGobSchema | undefined,
  ): void {
    const start = writer.length;
    this.#begin();
    try {
      this.#message(writer, value, schema);
    } catch (error) {
      throw this.#undo(writer, start, error);
    }
  }

  #begin(): void {
    if (this.#newPlans.length > 0) this.#newPlans.length = 0;
    this.#types.begin();
  }

  #undo(writer: GobWriter, start: number, error: unknown): unknown {
    writer.length = start;
    for (const plan of this.#newPlans) plan.id = 0;
    this.#types.undo();
    this.#writer = this.#own;
    this.#top = undefined;
    return error;
  }

  #message(
    writer: GobWriter,
    value: unknown,
    schema: AnyGobSchema | undefined,
  ): void {
    this.#depth = 0;
    this.#types.definitions.clear();
    const plan = this.#planOf(schema ?? this.#inference.schemaOf(value));
    if (plan.id === 0) this.#define(plan);
    this.#writer = writer;
    this.#top = value;
    const before = writer.length;
    const start = writer.begin();
    writer.uint(plan.id * 2);
    if (plan.single) writer.byte(0);
    plan.write(value);
    if (writer.length - start > this.#maxMessageBytes) {
      throw tooMuch(
        `a message of ${writer.length - start} bytes, beyond maxMessageBytes, ` +
          `${this.#maxMessageBytes}`,
      );
    }
    writer.end(start);
    if (this.#types.definitions.length > 0) {
      writer.insert(before, this.#types.definitions.view());
    }
    this.#writer = this.#own;
    this.#top = undefined;
  }

  #fail(message: string, cause?: unknown): Error {
    return misfit(`${formatPath(this.#path, this.#depth)}: ${message}`, cause);
  }

  #wrong(value: unknown, expected: string): Error {
    return this.#fail(`${describe(value)} is not ${expected}`);
  }

  #enter(): number {
    if (this.#depth >= this.#maxDepth) {
      const steps = findCycle(this.#top, this.#path, this.#depth);
      if (steps >= 0) {
        this.#depth = steps;
        throw this.#fail("the value contains itself");
      }
      throw tooMuch(
        `a value is nested deeper than maxDepth, ${this.#maxDepth}`,
      );
    }
    return this.#depth++;
  }

  // --- Types ---

  #planOf(schema: AnyGobSchema): Plan {
    const known = this.#plans.get(schema);
    if (known !== undefined) return known;
    const target = targetOf(schema);
    let plan = this.#plans.get(target);
    if (plan === undefined) {
      const shape = shapeOf(target);
      plan = {
        schema: target,
        shape,
        write: this.#compile(shape),
        id: 0,
        single: shape.kind !== "struct",
      };
      this.#plans.set(target, plan);
    }
    this.#plans.set(schema, plan);
    return plan;
  }

  #define(plan: Plan): void {
    plan.id = this.#types.idOf(plan.schema);
    this.#newPlans.push(plan);
  }

  // --- Values ---

  #compile(shape: Shape): Write {
    switch (shape.kind) {
      case "bool":
        return (value) => {
          if (typeof value !== "boolean") throw this.#wrong(value, "a boolean");
          this.#writer.byte(value ? 1 : 0);
        };
      case "int":
      case "uint":
        return this.#compileInteger(shape);
      case "float":
        return (value) => {
          if (typeof value !== "number") throw this.#wrong(value, "a number");
          this.#writer.float(value);
        };
      case "float32":
        return (value) => {
          if (typeof value !== "number") throw this.#wrong(value, "a number");
          if (Math.abs(value) > FLOAT32_MAX && Number.isFinite(value)) {
            throw this.#wrong(value, "in the range of a float32");
          }
          this.#writer.float(Math.fround(value));
        };
      case "complex":
        return (value) => {
          const { real, imaginary } = Object(value) as GobComplex;
          if (typeof real !== "number" || typeof imaginary !== "number") {
            throw this.#wrong(value, "a complex number: { real, imaginary }");
          }
          this.#writer.float(real);
          this.#writer.float(imaginary);
        };
      case "string":
        return (value) => {
          if (typeof value !== "string") throw this.#wrong(value, "a string");
          this.#writer.string(value);
        };
      case "bytes":
        return (value) => {
          if (!(value instanceof Uint8Array)) {
            throw this.#wrong(value, "a Uint8Array");
          }
          this.#writer.blob(value);
        };
      case "slice":
      case "array":
        return this.#compileList(shape);
      case "map":
        return this.#compileMap(shape);
      case "struct":
        return this.#compileStruct(shape);
      case "interface":
        return (value) => this.#writeInterface(value, shape.registry);
      case "opaque":
        return (value) => {
          let content: Uint8Array;
          try {
            content = shape.encode(value);
          } catch (error) {
            throw this.#fail(
              `${shape.name || shape.wire} can't be encoded: ${error}`,
              error,
            );
          }
          this.#writer.blob(content);
        };
    }
    throw new TypeError(`gob: ${shape.kind} has no plan of its own`);
  }

  #compileInteger(shape: ShapeOf<"int" | "uint">): Write {
    const signed = shape.kind === "int";
    const bits = BigInt(shape.bits);
    const lowest = signed ? -(2n ** (bits - 1n)) : 0n;
    const highest = signed ? 2n ** (bits - 1n) - 1n : 2n ** bits - 1n;
    const least = Math.max(Number(lowest), Number.MIN_SAFE_INTEGER);
    const most = Math.min(Number(highest), Number.MAX_SAFE_INTEGER);
    const article = signed ? "an int" : "a uint";
    const name = shape.bits === 64 ? article : `${article} of ${shape.bits} bits`;
    return (value) => {
      if (typeof value === "number") {
        if (!(value >= least && value <= most) || Math.floor(value) !== value) {
          throw this.#wrong(value, name);
        }
      } else if (
        typeof value !== "bigint" || value < lowest || value > highest
      ) {
        throw this.#wrong(value, name);
      }
      if (signed) this.#writer.int(value);
      else this.#writer.uint(value);
    };
  }

  #compileList(shape: ShapeOf<"slice" | "array">): Write {
    let element: Plan | undefined;
    const length = shape.kind === "array" ? shape.length : -1;
    return (value) => {
      if (!isList(value)) throw this.#wrong(value, "an array");
      if (length >= 0 && value.length !== length) {
        throw this.#fail(
          `${value.length} elements where the type has ${length}`,
        );
      }
      element ??= this.#planOf(shape.element);
      const slot = this.#enter();
      this.#writer.uint(value.length);
      for (let index = 0; index < value.length; index++) {
        this.#path[slot] = index;
        element.write(value[index]);
      }
      this.#depth--;
    };
  }

  #compileMap(shape: ShapeOf<"map">): Write {
    let keyPlan: Plan | undefined;
    let valuePlan: Plan | undefined;
    const acceptsObjects = shapeOf(targetOf(shape.key)).kind === "string";
    return (value) => {
      let entries: Iterable<[unknown, unknown]>;
      let size: number;
      if (value instanceof Map) {
        entries = value;
        size = value.size;
      } else if (
        acceptsObjects && typeof value === "object" && value !== null &&
        !isList(value)
      ) {
        const list = Object.entries(value);
        entries = list;
        size = list.length;
      } else {throw this.#wrong(
          value,
          acceptsObjects ? "a Map or an object" : "a Map",
        );}
      keyPlan ??= this.#planOf(shape.key);
      valuePlan ??= this.#planOf(shape.value);
      const slot = this.#enter();
      this.#writer.uint(size);
      for (const [key, item] of entries) {
        this.#path[slot] = stepOf(key);
        keyPlan.write(key);
        valuePlan.write(item);
      }
      this.#depth--;
    };
  }

  #compileStruct(shape: ShapeOf<"struct">): Write {
    const fields: FieldPlan[] = shape.fields.map(([name, schema]) => ({
      name,
      schema,
      isZero: zeroTest(shapeOf(targetOf(schema))),
      plan: undefined,
    }));
    const places = fields.length < WIDE
      ? undefined
      : new Map(fields.map(({ name }, index) => [name, index]));
    return (value) => {
      if (typeof value !== "object" || value === null || isList(value)) {
        throw this.#wrong(value, "an object");
      }
      const slot = this.#enter();
      const writer = this.#writer;
      const order = places && placesIn(value, places);
      const count = order === undefined ? fields.length : order.length;
      let last = -1;
      let found = false;
      for (let at = 0; at < count; at++) {
        const index = order === undefined ? at : order[at];
        const field = fields[index];
        const item = (value as Record<string, unknown>)[field.name];
        if (item === undefined || item === null) continue;
        found = true;
        if (field.isZero(item)) continue;
        this.#path[slot] = field.name;
        writer.uint(index - last);
        last = index;
        const plan = field.plan ?? (field.plan = this.#planOf(field.schema));
        plan.write(item);
      }
      this.#depth--;
      if (!found) this.#checkNames(value, fields);
      writer.byte(0);
    };
  }

  /** An object without one of the fields is more likely misspelt than all zero. */
  #checkNames(value: object, fields: readonly FieldPlan[]): void {
    const names = Object.keys(value);
    if (fields.length === 0 || names.length === 0) return;
    if (names.some((name) => fields.some((field) => field.name === name))) {
      return;
    }
    throw this.#fail(
      `none of the object's fields (${names.slice(0, 8).join(", ")}) is in the schema (${
        fields.slice(0, 8).map((field) => field.name).join(", ")
      })`,
    );
  }

  #writeInterface(value: unknown, registry: GobRegistry | undefined): void {
    if (value === null || value === undefined) {
      this.#writer.byte(0);
      return;
    }
    // An interface is a level of its own, with nothing to show for it in the path.
    this.#path[this.#enter()] = "";
    let name: string;
    let content = value;
    if (value instanceof GobNamed) {
      name = value.name;
      content = value.value;
    } else name = this.#concreteName(value, registry);
    if (name.length > MAX_NAME) {
      throw this.#fail(`the name of a type of ${name.length} characters, beyond ${MAX_NAME}`);
    }
    let schema = registry !== undefined && Object.hasOwn(registry, name)
      ? registry[name]
      : BASIC_TYPES.get(name);
    if (schema === undefined && registry === undefined && name !== "") {
      schema = new GobInference(this.#maxDepth - this.#depth).schemaOf(content);
    }
    if (schema === undefined) {
      throw this.#fail(`the registry of the interface has no "${name}"`);
    }
    const plan = this.#planOf(schema);
    if (plan.id === 0) this.#define(plan);
    const writer = this.#writer;
    writer.string(name);
    writer.uint(plan.id * 2);
    const start = writer.begin();
    if (plan.single) writer.byte(0);
    plan.write(content);
    writer.end(start);
    this.#depth--;
  }

  /** The name of the concrete type that a bare value in an interface is sent as. */
  #concreteName(value: unknown, registry: GobRegistry | undefined): string {
    if (typeof value === "number") {
      return Number.isSafeInteger(value) ? "int" : "float64";
    }
    if (typeof value === "bigint") {
      return value > INT64_MAX ? "uint64" : "int64";
    }
    if (typeof value === "string") return "string";
    if (typeof value === "boolean") return "bool";
    if (value instanceof Uint8Array) return "[]uint8";
    const fitting = Object.entries(registry ?? {}).filter(([, schema]) =>
      this.#fits(value, schema)
    );
    if (fitting.length === 1) return fitting[0][0];
    if (fitting.length === 0 && Array.isArray(value) && value.length > 0) {
      if (value.every((item) => Number.isSafeInteger(item))) return "[]int";
      if (value.every((item) => typeof item === "number")) return "[]float64";
      if (value.every((item) => typeof item === "string")) return "[]string";
      if (value.every((item) => typeof item === "boolean")) return "[]bool";
    }
    const names = fitting.map(([name]) => name).join(", ");
    throw this.#fail(
      `${fitting.length === 0 ? "no type" : `more than one type (${names})`} of the interface's ` +
        `registry fits ${describe(value)}: send a GobNamed`,
    );
  }

  #fits(value: unknown, schema: AnyGobSchema): boolean {
    const target = targetOf(schema);
    const shape = shapeOf(target);
    if (value instanceof Date) {
      return shape.kind === "opaque" && shape.wire === "gobEncoder" &&
        shape.name === "Time";
    }
    if (isList(value)) {
      return shape.kind === "slice" ||
        (shape.kind === "array" && shape.length === value.length);
    }
    if (value instanceof Map) return shape.kind === "map";
    if (
      shape.kind !== "struct" || typeof value !== "object" || value === null
    ) return false;
    return Object.keys(value).every((key) => shape.fields.some(([name]) => name === key));
  }
}
