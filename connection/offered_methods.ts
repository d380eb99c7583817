/**
 * Which methods of an object are offered as a service: no more than the author
 * of its class or object sees there.
 *
 * @module
 */

import { markOf } from "./method_mark.ts";

/** A method as it is found on a service. */
export type AnyMethod = (this: object, args: unknown, context: unknown) => unknown;

/** Which methods are named, and so offered whatever they are. */
export interface NamedMethods {
  /** Names by an allow-list: no others are offered. */
  readonly only?: readonly string[];
  /** Names beside those that are offered by default, as a schema has. */
  readonly also?: readonly string[];
}

const WANTED = "want an object of functions or an instance of a class";

/**
 * The methods that an object offers as a service. By default these are the
 * functions of a plain object, and of an instance those of its own class and
 * those that `method` has made. What is inherited, held in fields or behind
 * accessors, or has a name that begins with `_`, is offered only if it is named.
 *
 * @param service The service's name, for errors.
 * @param object An object of functions, or an instance of a class.
 * @param named Which methods are named.
 * @returns The methods by name; never empty.
 * @throws {TypeError} If it is a class or function, or no object; if it offers
 * nothing; if a name is none of its methods, or can't be the name of one.
 */
export function offeredMethods(
  service: string,
  object: object,
  named: NamedMethods = {},
): Map<string, AnyMethod> {
  if (typeof object === "function") {
    const { name } = object as { name: string };
    const what = `the class or function ${name || "without a name"}: register an instance of it`;
    throw new TypeError(`service ${service} is not an object: ${WANTED}, got ${what}`);
  }
  if (typeof object !== "object" || object === null) {
    const what = object === null ? "null" : `a ${typeof object}`;
    throw new TypeError(`service ${service} is not an object: ${WANTED}, got ${what}`);
  }
  const defaults = methodsByDefault(object);
  const found = new Map<string, AnyMethod>();
  for (const name of named.only ?? [...defaults.keys(), ...named.also ?? []]) {
    checkName(service, name);
    const method = defaults.get(name) ?? namedMethod(object, name);
    const isInSchema = named.only === undefined;
    if (method === undefined) throw noMethod(service, name, defaults, isInSchema);
    found.set(name, method);
  }
  for (const name of named.also ?? []) {
    if (!found.has(name)) throw noMethod(service, name, found, true);
  }
  if (found.size === 0) {
    throw new TypeError(
      `service ${service} has no methods: ${WANTED}, got an object without any of its own; ` +
        "name those that are inherited or held in fields by the option methods",
    );
  }
  return found;
}

/** What is offered without being named. */
function methodsByDefault(object: object): Map<string, AnyMethod> {
  const found = new Map<string, AnyMethod>();
  const holder = classOf(object) ?? object;
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(holder))) {
    if (name === "constructor" || name.startsWith("_")) continue;
    if (typeof property.value !== "function") continue;
    // One that the instance has too, as a bound copy of it, takes its place.
    const own: unknown = Object.getOwnPropertyDescriptor(object, name)?.value;
    found.set(name, typeof own === "function" ? own as AnyMethod : property.value);
  }
  // What `method` has made is meant to be offered, and can stand in a field only.
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(object))) {
    if (name.startsWith("_") || typeof value !== "function" || markOf(value) === undefined) {
      continue;
    }
    found.set(name, value as AnyMethod);
  }
  return found;
}

/** The prototype that an object has from its class; `undefined` if it is an instance of none. */
function classOf(object: object): object | undefined {
  const prototype = Object.getPrototypeOf(object);
  // Without a prototype of its own it is some realm's `Object.prototype`.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return undefined;
  return Object.hasOwn(prototype, "constructor") ? prototype : undefined;
}

/** A method that is named: wherever it is, also behind an accessor, but none that every object has. */
function namedMethod(object: object, name: string): AnyMethod | undefined {
  if (name === "constructor") return undefined;
  for (
    let holder: object | null = object;
    holder !== null && holder !== Object.prototype;
    holder = Object.getPrototypeOf(holder)
  ) {
    const property = Object.getOwnPropertyDescriptor(holder, name);
    if (property === undefined) continue;
    const value: unknown = Reflect.get(object, name);
    return typeof value === "function" ? value as AnyMethod : undefined;
  }
  return undefined;
}

function noMethod(
  service: string,
  name: string,
  known: Map<string, AnyMethod>,
  isInSchema: boolean,
): TypeError {
  const names = [...known.keys()].join(", ") || "none";
  const where = isInSchema ? "its schema names" : "the option methods names";
  return new TypeError(`service ${service} has no method ${name}, which ${where}; it has ${names}`);
}

/**
 * Checks the name of a service or a method. A service's may have dots, since the
 * last dot of `Service.Method` is the one that counts; a method's may not.
 *
 * @throws {TypeError} If it is empty, or has whitespace, control characters or
 * an empty part between dots.
 */
export function checkServiceName(name: string): void {
  if (typeof name !== "string") throw new TypeError(`a service needs a name, got ${typeof name}`);
  if (name === "") throw new TypeError("a service needs a name, got an empty one");
  if (isWrong(name) || name.split(".").includes("")) {
    throw new TypeError(
      `a service can't be named ${JSON.stringify(name)}: want parts without spaces, with dots ` +
        "between them at most",
    );
  }
}

function checkName(service: string, name: string): void {
  if (typeof name === "string" && name !== "" && !isWrong(name) && !name.includes(".")) return;
  throw new TypeError(
    `service ${service} can't have a method named ${JSON.stringify(name)}: ` +
      "want a name without spaces and dots",
  );
}

function isWrong(name: string): boolean {
  return /[\s\p{Cc}]/u.test(name);
}
