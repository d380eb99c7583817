/**
 * What a server does that tells nobody which methods it has before its
 * interceptors have let a call through: calls of methods that do not exist, and
 * those whose argument can't be decoded, pass them like any other.
 *
 * @module
 */

import type { RpcCode, RpcError } from "../errors.ts";
import { splitName } from "../internal/method_name.ts";
import { PING_METHOD } from "../protocol/unknown_method.ts";

/** The part of a call's context that is needed here. */
interface Rejecting {
  reject(message: string, code: RpcCode): RpcError;
}

/** Runs a method. */
type Handle<C> = (args: unknown, context: C) => unknown;

/** Names that begin so are the library's own: nobody can register them. */
const RESERVED = "_xclient.";

/** Puts interceptors around a method. */
export type Around<C> = (service: string, method: string, handle: Handle<C>) => Handle<C>;

/** Stands for the argument of a call that can't be decoded as its method wants it. */
export class RefusedArgument {
  /**
   * @param code What its call is rejected with.
   * @param message Why.
   */
  constructor(readonly code: RpcCode, readonly message: string) {}
}

/**
 * Runs a method, or rejects a call whose argument can't be decoded, within the
 * interceptors either way.
 *
 * @param around The interceptors.
 * @param service The name of the service.
 * @param method The name of the method.
 * @param handle Runs it.
 * @returns What runs in its place.
 */
export function guarded<C extends Rejecting>(
  around: Around<C>,
  service: string,
  method: string,
  handle: Handle<C>,
): Handle<C> {
  const inner = around(service, method, handle);
  return (args, context) => {
    if (!(args instanceof RefusedArgument)) return inner(args, context);
    const { code, message } = args;
    const refuse: Handle<C> = () => {
      throw context.reject(message, code);
    };
    return around(service, method, refuse)(undefined, context);
  };
}

/**
 * What stands for a method that does not exist.
 *
 * @param around The interceptors.
 * @param serviceMethod The name by which it was called.
 * @param why Why there is none.
 * @returns A method that rejects every call; `undefined` for the one that asks for a sign of life,
 * and for those of the library's own service, which the server looks up elsewhere.
 */
export function missingMethod<C extends Rejecting>(
  around: Around<C>,
  serviceMethod: string,
  why: string,
): { serviceMethod: string; handle: Handle<C> } | undefined {
  if (serviceMethod === PING_METHOD || serviceMethod.startsWith(RESERVED)) return undefined;
  const { service, method } = splitName(serviceMethod);
  const handle = guarded(around, service, method, (_args, context: C) => {
    throw context.reject(why, "unimplemented");
  });
  return { serviceMethod, handle };
}
