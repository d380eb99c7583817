/**
 * The items of a handler, asked for as part of the call that they answer.
 *
 * @module
 */

import { whenThere } from "../../internal/promise.ts";
import { serveWithin } from "../async_context.ts";
import type { CallContext } from "../services.ts";
import { isAsyncIterable } from "./stream.ts";

/**
 * Serves a call, so that the calls which its handler makes know it, also those that are made
 * between two items.
 *
 * @param context The call.
 * @param handle Serves it.
 * @returns What that returns; of a stream each item is asked for within the call.
 */
export function serveItemsWithin(context: CallContext, handle: () => unknown): unknown {
  return whenThere(
    serveWithin(context, handle),
    (result) => isAsyncIterable(result) ? itemsWithin(context, result) : result,
  );
}

function itemsWithin(
  context: CallContext,
  items: AsyncIterable<unknown>,
): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = serveWithin(context, () => items[Symbol.asyncIterator]());
      return {
        next: () => serveWithin(context, () => iterator.next()),
        return: (value) =>
          serveWithin(context, () =>
            iterator.return?.(value) ??
              Promise.resolve({ done: true as const, value: undefined })),
      };
    },
  };
}
