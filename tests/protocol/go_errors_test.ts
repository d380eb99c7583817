import { assertEquals } from "@std/assert";
import {
  DRAINING,
  needsCode,
  netRpcText,
  NOT_RUN,
  refusesSomeMethod,
  retryAfterIn,
  retryAfterText,
  verdictIn,
  verdictOf,
} from "../../protocol/go_errors.ts";
import { answersUnreadArgument, leavesArgumentUnread } from "../../protocol/unknown_method.ts";

const REFUSED = ["unimplemented", "rejected"];
const OWN = ["unknown", "answered"];

Deno.test("verdictOf: what each text means for a call of Arith.Sum", () => {
  const table: [string, string[]][] = [
    ["rpc: can't find service Arith.Sum", REFUSED],
    ["rpc: can't find method Arith.Sum", REFUSED],
    ["rpc: service/method request ill-formed: Arith.Sum", REFUSED],
    ["rpc server: can't find service Arith", REFUSED],
    ["rpc server: can't find method Sum", REFUSED],
    ["rpc server: service/method request ill-formed: Arith.Sum", REFUSED],
    [DRAINING, ["unavailable", "rejected"]],
    [`${NOT_RUN}it waited 10000 ms`, ["resource_exhausted", "rejected"]],
    ["rpc server: request handle timeout: expect within 1s", ["deadline_exceeded", "answered"]],
    ["rpc server: unauthenticated: who?", ["unauthenticated", "rejected"]],
    ["rpc server: permission denied: no", ["permission_denied", "rejected"]],
    ["rpc server: unauthenticated", OWN],
    ["rpc: permission denied: no", OWN],
    ["permission denied: no", OWN],
    // Of another method, by the wrong part of the name, or in other words: a handler's own error.
    ["rpc: can't find service Arith", OWN],
    ["rpc: can't find method Sum", OWN],
    ["rpc server: can't find service Arith.Sum", OWN],
    ["rpc server: can't find method Arith.Sum", OWN],
    ["rpc server: can't find method Mul", OWN],
    ["rpc server: can't find method Sum: really", OWN],
    ["oops: rpc server: can't find method Sum", OWN],
    ["can't find method Sum", OWN],
    ["rpc server: the server is draining", OWN],
    ["rpc server: ", OWN],
    ["", OWN],
  ];
  for (const [text, expected] of table) {
    const { code, execution } = verdictOf(text, "Arith.Sum");
    assertEquals([code, execution], expected, text);
  }
  assertEquals(verdictOf("rpc server: can't find service ", "NoDot").code, "unimplemented");
  assertEquals(verdictOf("rpc server: can't find service a.b", "a.b.C").code, "unimplemented");
});

Deno.test("refusesSomeMethod: GeeRPC's refusals, whatever they name", () => {
  for (
    const what of [
      "can't find service A",
      "can't find method A",
      "service/method request ill-formed: A",
    ]
  ) {
    assertEquals(refusesSomeMethod(`rpc server: ${what}`), true);
    assertEquals(refusesSomeMethod(what), false);
    assertEquals(refusesSomeMethod(`rpc: ${what}`), false);
    assertEquals(refusesSomeMethod(`oops: rpc server: ${what}`), false);
  }
  assertEquals(
    refusesSomeMethod("rpc server: request handle timeout: expect within 1s"),
    false,
  );
  assertEquals(refusesSomeMethod(""), false);
});

Deno.test("verdictIn: the fields of our own server count before the text", () => {
  const refusal = "rpc server: can't find method Sum";
  const table: [Record<string, unknown>, string[]][] = [
    [{ Error: refusal }, REFUSED],
    [{ Error: refusal, Code: "", Rejected: false }, REFUSED],
    [{ Error: refusal, Code: "unknown" }, OWN],
    [{ Error: refusal, Code: "unavailable", Rejected: true }, ["unavailable", "rejected"]],
    [{ Error: "no", Rejected: true }, REFUSED],
    [{ Error: "no", Code: "not_found" }, ["not_found", "answered"]],
    [{ Error: "no", Code: "made_up" }, OWN],
    [{ Error: "no", Code: "made_up", Rejected: true }, ["unknown", "rejected"]],
    [{ Error: "no", Code: 7, Rejected: "yes" }, OWN],
  ];
  for (const [header, expected] of table) {
    const { code, execution } = verdictIn(header as { Error: string }, "Arith.Sum");
    assertEquals([code, execution], expected, JSON.stringify(header));
  }
});

