/**
 * The items of a stream, each checked by a schema.
 *
 * @module
 */

import { whenThere } from "../../internal/promise.ts";
import type { StandardSchemaV1 } from "../../internal/standard_schema.ts";

type Validator = StandardSchemaV1.Props<unknown, unknown>;
type Issues = readonly StandardSchemaV1.Issue[];
type Result = IteratorResult<unknown>;

/**
 * Checks each item when it is read.
 *
 * @param items The items.
 * @param schema Checks one, and may change it.
 * @param refused Makes the error of an item that is refused, by its number from 0; the iterator of
 * the items is told that no more are wanted.
 * @returns What the schema makes of them.
 */
export function checkedItems(
  items: AsyncIterable<unknown>,
  schema: Validator,
  refused: (issues: Issues, index: number) => Error,
): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = items[Symbol.asyncIterator]();
      let index = 0;
      const checked = async (result: Result): Promise<Result> => {
        if (result.done) return result;
        const made = await whenThere(schema.validate(result.value), (made) => made);
        if (made.issues === undefined) {
          index++;
          return { done: false, value: made.value };
        }
        await iterator.return?.();
        throw refused(made.issues, index);
      };
      return {
        next: async () => await checked(await iterator.next()),
        return: async (value?: unknown) => {
          await iterator.return?.();
          return { done: true, value };
        },
      };
    },
  };
}
