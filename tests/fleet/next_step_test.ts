/** What a call does next when an attempt has failed, as tables. */

import { assertEquals } from "@std/assert";
import { type Execution, type RpcCode, RpcError, TimeoutError } from "../../errors.ts";
import { FailMode } from "../../fleet/fail_mode.ts";
import {
  isLasting,
  mayDialElsewhere,
  mayRepeat,
  mayRepeatAfter,
  type NextStep,
  nextStep,
  type Situation,
} from "../../fleet/next_step.ts";

const executions: Execution[] = ["not_sent", "rejected", "unknown", "answered"];
const codes: RpcCode[] = [
  "canceled",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "permission_denied",
  "unauthenticated",
  "resource_exhausted",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unknown",
];

Deno.test("what is certain decides: each code and execution", () => {
  for (const code of codes) {
    const isFinal = [
      "canceled",
      "invalid_argument",
      "unimplemented",
      "unauthenticated",
      "permission_denied",
    ].includes(code);
    for (const idempotent of [false, true]) {
      const may = executions.map((execution) => mayRepeat({ code, execution }, idempotent));
      assertEquals(may, [
        !isFinal,
        !isFinal,
        idempotent && code !== "canceled",
        false,
      ], `${code}, ${idempotent}`);
    }
  }
});

Deno.test("what may have run is never repeated against the caller's will", () => {
  for (const code of codes) {
    assertEquals(mayRepeat({ code, execution: "unknown" }, false), false);
    assertEquals(mayRepeat({ code, execution: "answered" }, true), false);
  }
});

Deno.test("what is none of our errors, or too long to be sent anywhere, is not repeated", () => {
  const error = (code: RpcCode, cause?: unknown) =>
    new RpcError(code, "", { execution: "not_sent", ...(cause === undefined ? {} : { cause }) });
  const table: readonly [error: unknown, may: boolean][] = [
    [error("unavailable"), true],
    [error("resource_exhausted"), true], // the client's limit of calls in flight
    [error("resource_exhausted", error("resource_exhausted")), false], // the argument's length
    [error("invalid_argument"), false],
    [new TimeoutError("late"), false],
    [new Error("the caller's own"), false],
    ["text", false],
    [undefined, false],
  ];
  for (const [thrown, may] of table) assertEquals(mayRepeatAfter(thrown, true), may, `${thrown}`);
});

Deno.test("a dial that failed: elsewhere, unless the client is closed; lasting is what is no outage", () => {
  const error = (code: RpcCode) => new RpcError(code, "", { execution: "not_sent" });
  const table: readonly [error: unknown, may: boolean, lasts: boolean][] = [
    [error("unavailable"), true, false],
    [error("invalid_argument"), true, true],
    [error("canceled"), false, false],
    [new TypeError("a network of the caller's own"), true, true],
  ];
  for (const [thrown, may, lasts] of table) {
    assertEquals([mayDialElsewhere(thrown), isLasting(thrown)], [may, lasts], `${thrown}`);
  }
});

Deno.test("the next step: each row holds whatever it leaves open", () => {
  const all: Readonly<Record<keyof Situation, readonly unknown[]>> = {
    mayRepeat: [false, true],
    failMode: Object.values(FailMode),
    isBackingOff: [false, true],
    others: ["none", "stalled", "alive"],
    hasBudget: [false, true],
    hasUntried: [false, true],
    isLasting: [false, true],
    isUnexpected: [false, true],
    isNoRoom: [false, true],
  };
  const go = { mayRepeat: true, isBackingOff: false } as const;
  const paid = { ...go, hasBudget: true } as const;
  // Of two rows that fit, the first holds.
  const rows: readonly [Partial<Situation>, NextStep][] = [
    [{ mayRepeat: false }, "settle"],
    [{ isBackingOff: true }, "wait"],
    [{ others: "alive" }, "wait"],
    [{ isUnexpected: true }, "pick anew"], // no budget, no fail mode: it has cost nothing
    [{ ...go, failMode: FailMode.Failfast, others: "none" }, "settle"],
    [{ ...go, failMode: FailMode.Failfast, others: "stalled" }, "wait"],
    [{ ...go, hasBudget: false, others: "none" }, "settle"],
    [{ ...go, hasBudget: false, others: "stalled" }, "wait"],
    [{ ...paid, failMode: FailMode.Failtry, isLasting: false }, "try the same later"],
    [{ ...paid, failMode: FailMode.Failtry, others: "none" }, "settle"],
    [{ ...paid, failMode: FailMode.Failtry, others: "stalled" }, "wait"],
    [{ ...paid, hasUntried: true }, "try elsewhere"],
    [{ ...paid, isLasting: false, isNoRoom: false }, "try later"],
    [{ ...paid, others: "none" }, "settle"],
    [{ ...paid, others: "stalled" }, "wait"],
  ];
  let situations: Partial<Situation>[] = [{}];
  for (const [name, values] of Object.entries(all)) {
    situations = situations.flatMap((known) =>
      values.map((value) => ({ ...known, [name]: value }))
    );
  }
  assertEquals(situations.length, 1536);
  for (const situation of situations as Situation[]) {
    const [, step] = rows.find(([row]) =>
      Object.entries(row).every(([name, value]) => situation[name as keyof Situation] === value)
    )!;
    assertEquals(nextStep(situation), step, JSON.stringify(situation));
  }
});
