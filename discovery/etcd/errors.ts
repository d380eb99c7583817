/**
 * Errors of etcd, as the library's errors.
 *
 * @module
 */

import { type RpcCode, RpcError } from "../../errors.ts";
import { type JsonObject, objectIn } from "./encoding.ts";

/** gRPC's codes that every other endpoint of etcd would answer with too. */
const FINAL: Readonly<Record<number, RpcCode>> = {
  3: "invalid_argument",
  5: "not_found",
  7: "permission_denied",
  9: "invalid_argument",
  11: "data_loss",
  12: "unimplemented",
  16: "permission_denied",
};

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
  return failure(FINAL[code] ?? "unavailable", endpoint, text);
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
 * Whether etcd does not know the lease or key that it was asked about.
 *
 * @param error Any error.
 */
export function isNotFound(error: unknown): boolean {
  return error instanceof RpcError && error.code === "not_found";
}

/**
 * Whether etcd has refused the token of a request.
 *
 * @param error Any error.
 */
export function isTokenRefused(error: unknown): boolean {
  return error instanceof RpcError && /invalid auth token|auth store is old/.test(error.message);
}

function failure(code: RpcCode, endpoint: string, what: string, cause?: unknown): RpcError {
  return new RpcError(code, `etcd at ${endpoint}: ${what}`, {
    address: endpoint,
    execution: "unknown",
    cause,
  });
}
