/**
 * Errors of etcd, as the library's errors.
 *
 * @module
 */

import { errorText, type RpcCode, RpcError } from "../../errors.ts";
import { type JsonObject, objectIn } from "./encoding.ts";

/** How much of etcd's own text goes into an error, in characters. */
const LONGEST_TEXT = 1000;

/** gRPC's codes that every other endpoint of etcd would answer with too. */
const FINAL: Readonly<Record<number, RpcCode>> = {
  3: "invalid_argument",
  5: "not_found",
  7: "permission_denied",
  9: "invalid_argument",
  11: "data_loss",
  12: "unimplemented",
  16: "unauthenticated",
};
/**
 * How etcd says that a request lacks a token, or has one that is no longer good. Not
 * all of these have gRPC's code for it.
 */
const NO_TOKEN =
  /user name is empty|invalid auth token|revision (?:of auth store|in header) is old|auth store is old/;

/**
 * The error that an endpoint has answered with.
 *
 * @param endpoint The endpoint.
 * @param answer The body of its answer, or one line of a stream.
 * @returns The error; `unavailable` if another endpoint may answer otherwise.
 */
export function etcdError(endpoint: string, answer: JsonObject): RpcError {
  const inner = objectIn(answer, "error") ?? answer; // in a stream it is an object
  const code = Number(inner.grpc_code ?? inner.code);
  const text = String(inner.message ?? inner.error ?? "an error without a text");
  const isTokenWanted = NO_TOKEN.test(text);
  return failure(isTokenWanted ? "unauthenticated" : FINAL[code] ?? "unavailable", endpoint, text);
}

/**
 * The error of an endpoint that does not answer, or not as it should.
 *
 * @param endpoint The endpoint.
 * @param what What has happened.
 * @param cause The error behind it.
 * @returns `unavailable`.
 */
export function unavailable(endpoint: string, what: string, cause?: unknown): RpcError {
  return failure("unavailable", endpoint, what, cause);
}

/**
 * The error of an answer that is not as etcd's are.
 *
 * @param endpoint The endpoint.
 * @param error What reading it has thrown.
 * @returns `unavailable`; an error that already says what is wrong stays as it is.
 */
export function notUnderstood(endpoint: string, error: unknown): unknown {
  if (error instanceof RpcError) return error;
  return unavailable(endpoint, `this is no answer of etcd's: ${errorText(error)}`, error);
}

/**
 * Whether etcd does not know the lease or key that it was asked about.
 *
 * @param error Any error.
 */
export function isNotFound(error: unknown): boolean {
  return error instanceof RpcError && error.code === "not_found";
}

/**
 * Whether etcd wants a request to be made with another token.
 *
 * @param error Any error.
 */
export function isTokenWanted(error: unknown): boolean {
  return error instanceof RpcError && error.code === "unauthenticated";
}

/**
 * The error of an etcd that has users, where none was given.
 *
 * @param endpoint The endpoint.
 * @param error What it has answered.
 * @returns The same, with what to do.
 */
export function noUser(endpoint: string, error: unknown): RpcError {
  return new RpcError(
    "unauthenticated",
    `${errorText(error)} (it has users: hand one in with the options username and password)`,
    { address: endpoint, execution: "unknown", cause: error },
  );
}

function failure(code: RpcCode, endpoint: string, what: string, cause?: unknown): RpcError {
  return new RpcError(code, `etcd at ${endpoint}: ${what.slice(0, LONGEST_TEXT)}`, {
    address: endpoint,
    execution: "unknown",
    cause,
  });
}
