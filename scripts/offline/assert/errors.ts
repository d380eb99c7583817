/** The error of failed assertions, and the assertions about errors. */

/** Any class, abstract ones too. */
// deno-lint-ignore no-explicit-any
export type Class<T> = abstract new (...args: any[]) => T;

/** What every failed assertion throws. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

/** Throws what failed, followed by the caller's own message. */
export function throwFailure(what: string, msg?: string, rest = ""): never {
  throw new AssertionError(`${what}${msg ? `: ${msg}` : "."}${rest}`);
}

/** Fails unless `error` is an `Error` of this class with this message. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: Class<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) {
    throwFailure('Expected "error" to be an Error object', msg);
  }
  if (ErrorClass && !(error instanceof ErrorClass)) {
    const [wanted, found] = [ErrorClass.name, error.constructor?.name];
    const but = `but was "${found}"`;
    throwFailure(`Expected error to be instance of "${wanted}", ${but}`, msg);
  }
  if (!msgMatches) return;
  const text = plain(error.message);
  const asText = typeof msgMatches === "string";
  if (asText ? text.includes(plain(msgMatches)) : msgMatches.test(text)) return;
  const wanted = asText ? JSON.stringify(msgMatches) : msgMatches;
  const found = JSON.stringify(error.message);
  throwFailure(`Expected error message to include ${wanted}, but got ${found}`, msg);
}

/** The text without colours. */
function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9;]*m/g, "");
}

/** Fails unless `fn` throws; returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Fails unless `fn` throws an error of this class with this message. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  ...wanted: Wanted
): unknown {
  try {
    fn();
  } catch (error) {
    return checked(error, "thrown", wanted);
  }
  throwFailure("Expected function to throw", messageOf(wanted));
}

/** Fails unless `fn` returns a promise that rejects; resolves to the reason. */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
/** Fails unless the promise rejects with an error of this class and message. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  ...wanted: Wanted
): Promise<unknown> {
  let promise: PromiseLike<unknown> | undefined;
  try {
    promise = fn();
  } catch { /* reported below, as any other function without a promise */ }
  if (typeof promise?.then !== "function") {
    throwFailure("Function throws when expected to reject", messageOf(wanted));
  }
  try {
    await promise;
  } catch (error) {
    return checked(error, "rejected", wanted);
  }
  throwFailure("Expected function to reject", messageOf(wanted));
}

/** The arguments after the function: `msg`, or `Class, msgIncludes, msg`. */
type Wanted = [(Class<Error> | string)?, string?, string?];

function messageOf([first, second, third]: Wanted): string | undefined {
  if (typeof first === "string") return first;
  return first === null ? second : third;
}

function checked(error: unknown, how: string, wanted: Wanted): unknown {
  const [ErrorClass, msgIncludes] = wanted;
  if (typeof ErrorClass !== "function") return error;
  const msg = messageOf(wanted);
  if (!(error instanceof Error)) throwFailure(`A non-Error object was ${how}`, msg);
  assertIsError(error, ErrorClass, msgIncludes, msg);
  return error;
}
