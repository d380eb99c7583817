/** The types that follow from the schemas of a method: checked by the compiler, nothing is sent. */

import {
  type AcceptedBy,
  type CallContext,
  type CallOptions,
  type MadeBy,
  method,
  type Service,
} from "../mod.ts";
import { gob } from "../gob.ts";
import { type, v, z } from "./support/validators.ts";

/** Compiles if the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** What a client passes to a method, and gets. */
type ArgsOf<M> = M extends (args: infer Args, options?: CallOptions) => unknown ? Args : never;
type ReplyOf<M extends (...args: never[]) => unknown> = Awaited<ReturnType<M>>;

/** Accepts the type of a handler's parameter only if it is exactly this one. */
function isExactly<Expected>() {
  return <Actual>(
    _value: Actual,
    ..._same: Same<Actual, Expected> extends true ? [] : [never]
  ) => {};
}

Deno.test("the handler has what schemas make, its reply what they accept, clients the other way round", () => {
  const zodText = z.string().transform((text) => text.length);
  const users = {
    Zod: method(
      { args: z.object({ id: z.number(), limit: z.number().default(10) }), reply: zodText },
      (args, ctx) => {
        isExactly<{ id: number; limit: number }>()(args);
        isExactly<CallContext>()(ctx);
        return "three";
      },
    ),
    Valibot: method(
      {
        args: v.object({
          id: v.pipe(v.string(), v.transform(Number)),
          tag: v.optional(v.string()),
        }),
        reply: v.array(v.number()),
      },
      async (args) => {
        isExactly<{ id: number; tag?: string | undefined }>()(args);
        return await Promise.resolve([args.id]);
      },
    ),
    ArkType: method({ args: type({ id: "number", "name?": "string" }) }, (args) => {
      isExactly<{ id: number; name?: string }>()(args);
      return args.name;
    }),
    Gob: method(
      { args: gob.struct({ N: gob.int32, At: gob.time }), reply: gob.time },
      (args) => {
        isExactly<{ N: number; At: Date }>()(args);
        return args.At;
      },
    ),
    Optional: method({ args: z.string().optional() }, (name = "world") => `hello ${name}`),
    ReplyOnly: method({ reply: z.string() }, (args: { id: number }) => `${args.id}`),
    Neither: method({}, (_args: number, ctx) => ctx.remote),
    Literal: method(
      { args: z.number(), reply: z.enum(["even", "odd"]) },
      (n) => n % 2 ? "odd" : "even",
    ),
    NoArgs: method({ reply: z.number() }, () => 1),
  };
  type View = Service<typeof users>;
  const checks: true[] = [
    true satisfies Same<ArgsOf<View["Zod"]>, { id: number; limit?: number | undefined }>,
    true satisfies Same<ReplyOf<View["Zod"]>, number>,
    true satisfies Same<ArgsOf<View["Valibot"]>, { id: string; tag?: string | undefined }>,
    true satisfies Same<ReplyOf<View["Valibot"]>, number[]>,
    true satisfies Same<ArgsOf<View["ArkType"]>, { id: number; name?: string }>,
    true satisfies Same<ReplyOf<View["ArkType"]>, string | undefined>,
    true satisfies Same<ReplyOf<View["Gob"]>, Date>,
    true satisfies Same<ReplyOf<View["Optional"]>, string>,
    true satisfies Same<ArgsOf<View["ReplyOnly"]>, { id: number }>,
    true satisfies Same<ReplyOf<View["ReplyOnly"]>, string>,
    true satisfies Same<ArgsOf<View["Neither"]>, number>,
    true satisfies Same<ReplyOf<View["Neither"]>, string>,
    true satisfies Same<ReplyOf<View["Literal"]>, "even" | "odd">,
    true satisfies Same<ReplyOf<View["NoArgs"]>, number>,
    true satisfies Same<ArgsOf<View["Gob"]>["N"], number | bigint>,
    true satisfies Same<MadeBy<typeof zodText>, number>,
    true satisfies Same<AcceptedBy<typeof zodText>, string>,
  ];
  void checks;
  const check = (view: View) => {
    view.Optional();
    view.NoArgs();
    view.Zod({ id: 1 }, { timeoutMs: 5 });
    // @ts-expect-error: the argument may not be left out
    view.Zod();
    // @ts-expect-error: the schema makes a number of it, and accepts a string
    view.Valibot({ id: 1 });
  };
  void check;
});

Deno.test("a handler whose reply the schema does not accept is an error of the compiler", () => {
  const check = () => {
    // @ts-expect-error: the reply is a number
    method({ args: z.string(), reply: z.number() }, (text) => text);
    // @ts-expect-error: the reply is a number, also later
    method({ reply: z.number() }, () => Promise.resolve("1"));
    // @ts-expect-error: the argument is a string
    method({ args: z.string() }, (text: number) => text);
    // @ts-expect-error: there is no such option
    method({ arg: z.string() }, () => 1);
  };
  void check;
});
