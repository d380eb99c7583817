/**
 * Which errors of a source or a registration stay until someone does something.
 *
 * @module
 */

import { type RpcCode, RpcError } from "../errors.ts";
import { isMisconfigured } from "./http.ts";

const LASTING: readonly RpcCode[] = [
  "invalid_argument",
  "permission_denied",
  "unauthenticated",
  "unimplemented",
];

/**
 * Whether an error does not heal by itself: an address, a user or a password is
 * refused, or a certificate is not trusted.
 *
 * @param error What was thrown.
 * @returns `true` if trying again is of no use. Of several errors, if that holds for each.
 */
export function isLasting(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isLasting);
  if (!(error instanceof RpcError)) return isMisconfigured(error);
  return LASTING.includes(error.code) || isLasting(error.cause);
}
