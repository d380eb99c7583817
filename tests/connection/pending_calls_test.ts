import { assert, assertEquals } from "@std/assert";
import { type RpcError, TimeoutError } from "../../errors.ts";
import { PendingCall, PendingCalls } from "../../connection/pending_calls.ts";
import { FakeClock, seededRandom } from "../../testing.ts";
import { assertFailure, between } from "../support/helpers.ts";

function table() {
  const clock = new FakeClock();
  const abandoned: number[] = [];
  const empties = { count: 0 };
  const calls = new PendingCalls(
    "tcp@a:1",
    clock,
    { abandoned: (seq) => void abandoned.push(seq), emptied: () => void empties.count++ },
  );
  const outcomes: [number, string, unknown][] = [];
  const add = (seq: number, timeoutMs?: number, signal?: AbortSignal) => {
    const call = new PendingCall(calls, seq, "S.M", {
      resolve: (value) => void outcomes.push([seq, "resolve", value]),
      reject: (error) => void outcomes.push([seq, "reject", error]),
    });
    calls.add(call);
    if (timeoutMs !== undefined && timeoutMs < Infinity) call.limit(timeoutMs);
    if (signal !== undefined) call.abortOn(signal);
    return call;
  };
  return { clock, calls, abandoned, empties, outcomes, add };
}

Deno.test("a reply takes its call out, and leaves nothing", () => {
  const { clock, calls, abandoned, empties, outcomes, add } = table();
  const controller = new AbortController();
  add(1, 100, controller.signal);
  add(2);
  assertEquals(calls.size, 2);
  calls.take(1)!.resolve("one");
  assertEquals([calls.size, empties.count, calls.take(1)], [1, 0, undefined]);
  controller.abort();
  calls.take(2)!.fail("unknown", "boom", "answered");
  assertEquals([calls.size, empties.count, abandoned], [0, 1, []]);
  assertEquals(outcomes.map(([seq, how]) => [seq, how]), [[1, "resolve"], [2, "reject"]]);
  const error = outcomes[1][2] as Error;
  assertFailure(error, { code: "unknown", execution: "answered", address: "tcp@a:1" });
  assertEquals(error.message, "boom");
  calls.failAll("unavailable", "over", undefined);
  assertEquals(clock.timers, 0);
});

Deno.test("a reply that can't be decoded names the place", () => {
  const { calls, outcomes, add } = table();
  add(1);
  calls.take(1)!.failDecode("data_loss", "unreadable", "cause");
  const error = outcomes[0][2] as RpcError;
  assertFailure(error, { code: "data_loss", execution: "answered", serviceMethod: "S.M" });
  assertEquals([error.message, error.cause], ["S.M at tcp@a:1: unreadable", "cause"]);
});

Deno.test("failAll: what was handed over may have run, the rest was not sent", () => {
  const { clock, calls, abandoned, empties, outcomes, add } = table();
  const { signal } = new AbortController();
  for (let seq = 1; seq <= 2; seq++) add(seq, 100, signal);
  calls.handOver();
  for (let seq = 3; seq <= 4; seq++) add(seq, 100, signal);
  calls.failAll("unavailable", "gone", "cause");
  assertEquals(
    outcomes.map(([seq, , error]) => [seq, (error as RpcError).execution]),
    [[1, "unknown"], [2, "unknown"], [3, "not_sent"], [4, "not_sent"]],
  );
  assertEquals([calls.size, clock.timers, abandoned], [0, 0, []]);
  assert(empties.count > 0);
});

Deno.test("a settler that calls anew while all fail is not failed with them", () => {
  const { calls, outcomes, add } = table();
  const call = new PendingCall(calls, 1, "S.M", { resolve() {}, reject: () => void add(2) });
  calls.add(call);
  calls.failAll("unavailable", "gone", undefined);
  assertEquals([calls.size, outcomes.length], [1, 0]);
});

Deno.test("at random: each call is settled once, by what came first", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed);
    const { clock, calls, abandoned, outcomes, add } = table();
    const model = new Map<number, { dueAt: number; signal: number }>();
    const controllers = Array.from({ length: 3 }, () => new AbortController());
    const expected = new Map<number, string>();
    const expectedAbandoned: number[] = [];
    for (let seq = 1; seq <= 100; seq++) {
      const timeoutMs = random() < 0.5 ? between(random, 1, 20) : undefined;
      const which = between(random, 0, 3);
      const controller = controllers[which];
      const signal = controller?.signal.aborted ? undefined : controller?.signal;
      add(seq, timeoutMs, signal);
      model.set(seq, {
        dueAt: timeoutMs === undefined ? Infinity : clock.now() + timeoutMs,
        signal: signal === undefined ? -1 : which,
      });
      const choice = random();
      if (choice < 0.4) {
        const replied = between(random, 1, seq);
        const call = calls.take(replied);
        assertEquals(call !== undefined, model.has(replied));
        call?.resolve(replied);
        if (model.delete(replied)) expected.set(replied, "resolve");
      } else if (choice < 0.6) {
        await clock.advance(between(random, 1, 5));
        for (const [late, { dueAt }] of model) {
          if (dueAt > clock.now()) continue;
          model.delete(late);
          expected.set(late, "TimeoutError");
          expectedAbandoned.push(late);
        }
      } else if (choice < 0.62) {
        const aborted = between(random, 0, 2);
        controllers[aborted].abort(`signal ${aborted}`);
        for (const [gone, { signal }] of model) {
          if (signal !== aborted) continue;
          model.delete(gone);
          expected.set(gone, `signal ${aborted}`);
          expectedAbandoned.push(gone);
        }
      }
      assertEquals(calls.size, model.size);
    }
    const seen = outcomes.map(([seq, how, value]): [number, string] => [
      seq,
      how === "resolve" ? how : value instanceof TimeoutError ? value.name : String(value),
    ]);
    assertEquals(seen.length, expected.size, "settled twice, or not");
    assertEquals(
      new Map(seen.sort(([a], [b]) => a - b)),
      new Map([...expected].sort(([a], [b]) => a - b)),
    );
    const sorted = (list: number[]) => [...list].sort((a, b) => a - b);
    assertEquals(sorted(abandoned), sorted(expectedAbandoned));
    calls.failAll("canceled", "over", undefined);
    assertEquals(clock.timers, 0);
  }
});
