/**
 * Checks of options: each group has a table with one check for each name, so
 * that a name that does not exist and a value that can't be meant are refused
 * by name, before anything begins.
 *
 * @module
 */

import { didYouMean } from "./nearest.ts";
import { aboveZero, atLeast } from "./validate.ts";

/** Throws a `TypeError` or `RangeError` that names the option. */
export type Check = (name: string, value: unknown) => void;

/** One check for each option. */
export type Checks<Options> = { readonly [Name in keyof Options]-?: Check };

/**
 * Checks options. What is `undefined` counts as not given. `clock`, `network`
 * and `random` may be given everywhere, so that one object will do for all.
 *
 * @param owner What takes them, for messages, as `XClient`.
 * @param options The options.
 * @param checks What they may be.
 * @param related What may be among them since it is an option beside these elsewhere:
 * options of one type may be given where those of a type that it extends are asked for.
 * @throws {TypeError} For an unknown name, or a value of the wrong type.
 * @throws {RangeError} For a number that is out of range.
 */
export function checkOptions<Options extends object>(
  owner: string,
  options: Options,
  checks: Checks<Options>,
  related: Readonly<Record<string, Check>> = {},
): void {
  const shared = { ...SHARED_CHECKS, ...related };
  checkGroup(owner, "", options, checks as Readonly<Record<string, Check>>, shared);
}

function checkGroup(
  owner: string,
  prefix: string,
  options: unknown,
  checks: Readonly<Record<string, Check>>,
  shared: Readonly<Record<string, Check>> = {},
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw wrongType(owner, "an object of options", options);
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const known = Object.hasOwn(checks, name) ? checks : shared;
    if (!Object.hasOwn(known, name)) throw unknownOption(owner, name, Object.keys(checks));
    known[name](prefix + name, value);
  }
}

/**
 * The error of an option that does not exist.
 *
 * @param owner What takes options.
 * @param name The name that was given.
 * @param known Those that there are.
 */
export function unknownOption(owner: string, name: string, known: readonly string[]): TypeError {
  const hint = didYouMean(name, known) || `; its options are ${known.join(", ")}`;
  return new TypeError(`${owner} has no option ${JSON.stringify(name)}${hint}`);
}

/**
 * The error of an option that is of the wrong type.
 *
 * @param name The option.
 * @param wanted What it must be.
 * @param value What it is.
 */
export function wrongType(name: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`${name} must be ${wanted}, got ${shown(value)}`);
}

/** A value in a message: short, and without what may be secret. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (Array.isArray(value)) return "an array";
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

function asNumber(name: string, value: unknown): number {
  if (typeof value === "number") return value;
  throw wrongType(name, "a number", value);
}

/** A number that is not below a bound; `Infinity` if there is to be no limit. */
export const number = (least: number): Check => (name, value) => {
  atLeast(least, name, asNumber(name, value));
};

/** A number within bounds. */
export const numberFrom = (least: number, most: number): Check => (name, value) => {
  const given = asNumber(name, value);
  if (given >= least && given <= most) return;
  throw new RangeError(`${name} must be from ${least} to ${most}, got ${given}`);
};

/** A duration or another number that has to be above 0; `Infinity` if there is to be no limit. */
export const positive: Check = (name, value) => {
  aboveZero(name, asNumber(name, value));
};

/** A whole number that is not below a bound; `Infinity` if there is to be no limit. */
export const whole = (least: number): Check => (name, value) => {
  const given = asNumber(name, value);
  if (given === Infinity || Number.isInteger(given) && given >= least) return;
  throw new RangeError(`${name} must be a whole number of at least ${least}, got ${given}`);
};

