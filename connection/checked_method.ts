/**
 * A method whose argument and reply are checked by schemas. Its checks run as
 * part of its handler: what holds for handlers, as deadlines and errors, holds
 * for them.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import { isPromise, whenThere } from "../internal/promise.ts";
import type { StandardSchemaV1 } from "../internal/standard_schema.ts";
import { type AnySchema, GOB_VENDOR } from "../internal/schema.ts";
import { badReply } from "./bad_reply.ts";
import { issuesText } from "./issues.ts";
import { markMethod } from "./method_mark.ts";
import type { CallContext } from "./services.ts";
import { checkedItems } from "./streams/checked_items.ts";
import { isAsyncIterable } from "./streams/stream.ts";

type Validator = StandardSchemaV1.Props<unknown, unknown>;
type Result = StandardSchemaV1.Result<unknown>;
type Later<T> = T | PromiseLike<T>;

/** What answers the calls of a method. */
export type Handler = (this: unknown, args: unknown, context: CallContext) => unknown;

/** What checks a method's argument and reply. */
export interface Checked {
  /** Checks the argument. Without one it may be anything. */
  readonly args?: StandardSchemaV1;
  /** Checks the reply. Without one it may be anything. */
  readonly reply?: StandardSchemaV1;
  /** Checks each item of a reply that is a stream. Without one they may be anything. */
  readonly item?: StandardSchemaV1;
  /** Checks each item of an argument that is a stream. Without one they may be anything. */
  readonly argsItem?: StandardSchemaV1;
}

/**
 * Makes a method that is checked.
 *
 * @param schemas What checks it.
 * @param handler Gets what the schema has made of the argument.
 * @returns A method to register. It returns at once if neither checks nor handler take time.
 */
export function checkedMethod(schemas: Checked, handler: Handler): Handler {
  // Taken once: with some libraries each look makes an object.
  const args = schemas.args?.["~standard"];
  const reply = schemas.reply?.["~standard"];
  const item = schemas.item?.["~standard"];
  const argsItem = schemas.argsItem?.["~standard"];

  function method(this: unknown, value: unknown, context: CallContext): unknown {
    if (argsItem !== undefined) {
      return answer(this, checkedArgsItems(argsItem, value, context), context);
    }
    if (args === undefined) return answer(this, value, context);
    const result = checkArgs(args, value);
    if (!isPromise(result)) return answer(this, acceptedArgs(result, context), context);
    return Promise.resolve(result).then((result) => {
      const accepted = acceptedArgs(result, context);
      context.signal.throwIfAborted(); // nobody waits for the reply any more
      return answer(this, accepted, context);
    });
  }

  function answer(self: unknown, value: unknown, context: CallContext): unknown {
    const result = handler.call(self, value, context);
    if (reply === undefined && item === undefined) return result;
    return whenThere(result, (value) => {
      if (item !== undefined && isAsyncIterable(value)) {
        return checkedReplyItems(item, value, context);
      }
      if (reply === undefined) throw noItems(context);
      return whenThere(reply.validate(value), (result) => acceptedReply(result, context));
    });
  }

  const wire = { args: gobSchema(schemas.args), reply: gobSchema(schemas.reply) };
  markMethod(method, wire.args || wire.reply ? wire : {});
  return method;
}

/** Checks an argument. One that is null arrives as an absent one: it is tried as either. */
function checkArgs(validator: Validator, value: unknown): Later<Result> {
  const result = validator.validate(value);
  if (value !== undefined) return result;
  return whenThere(result, (absent) => {
    if (!absent.issues) return absent;
    return whenThere(validator.validate(null), (empty) => empty.issues ? absent : empty);
  });
}

function acceptedArgs(result: Result, context: CallContext): unknown {
  if (!result.issues) return result.value;
  const message = `${context.serviceMethod}: ${issuesText("args", result.issues)}`;
  throw context.reject(message, "invalid_argument");
}

function acceptedReply(result: Result, context: CallContext): unknown {
  if (!result.issues) return result.value;
  throw badReply(`${context.serviceMethod}: ${issuesText("reply", result.issues)}`);
}

function checkedArgsItems(item: Validator, args: unknown, context: CallContext): unknown {
  if (!isAsyncIterable(args)) {
    const message = `${context.serviceMethod}: args: expected a stream of items`;
    throw context.reject(message, "invalid_argument");
  }
  return checkedItems(args, item, (issues, index) => {
    const message = `${context.serviceMethod}: ${issuesText(`args[${index}]`, issues)}`;
    return new RpcError("invalid_argument", message);
  });
}

function noItems(context: CallContext): RpcError {
  return badReply(`${context.serviceMethod}: reply: expected a stream of items`);
}

function checkedReplyItems(
  item: Validator,
  reply: AsyncIterable<unknown>,
  context: CallContext,
): unknown {
  return checkedItems(reply, item, (issues, index) => {
    return badReply(`${context.serviceMethod}: ${issuesText(`item[${index}]`, issues)}`);
  });
}

/** A schema of gob says the type on the wire, too. */
function gobSchema(schema: StandardSchemaV1 | undefined): AnySchema | undefined {
  return schema?.["~standard"].vendor === GOB_VENDOR ? schema as AnySchema : undefined;
}
