/** What calls fail with. */

import { assert, assertEquals } from "@std/assert";
import { type Execution, type RpcCode, RpcError, TimeoutError } from "../../errors.ts";

/** What a promise rejects with; it must. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a rejection, got ${JSON.stringify(value)}`);
}

/** What an error has to say. */
export interface Wanted {
  code?: RpcCode | "TimeoutError";
  execution?: Execution;
  address?: string;
  serviceMethod?: string;
  message?: string | RegExp;
}

/** Checks an error's every field that is wanted, and that its text names the place. */
export function assertFailure(
  error: unknown,
  wanted: Wanted,
): asserts error is RpcError {
  if (wanted.code === "TimeoutError") {
    assert(error instanceof TimeoutError, `no TimeoutError: ${error}`);
    assertEquals(error.name, "TimeoutError");
  } else {
    assert(error instanceof RpcError, `no RpcError: ${error}`);
    if (wanted.code) assertEquals(error.code, wanted.code, error.message);
  }
  const { execution, address, serviceMethod, message } = wanted;
  if (execution) assertEquals(error.execution, execution, error.message);
  if (address) assertEquals(error.address, address, error.message);
  if (serviceMethod) assertEquals(error.serviceMethod, serviceMethod, error.message);
  // A server's own words are passed on unchanged; all else names the place.
  if (error.execution !== "answered" && error.execution !== "rejected") {
    for (const part of [address, serviceMethod]) {
      if (part) assert(error.message.includes(part), `${part} is not in: ${error.message}`);
    }
  }
  if (typeof message === "string") {
    assert(error.message.includes(message), `${message} is not in: ${error.message}`);
  } else if (message) {
    assert(message.test(error.message), `${message} is not in: ${error.message}`);
  }
}

/** Waits for a rejection and checks it. */
export async function assertFails(
  promise: Promise<unknown>,
  wanted: Wanted,
): Promise<RpcError> {
  const error = await failure(promise);
  assertFailure(error, wanted);
  return error;
}