/** A whole number within bounds. */
export const wholeFrom = (least: number, most: number): Check => (name, value) => {
  const given = asNumber(name, value);
  if (Number.isInteger(given) && given >= least && given <= most) return;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, got ${given}`);
};

/** `true` or `false`. */
export const flag: Check = (name, value) => {
  if (typeof value !== "boolean") throw wrongType(name, "true or false", value);
};

/** A string. */
export const text: Check = (name, value) => {
  if (typeof value !== "string") throw wrongType(name, "a string", value);
};

/** A function. */
export const callback: Check = (name, value) => {
  if (typeof value !== "function") throw wrongType(name, "a function", value);
};

/** An object that has these methods. */
export const having = (wanted: string, ...methods: readonly string[]): Check => (name, value) => {
  const object = value as Record<string, unknown> | null;
  const isObject = typeof object === "object" && object !== null;
  if (isObject && methods.every((method) => typeof object[method] === "function")) return;
  throw wrongType(name, wanted, value);
};

/** An object, whatever it has. */
export const anObject: Check = having("an object");
/** Anything. */
export const anything: Check = () => {};

/** A string, or a list of strings. */
export const textOrTexts: Check = (name, value) => {
  if (typeof value !== "string") texts(name, value);
};

/** A list of strings. */
export const texts: Check = (name, value) => {
  if (!Array.isArray(value)) throw wrongType(name, "a list of strings", value);
  value.forEach((one, place) => text(`${name}[${place}]`, one));
};

/** An object whose values are strings, as headers and metadata are. */
export const textByName: Check = (name, value) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrongType(name, "an object of strings", value);
  }
  for (const [key, one] of Object.entries(value)) text(`${name}.${key}`, one);
};

/** One of some values. */
export const oneOf = (...known: readonly (string | number)[]): Check => (name, value) => {
  if (known.includes(value as string)) return;
  const hint = didYouMean(String(value), known.map(String));
  const wanted = known.map((one) => JSON.stringify(one)).join(", ");
  const given = typeof value === "string" ? JSON.stringify(value) : shown(value);
  throw new TypeError(`${name} must be one of ${wanted}, got ${given}${hint}`);
};

/** A source of time. */
export const aClock = having("a Clock, with now and setTimer", "now", "setTimer");
/** What ends something. */
export const aSignal = having("an AbortSignal", "addEventListener");
/** What connects or listens. */
export const aNetwork = having("a Network, with connect and listen", "connect", "listen");

/**
 * What is handed around together, as tests do with a clock, a network and
 * chance: nobody refuses one of these that is of no use there.
 */
const SHARED_CHECKS: Readonly<Record<string, Check>> = {
  clock: aClock,
  network: aNetwork,
  random: callback,
};

/** Options within options. */
export const group = <Options>(checks: Checks<Options>): Check => (name, value) =>
  checkGroup(name, `${name}.`, value, checks as Readonly<Record<string, Check>>);

/** A name that something else knows, and refuses in its own words if it is none. */
export const name =
  <Name extends string>(refuse: (name: Name) => unknown): Check => (option, value) => {
    text(option, value);
    refuse(value as Name);
  };

/** One kind of value or the other. */
export const either =
  (isFirst: (value: unknown) => boolean, first: Check, other: Check): Check => (name, value) =>
    (isFirst(value) ? first : other)(name, value);

/** A function, or what the check says. */
export const callbackOr = (other: Check): Check =>
  either((value) => typeof value === "function", callback, other);

/** A list of functions, and of objects that have at least one of these methods and no other value in their place. */
export const interceptorList = (...methods: readonly string[]): Check => (name, value) => {
  if (!Array.isArray(value)) throw wrongType(name, "a list of interceptors", value);
  value.forEach((one, place) => {
    if (typeof one === "function") return;
    const given = methods.filter((method) => one?.[method] !== undefined);
    const all = one?.isActive === undefined ? given : [...given, "isActive"];
    if (given.length > 0 && all.every((method) => typeof one[method] === "function")) return;
    throw wrongType(
      `${name}[${place}]`,
      `a function, or an object with ${methods.join(" or ")}`,
      one,
    );
  });
};
