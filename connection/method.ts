/**
 * Methods that are checked by schemas: of zod, valibot, arktype, gob and every
 * other library that implements Standard Schema.
 *
 * @module
 */

import { checkedMethod, type Handler } from "./checked_method.ts";
import type { CallContext } from "./services.ts";
import { checkOptions, type Checks, wrongType } from "../internal/options.ts";
import type { StandardSchemaV1 } from "../internal/standard_schema.ts";
import type { InputOf } from "../internal/schema.ts";

export type { StandardSchemaV1 };

/**
 * What checks a method's argument and reply.
 *
 * @typeParam Args The type of the argument's schema.
 * @typeParam Reply The type of the reply's schema.
 * @typeParam Item The type of the schema of a reply's items.
 * @typeParam ArgsItem The type of the schema of an argument's items.
 */
export interface MethodOptions<
  Args extends StandardSchemaV1 = StandardSchemaV1,
  Reply extends StandardSchemaV1 = StandardSchemaV1,
  Item extends StandardSchemaV1 = StandardSchemaV1,
  ArgsItem extends StandardSchemaV1 = StandardSchemaV1,
> {
  /**
   * Checks the argument, and may change it: the handler gets what the schema
   * makes of it. Default: the argument may be anything.
   */
  args?: Args;
  /**
   * Checks the reply, and may change it: the caller gets what the schema makes
   * of it. Default: the reply may be anything.
   */
  reply?: Reply;
  /**
   * Checks each item of a reply that is a stream, and may change it. A reply that is none is
   * refused, as one is by `reply`. Default: items may be anything.
   */
  item?: Item;
  /**
   * Checks each item of an argument that is a stream, when the handler reads it, and may change it.
   * One that is refused ends the argument with an error, `invalid_argument`, that says which it is.
   * Default: items may be anything.
   */
  argsItem?: ArgsItem;
}

/** The type of a value that a schema accepts; `unknown` without a schema. */
export type AcceptedBy<S extends StandardSchemaV1> = [S] extends [never] ? unknown
  : S["~standard"]["vendor"] extends "@geerpc/xclient/gob" ? InputOf<S>
  : StandardSchemaV1.InferInput<S>;

/** The type of what a schema makes of a value. */
export type MadeBy<S extends StandardSchemaV1> = StandardSchemaV1.InferOutput<S>;

/**
 * A method that is checked, as a server registers it and as `Service` shows it
 * to clients.
 *
 * @typeParam Args The type of the argument, as a client gives it.
 * @typeParam Reply The type of the reply, as a client gets it.
 */
export type CheckedMethod<Args, Reply> = (
  args: Args,
  context: CallContext,
) => Reply | Promise<Reply>;

const METHOD_CHECKS: Checks<MethodOptions> = {
  args: aSchema,
  reply: aSchema,
  item: aSchema,
  argsItem: aSchema,
};

/**
 * Makes a method that is checked by schemas, to be registered among others.
 *
 * An argument that its schema refuses is `invalid_argument`, `rejected`: the
 * handler has not run. The message has the path of each issue, as
 * `Users.Find: args.id: expected a number`. A reply that its schema refuses is
 * not sent: the call fails as `internal`, and the server's `onError` is told
 * why. A check that takes time or throws is treated as the handler would be.
 *
 * A schema of gob also says the types on the wire.
 *
 * @typeParam Args The type of the argument's schema.
 * @typeParam Reply The type of the reply's schema.
 * @typeParam Value The type of what the handler returns.
 * @param options The schemas.
 * @param handler Gets what the schema makes of the argument, and the call's context.
 * @returns The method.
 * @throws {TypeError} If an option does not exist or is no schema, or the handler is no function.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { dial, method, Server } from "@geerpc/xclient";
 * import { z } from "npm:zod@4.6.7";
 *
 * const users = {
 *   Find: method({ args: z.object({ id: z.number() }) }, ({ id }) => ({ id, name: `user ${id}` })),
 * };
 * await using server = new Server();
 * server.register("Users", users);
 * const { address } = await server.listen("tcp@127.0.0.1:0");
 *
 * await using client = await dial(address);
 * const user = await client.service<typeof users>("Users").Find({ id: 7 });
 * assertEquals(user.name, "user 7");
 * ```
 */
export function method<
  Args extends StandardSchemaV1,
  Reply extends StandardSchemaV1 = never,
  Value extends AcceptedBy<Reply> = AcceptedBy<Reply>,
>(
  options: MethodOptions<Args, Reply, never, never> & { args: Args },
  handler: (args: MadeBy<Args>, context: CallContext) => Value | Promise<Value>,
): CheckedMethod<AcceptedBy<Args>, [Reply] extends [never] ? Value : MadeBy<Reply>>;
/**
 * Makes a method whose reply alone is checked.
 *
 * @typeParam Args The type of the argument.
 * @typeParam Reply The type of the reply's schema.
 * @typeParam Value The type of what the handler returns.
 * @param options The schema.
 * @param handler Gets the argument and the call's context.
 * @returns The method.
 * @throws {TypeError} If an option does not exist or is no schema, or the handler is no function.
 */
export function method<
  Args,
  Reply extends StandardSchemaV1 = never,
  Value extends AcceptedBy<Reply> = AcceptedBy<Reply>,
