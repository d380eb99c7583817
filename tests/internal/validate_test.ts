/** A number that makes no sense as an option is refused by name, before anything begins. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { dial } from "../../client.ts";
import { MultiServerDiscovery } from "../../discovery.ts";
import { DnsDiscovery } from "../../dns.ts";
import { EtcdDiscovery, EtcdRegistration } from "../../etcd.ts";
import { RpcError } from "../../errors.ts";
import { Server } from "../../server.ts";
import { MemoryNetwork } from "../../testing.ts";
import { XClient } from "../../xclient.ts";
import { aboveZero, atLeast, count, oneOf } from "../../internal/validate.ts";
import { assertFails, failure, inWorld } from "../support/helpers.ts";

const NO_SERVERS = new MultiServerDiscovery([]);
const NOT_POSITIVE = [0, -1, NaN];
const NEGATIVE = [-1, NaN];

type Make = (options: Record<string, unknown>) => unknown;

/** Each of the wrong values is refused by what `make` makes, and the message names the option. */
function refuses(make: Make, wrong: Record<string, readonly number[]>): void {
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      const [name, inner] = option.split(".");
      const options = { [name]: inner === undefined ? value : { [inner]: value } };
      const error = assertThrows(() => make(options), RangeError);
      assert(error.message.includes(inner ?? name), error.message);
      assert(error.message.endsWith(`, got ${value}`), error.message);
    }
  }
}

Deno.test("atLeast, aboveZero", () => {
  assertEquals([atLeast(1, "count", 1), atLeast(0, "ratio", 0)], [1, 0]);
  assertEquals(aboveZero("waitMs", Infinity), Infinity);
  assertThrows(() => atLeast(1, "count", 0.9), RangeError, "count must be at least 1, got 0.9");
  assertThrows(() => aboveZero("waitMs", 0), RangeError, "waitMs must be above 0, got 0");
});

Deno.test("count, oneOf", () => {
  assertEquals([count("most", 1), count("most", Infinity), count("most", 0, 0)], [1, Infinity, 0]);
  for (const value of [0, 2.5, NaN, -1]) {
    const message = `most must be a whole number of at least 1, got ${value}`;
    assertThrows(() => count("most", value), RangeError, message);
  }
  assertEquals(oneOf("mode", undefined, [undefined, "a", 4]), undefined);
  const message = 'mode must be one of "a", 4, got "b"';
  assertThrows(() => oneOf<unknown>("mode", "b", [undefined, "a", 4]), RangeError, message);
});

Deno.test("Server", () => {
  const wrong = {
    maxMessageBytes: NOT_POSITIVE,
    maxDepth: NOT_POSITIVE,
    maxInFlight: NOT_POSITIVE,
  };
  refuses((options) => new Server(options), wrong);
});

const CLIENT = {
  maxMessageBytes: NOT_POSITIVE,
  maxDepth: NOT_POSITIVE,
  maxInFlight: NOT_POSITIVE,
  connectTimeoutMs: NOT_POSITIVE,
  handleTimeoutMs: NEGATIVE,
};

Deno.test("dial", async () => {
  const network = new MemoryNetwork();
  for (const [option, values] of Object.entries(CLIENT)) {
    for (const value of values) {
      await assertRejects(() => dial("memory@a", { network, [option]: value }), RangeError, option);
    }
  }
});

Deno.test("a close that is refused has not closed anything", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const client = await world.dial(address);
    const xclient = new XClient(new MultiServerDiscovery([address]), { ...world });
    for (const each of [client, xclient]) {
      for (const graceMs of NEGATIVE) {
        await assertRejects(() => each.close({ graceMs }), RangeError, "graceMs");
      }
      assertEquals(await each.call("Gate.Echo", "still here"), "still here");
      await each.close();
    }
  }));

Deno.test("XClient", () => {
  refuses((options) => new XClient(NO_SERVERS, options), {
    ...CLIENT,
    maxAttempts: NOT_POSITIVE,
    "retryBudget.ratio": NEGATIVE,
    "retryBudget.perSecond": NEGATIVE,
    "hedgeBudget.ratio": NEGATIVE,
    "health.failuresInARow": NOT_POSITIVE,
    "health.minSuccessRate": NEGATIVE,
    "health.windowMs": NOT_POSITIVE,
    "health.minCalls": NEGATIVE,
    "health.ejectionMs": NOT_POSITIVE,
    "health.maxEjectionMs": NOT_POSITIVE,
    "liveness.silenceMs": NOT_POSITIVE,
    "liveness.pongMs": NOT_POSITIVE,
    "liveness.deadMs": NOT_POSITIVE,
  });
  const failMode = "fail over" as "failover";
  const error = assertThrows(() => new XClient(NO_SERVERS, { failMode }), RpcError);
  assertEquals(error.code, "invalid_argument");
  assert(error.message.startsWith('fail mode "fail over" is none of failover, failfast'));
});

Deno.test("a call with a wrong option is not sent, and other calls go on", () =>
  inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const xclient = new XClient(new MultiServerDiscovery([address]), { ...world });
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

Deno.test("DnsDiscovery, EtcdDiscovery, EtcdRegistration", () => {
  refuses((options) => new DnsDiscovery("dns@arith.example:9001", options), {
    minTtlMs: NEGATIVE,
    maxTtlMs: NOT_POSITIVE,
    defaultTtlMs: NOT_POSITIVE,
    requestTimeoutMs: NOT_POSITIVE,
  });
  const endpoints = "http://127.0.0.1:1";
  refuses((options) => new EtcdDiscovery("arith/", { endpoints, ...options }), {
    rereadMs: NOT_POSITIVE,
    requestTimeoutMs: NOT_POSITIVE,
  });
  refuses((options) => new EtcdRegistration("arith/", "tcp@a:1", { endpoints, ...options }), {
    ttlMs: [999, NaN],
    requestTimeoutMs: NOT_POSITIVE,
  });
});
