/** The types that calls of an `XClient` have: checked by the compiler, nothing is sent. */

import { gob } from "../gob.ts";
import type { FleetCallOptions } from "../fleet/call_options.ts";
import type { FanOutOptions } from "../fleet/fan_out.ts";
import type { Client } from "../client.ts";
import type { XClient } from "../xclient.ts";

/** Accepts only a type that is exactly `Expected`. */
function isExactly<Expected>() {
  return <Actual>(
    _: () => Promise<Actual>,
    ..._same: (<X>() => X extends Actual ? 1 : 2) extends (<X>() => X extends Expected ? 1 : 2) ? []
      : [never]
  ) => {};
}

Deno.test("a reply has the type that the caller or the schema gives, and else none", () => {
  const check = (xclient: XClient, client: Client | XClient, options: FleetCallOptions) => {
    const schema = { args: gob.int, reply: gob.string };
    isExactly<unknown>()(() => xclient.call("A.B"));
    isExactly<number>()(() => xclient.call<number>("A.B"));
    isExactly<number>()(() => xclient.call<number>("A.B", 1, options));
    isExactly<unknown>()(() => xclient.call("A.B", 1, options));
    isExactly<string>()(() => xclient.call("A.B", 1, { schema, timeoutMs: 5 }));
    isExactly<number>()(() => client.call<number>("A.B", 1, { timeoutMs: 5 }));
    // @ts-expect-error: the place where a reply goes does not give it a type
    const _call: Promise<number> = xclient.call("A.B");
    // @ts-expect-error: likewise
    const _broadcast: Promise<number> = xclient.broadcast("A.B");
    // @ts-expect-error: likewise
    const _fork: Promise<number> = xclient.fork("A.B");
    isExactly<string>()(() => xclient.broadcast("A.B", 1, { schema, quorum: 1 }));
    isExactly<string>()(() => xclient.fork("A.B", 1, { schema }));
    isExactly<number>()(() => xclient.fork<number>("A.B", 1, options as FanOutOptions));
  };
  void check;
});
