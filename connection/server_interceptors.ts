/**
 * Interceptors of a server, around the handlers of its services.
 *
 * @module
 */

import type { ServerCall, ServerInterceptors } from "./interceptor.ts";
import { activityOf, type Layer, layersOf, runLayers } from "../internal/layers.ts";
import { settlingOnce } from "../internal/promise.ts";
import { Repeats } from "../internal/repeats.ts";
import { isRejectionOf } from "./running_call.ts";
import type { CallContext, Handle } from "./services.ts";
import { serveItemsWithin } from "./streams/served_items.ts";

/**
 * Puts the interceptors of a service around its methods.
 *
 * @param interceptors The server's and the service's, the outermost first.
 * @param hasContext Whether handlers are to be found by the calls that are made in them.
 * @returns What is done to each method; `undefined` if that is nothing.
 */
export function aroundMethods(
  interceptors: ServerInterceptors,
  hasContext: boolean,
): ((service: string, method: string, handle: Handle) => Handle) | undefined {
  const layers = layersOf<ServerCall>(interceptors, "handle");
  if (layers.length === 0 && !hasContext) return undefined;
  const isActive = activityOf(interceptors);
  return (service, method, handle) => {
    const around = intercepted(layers, service, method, handle);
    const inner: Handle = layers.length === 0
      ? handle
      : (args, context) => isActive() ? around(args, context) : handle(args, context);
    if (!hasContext) return inner;
    return (args, context) => serveItemsWithin(context, () => inner(args, context));
  };
}

function intercepted(
  layers: readonly Layer<ServerCall>[],
  service: string,
  method: string,
  handle: Handle,
): Handle {
  const serviceMethod = `${service}.${method}`;
  return (args: unknown, context: CallContext) => {
    const call: ServerCall = { serviceMethod, service, method, args, context };
    // A server does not know who is idempotent: only the handler can say that it did nothing.
    const rules = { serviceMethod, idempotent: false };
    const repeats = new Repeats(rules, (error) => isRejectionOf(error, context));
    return runLayers(layers, call, () => repeats.run(() => settled(handle, call)));
  };
}

function settled(handle: Handle, { args, context }: ServerCall): Promise<unknown> {
  try {
    return settlingOnce(handle(args, context));
  } catch (error) {
    return Promise.reject(error);
  }
}
