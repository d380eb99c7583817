/** A call or a close with a number that makes no sense is refused before anything begins. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { MultiServerDiscovery } from "../../discovery.ts";
import { aboveZero, atLeast } from "../../internal/validate.ts";
import { XClient } from "../../xclient.ts";
import { assertFails, failure, inWorld } from "../support/helpers.ts";

const NOT_POSITIVE = [0, -1, NaN];
const NEGATIVE = [-1, NaN];

Deno.test("atLeast, aboveZero", () => {
  assertEquals([atLeast(1, "count", 1), atLeast(0, "ratio", 0)], [1, 0]);
  assertEquals(aboveZero("waitMs", Infinity), Infinity);
  assertThrows(() => atLeast(1, "count", 0.9), RangeError, "count must be at least 1, got 0.9");
  assertThrows(() => aboveZero("waitMs", 0), RangeError, "waitMs must be above 0, got 0");
});

Deno.test("a close that is refused has not closed anything", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const xclient = new XClient(new MultiServerDiscovery([address]), world.options);
    for (const each of [client, xclient]) {
      for (const graceMs of NEGATIVE) {
        await assertRejects(() => each.close({ graceMs }), RangeError, "graceMs");
      }
      assertEquals(await each.call("Gate.Echo", "still here"), "still here");
      await each.close();
    }
  }));

Deno.test("a call with a wrong option is not sent, and other calls go on", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const xclient = new XClient(new MultiServerDiscovery([address]), world.options);
    for (const value of NOT_POSITIVE) {
      const error = await failure(xclient.call("Gate.Wait", 1, { maxAttempts: value }));
      assert(error instanceof RangeError && error.message.includes("maxAttempts"));
    }
    for (const value of NEGATIVE) {
      const options = { hedgeAfterMs: value, failMode: "failbackup", idempotent: true } as const;
      const error = await failure(xclient.call("Gate.Wait", 1, options));
      assert(error instanceof RangeError && error.message.includes("hedgeAfterMs"));
    }
    const failMode = "none" as "failfast";
    const code = "invalid_argument";
    await assertFails(xclient.call("Gate.Wait", 1, { failMode, timeoutMs: 10 }), { code });
    assertEquals(gate.begun.length, 0);
    assertEquals(await xclient.call("Gate.Echo", "fine"), "fine");
    await xclient.close();
  }));