Deno.test("an error is written so that a client takes it for what it is", () => {
  const failure = (message: string, rejected: boolean) =>
    ({ code: "unknown", message, rejected }) as const;
  const table: [string, boolean, string, boolean][] = [
    ["no", false, "no", false],
    ["rpc server: can't find service Arith", true, "rpc: can't find service Arith.Sum", true],
    ["rpc server: can't find method Sum", true, "rpc: can't find method Arith.Sum", true],
    [
      "rpc server: service/method request ill-formed: Arith.Sum",
      true,
      "rpc: service/method request ill-formed: Arith.Sum",
      true,
    ],
    [DRAINING, true, DRAINING, true],
    [DRAINING, false, `the handler failed: ${DRAINING}`, true],
    [
      "rpc: can't find method Arith.Sum",
      false,
      "the handler failed: rpc: can't find method Arith.Sum",
      true,
    ],
  ];
  for (const [message, rejected, text, isCodeNeeded] of table) {
    assertEquals(netRpcText(failure(message, rejected), "Arith.Sum"), text);
    assertEquals(needsCode(failure(message, rejected), "Arith.Sum"), isCodeNeeded, message);
  }
  assertEquals(needsCode({ ...failure("no", false), code: "not_found" }, "Arith.Sum"), true);
  const denied = (message: string, rejected: boolean) =>
    netRpcText({ ...failure(message, rejected), code: "permission_denied" }, "Arith.Sum");
  const text = "rpc server: permission denied: no";
  assertEquals([denied("no", true), denied(text, true)], [text, text]);
  assertEquals(denied("no", false), "no", "by the handler itself, which has run");
  assertEquals(denied(text, false), `the handler failed: ${text}`);
  const unknown = { ...failure("who?", true), code: "unauthenticated" } as const;
  assertEquals(netRpcText(unknown, "Arith.Sum"), "rpc server: unauthenticated: who?");
});

Deno.test("an unknown method: who has left the argument unread", () => {
  const Error = "rpc server: can't find method Sum";
  const unread = (header: { Code?: string; Rejected?: boolean }) =>
    leavesArgumentUnread(header, verdictIn({ Error, ...header }, "Arith.Sum"));
  assertEquals(unread({ Code: "", Rejected: false }), true, "GeeRPC in Go");
  assertEquals(unread({ Code: "unimplemented", Rejected: true }), false, "our own server");
  assertEquals(unread({}), false, "net/rpc");
  assertEquals(answersUnreadArgument({ Seq: 0, Error }), true);
  assertEquals(answersUnreadArgument({ Seq: 1, Error }), false);
  assertEquals(answersUnreadArgument({ Seq: 0, Error: "rpc server: go away" }), false);
});

Deno.test("when there may be room: by the field, or by the text of a server of ours that did not run the call", () => {
  const text = (ms: number) => `${NOT_RUN}it is too much${retryAfterText(ms)}`;
  assertEquals([retryAfterText(undefined), text(1.2)], [
    "",
    "rpc server: the call did not run: it is too much; retry after 2 ms",
  ]);
  const table: readonly [header: Parameters<typeof retryAfterIn>[0], ms: number | undefined][] = [
    [{ Error: text(120) }, 120],
    [{ Error: text(0) }, 1],
    [{ Error: text(1e12) }, 86_400_000],
    [{ Error: `${NOT_RUN}it is too much; retry after 999999999 ms` }, 86_400_000],
    [{ Error: text(120), RetryAfter: 7 }, 7],
    [{ Error: text(120), RetryAfter: -7 }, undefined],
    [{ Error: "no", RetryAfter: 1e12 }, 86_400_000],
    [{ Error: `${text(120)}.` }, undefined],
    [{ Error: NOT_RUN }, undefined],
    [{ Error: "it is too much; retry after 120 ms" }, undefined], // a handler's own
    [{ Error: `${NOT_RUN}; retry after 0 ms` }, undefined],
    [{ Error: `${NOT_RUN}; retry after -1 ms` }, undefined],
    [{ Error: `${NOT_RUN}; retry after 12345678901 ms` }, undefined],
  ];
  for (const [header, ms] of table) assertEquals(retryAfterIn(header), ms, JSON.stringify(header));
});
