/** Stand-in for `@std/assert`, used where JSR cannot be reached. */

import { difference, show } from "./diff.ts";
import { equal } from "./equal.ts";
import { AssertionError, type Class, throwFailure } from "./errors.ts";
import { part } from "./part.ts";

export { AssertionError, equal };
export { assertIsError, assertRejects, assertThrows } from "./errors.ts";

/** Values that count as false. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/** An array or anything indexed like one, but not a string. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/** Fails unless `expr` counts as true. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Fails unless `expr` counts as false. */
export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/** Always fails. */
export function fail(msg?: string): never {
  throwFailure("Failed assertion", msg);
}

/** Always fails: marks code that must not be reached. */
export function unreachable(msg?: string): never {
  throwFailure("Unreachable", msg);
}

/** Fails unless the two are equal in depth. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throwFailure("Values are not equal", msg, "\n" + difference(actual, expected));
}

/** Fails if the two are equal in depth. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throwFailure(`Expected actual: ${show(actual)} not to be: ${show(expected)}`, msg);
}

/** Fails unless `Object.is` holds. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const shown = show(actual);
  if (shown !== show(expected)) {
    const lines = "\n" + difference(actual, expected);
    throwFailure("Values are not strictly equal", msg, lines);
  }
  throwFailure(
    "Values have the same structure but are not reference-equal",
    msg,
    `\n\n${shown.replace(/^/gm, "    ")}\n`,
  );
}

/** Fails if `Object.is` holds. */
export function assertNotStrictEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!Object.is(actual, expected)) return;
  const what = `Expected "actual" to not be strictly equal to: ${show(actual)}`;
  throwFailure(what, msg, "\n");
}

/** Fails for `null` and `undefined`. */
export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throwFailure(`Expected actual: "${actual}" to not be null or undefined`, msg);
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) order(actual, ">", expected, msg);
}

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!(actual >= expected)) order(actual, ">=", expected, msg);
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) order(actual, "<", expected, msg);
}

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!(actual <= expected)) order(actual, "<=", expected, msg);
}

function order(a: unknown, sign: string, b: unknown, msg?: string): never {
  throw new AssertionError(msg ?? `Expect ${show(a)} ${sign} ${show(b)}`);
}

/** Fails unless the numbers differ by `tolerance` (a 10⁻⁷th) at most. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const delta = Math.abs(actual - expected);
  const most = tolerance ??
    (Number.isFinite(expected) ? Math.abs(expected) * 1e-7 : 1e-7);
  if (delta <= most) return;
  const [a, b, d, m] = [actual, expected, delta, most].map((n) =>
    Number.isInteger(n) ? `"${n}"` : `"${n.toExponential()}"`
  );
  const what = `Expected actual: ${a} to be close to ${b}`;
  throwFailure(`${what}: delta ${d} is greater than ${m}`, msg);
}

/** Fails unless `actual` is an instance of the class. */
export function assertInstanceOf<T extends Class<unknown>>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const wanted = expectedType.name;
  const found = nameOfType(actual);
  let but = ` but was "${found}"`;
  if (found === wanted) but = "";
  if (found === "function") but = " but was not an instanced object";
  throwFailure(`Expected object to be an instance of "${wanted}"${but}`, msg);
}

function nameOfType(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return value.constructor?.name ?? "Object";
}

/** Fails if `actual` is an instance of the class. */
export function assertNotInstanceOf<A, T>(
  actual: A,
  unexpectedType: Class<T>,
  msg?: string,
): asserts actual is Exclude<A, T> {
  if (!(actual instanceof unexpectedType)) return;
  const type = typeof unexpectedType;
  throwFailure(`Expected object to not be an instance of "${type}"`, msg);
}

/** Fails unless `actual` matches the pattern. */
export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (expected.test(actual)) return;
  throwFailure(`Expected actual: "${actual}" to match: "${expected}"`, msg);
}

/** Fails if `actual` matches the pattern. */
export function assertNotMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (!expected.test(actual)) return;
  throwFailure(`Expected actual: "${actual}" to not match: "${expected}"`, msg);
}

/** Fails unless `actual` contains `expected`. */
export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  if (actual.includes(expected)) return;
  throwFailure(`Expected actual: "${actual}" to contain: "${expected}"`, msg);
}

/** Fails unless each item of `expected` equals one of `actual`. */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void {
  const items = Array.from(actual);
  const missing = Array.from(expected)
    .filter((wanted) => !items.some((item) => equal(wanted, item)));
  if (missing.length === 0) return;
  throwFailure(
    `Expected actual: "${show(actual)}" to include: "${show(expected)}"`,
    msg,
    `\nmissing: ${show(missing)}`,
  );
}

/** Fails unless every property of `expected` is equal in `actual`. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  assertEquals(part(actual, expected), part(expected, expected), msg);
}