>(
  options: MethodOptions<never, Reply, never, never> & { args?: undefined },
  handler: (args: Args, context: CallContext) => Value | Promise<Value>,
): CheckedMethod<Args, [Reply] extends [never] ? Value : MadeBy<Reply>>;
/**
 * Makes a method that answers with a stream, whose items are checked.
 *
 * @typeParam Args The type of the argument's schema.
 * @typeParam Item The type of the schema of the items.
 * @param options The schemas.
 * @param handler Gets what the schema makes of the argument, and the call's context.
 * @returns The method.
 * @throws {TypeError} If an option does not exist or is no schema, or the handler is no function.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { dial, method, RpcError, Server } from "@geerpc/xclient";
 * import { z } from "npm:zod@4.6.7";
 *
 * const logs = {
 *   Tail: method(
 *     { args: z.object({ from: z.number() }), item: z.object({ line: z.string() }) },
 *     async function* ({ from }) {
 *       yield { line: `line ${from}` };
 *       yield { line: "the last one" };
 *     },
 *   ),
 * };
 * await using server = new Server();
 * server.register("Logs", logs);
 * const { address } = await server.listen("tcp@127.0.0.1:0");
 *
 * await using client = await dial(address);
 * for await (const { line } of client.stream<{ line: string }>("Logs.Tail", { from: 7 })) {
 *   console.log(line);
 * }
 * const wrong = client.stream("Logs.Tail", { from: "the start" });
 * await assertRejects(() => wrong.next(), RpcError, "args.from");
 * ```
 */
export function method<Args extends StandardSchemaV1, Item extends StandardSchemaV1>(
  options: MethodOptions<Args, never, Item, never> & { args: Args; item: Item },
  handler: (
    args: MadeBy<Args>,
    context: CallContext,
  ) => AsyncIterable<AcceptedBy<Item>> | Promise<AsyncIterable<AcceptedBy<Item>>>,
): CheckedMethod<AcceptedBy<Args>, AsyncIterable<MadeBy<Item>>>;
/**
 * Makes a method that answers with a stream, of which the items alone are checked.
 *
 * @typeParam Args The type of the argument.
 * @typeParam Item The type of the schema of the items.
 * @param options The schema.
 * @param handler Gets the argument and the call's context.
 * @returns The method.
 * @throws {TypeError} If an option does not exist or is no schema, or the handler is no function.
 */
export function method<Args, Item extends StandardSchemaV1>(
  options: MethodOptions<never, never, Item, never> & { args?: undefined; item: Item },
  handler: (
    args: Args,
    context: CallContext,
  ) => AsyncIterable<AcceptedBy<Item>> | Promise<AsyncIterable<AcceptedBy<Item>>>,
): CheckedMethod<Args, AsyncIterable<MadeBy<Item>>>;
/**
 * Makes a method whose argument is a stream, and its answer, too.
 *
 * @typeParam ArgsItem The type of the schema of the argument's items.
 * @typeParam Item The type of the schema of the answer's items.
 * @param options The schemas.
 * @param handler Gets what the schema makes of the argument's items, and the call's context.
 * @returns The method.
 * @throws {TypeError} If an option does not exist or is no schema, or the handler is no function.
 */
export function method<ArgsItem extends StandardSchemaV1, Item extends StandardSchemaV1>(
  options: MethodOptions<never, never, Item, ArgsItem> & { argsItem: ArgsItem; item: Item },
  handler: (
    args: AsyncIterable<MadeBy<ArgsItem>>,
    context: CallContext,
  ) => AsyncIterable<AcceptedBy<Item>> | Promise<AsyncIterable<AcceptedBy<Item>>>,
): CheckedMethod<AsyncIterable<AcceptedBy<ArgsItem>>, AsyncIterable<MadeBy<Item>>>;
/**
 * Makes a method whose argument is a stream of items that are checked.
 *
 * @typeParam ArgsItem The type of the schema of the items.
 * @typeParam Reply The type of the reply's schema.
 * @typeParam Value The type of what the handler returns.
 * @param options The schemas.
 * @param handler Gets what the schema makes of the items, and the call's context.
 * @returns The method.
 * @throws {TypeError} If an option does not exist or is no schema, or the handler is no function.
 */
export function method<
  ArgsItem extends StandardSchemaV1,
  Reply extends StandardSchemaV1 = never,
  Value extends AcceptedBy<Reply> = AcceptedBy<Reply>,
>(
  options: MethodOptions<never, Reply, never, ArgsItem> & { argsItem: ArgsItem },
  handler: (
    args: AsyncIterable<MadeBy<ArgsItem>>,
    context: CallContext,
  ) => Value | Promise<Value>,
): CheckedMethod<
  AsyncIterable<AcceptedBy<ArgsItem>>,
  [Reply] extends [never] ? Value : MadeBy<Reply>
>;
export function method(options: object, handler: unknown): unknown {
  checkOptions("method", options as MethodOptions, METHOD_CHECKS);
  if (typeof handler !== "function") throw wrongType("method: the handler", "a function", handler);
  return checkedMethod(options as MethodOptions, handler as Handler);
}

function aSchema(name: string, value: unknown): void {
  const isAny = typeof value === "object" && value !== null || typeof value === "function";
  const standard = isAny ? (value as Partial<StandardSchemaV1>)["~standard"] : undefined;
  if (typeof standard?.validate === "function") return;
  throw wrongType(name, "a schema that implements Standard Schema (zod, valibot, arktype)", value);
}
