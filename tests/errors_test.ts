import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { dial } from "../client.ts";
import {
  codeOf,
  errorText,
  isRpcCode,
  receivedCode,
  type RpcCode,
  RpcError,
  TimeoutError,
} from "../errors.ts";
import { isServersFault } from "../fleet/options.ts";
import { needsCode, verdictIn } from "../protocol/go_errors.ts";
import { Server } from "../server.ts";
import { assertFails, inWorld } from "./support/helpers.ts";

/** gRPC's status codes without `OK`, in the order of their numbers, from 1 to 16. */
const CODES: readonly RpcCode[] = [
  "canceled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
];

Deno.test("RpcError says what, where, and whether the call ran", () => {
  const cause = new Error("beneath");
  const attempts = [{ address: "tcp@a:1", phase: "dial", elapsedMs: 1, why: "failover" }] as const;
  const error = new RpcError("unavailable", "gone", {
    address: "tcp@a:1",
    serviceMethod: "S.M",
    execution: "not_sent",
    attempts,
    cause,
  });
  assert(error instanceof Error && error instanceof RpcError);
  assertEquals([error.name, error.message, error.code], ["RpcError", "gone", "unavailable"]);
  assertEquals([error.address, error.serviceMethod, error.execution], [
    "tcp@a:1",
    "S.M",
    "not_sent",
  ]);
  assertStrictEquals(error.cause, cause);
  assertStrictEquals(error.attempts, attempts);
});

Deno.test("RpcError without details: whether the call ran is unknown", () => {
  const error = new RpcError("internal", "odd");
  assertEquals([error.execution, error.attempts, "cause" in error], ["unknown", [], false]);
});

Deno.test("TimeoutError is an RpcError with a code, named as the platform's", () => {
  const details = {
    address: "tcp@a:1",
    serviceMethod: "S.M",
    execution: "not_sent",
    attempts: [],
    cause: 1,
  } as const;
  const error = new TimeoutError("late", details);
  assert(error instanceof RpcError && error instanceof Error);
  assert(!(error instanceof DOMException));
  assertEquals([error.name, error.code, error.message], [
    "TimeoutError",
    "deadline_exceeded",
    "late",
  ]);
  const { address, serviceMethod, execution, attempts, cause } = error;
  assertEquals({ address, serviceMethod, execution, attempts, cause }, details);
  assertEquals([new TimeoutError("x").execution, "cause" in new TimeoutError("x")], [
    "unknown",
    false,
  ]);
  assertEquals(String(error), "TimeoutError: late");
  assertEquals([codeOf(error), isServersFault(error)], ["deadline_exceeded", true]);
  const codes: string[] = [];
  for (const thrown of [error, new RpcError("unavailable", "gone")]) {
    switch (thrown.code) { // as programs do
      case "deadline_exceeded":
        codes.push("late");
        break;
      default:
        codes.push(thrown.code);
    }
  }
  assertEquals(codes, ["late", "unavailable"]);
});

Deno.test("instanceof holds across copies of the package, and for no other value", async () => {
  // Modules with another address are other copies, as an ES module and CommonJS are.
  const url = new URL("../errors.ts", import.meta.url);
  const path = import.meta.url.endsWith(".js") ? url.href.replace(/ts$/, "js") : url.href;
  const other = await import(`${path}?copy`) as typeof import("../errors.ts");
  if ("Bun" in globalThis) return; // it has one copy of a module whatever its address asks for
  assert(other.RpcError !== RpcError);
  const error = new other.RpcError("aborted", "again");
  const late = new other.TimeoutError("late");
  assert(error instanceof RpcError && !(error instanceof TimeoutError));
  assert(late instanceof RpcError && late instanceof TimeoutError);
  assert(new TimeoutError("late") instanceof other.RpcError);
  assert(new TimeoutError("late") instanceof other.TimeoutError);
  assert(!(new RpcError("aborted", "again") instanceof other.TimeoutError));
  assertEquals([codeOf(error), codeOf(late)], ["aborted", "deadline_exceeded"]);
  assertEquals([isServersFault(error), isServersFault(late)], [false, true]);

  class Own extends RpcError {}
  class OwnTimeout extends TimeoutError {}
  assert(new Own("aborted", "again") instanceof Own);
  assert(new Own("aborted", "again") instanceof RpcError);
  assert(new OwnTimeout("late") instanceof OwnTimeout);
  assert(new OwnTimeout("late") instanceof TimeoutError);
  assert(!(error instanceof Own) && !(late instanceof OwnTimeout));
  assert(!(new Own("aborted", "again") instanceof TimeoutError));
  const timeout = new DOMException("late", "TimeoutError");
  const others = [undefined, null, 1, "RpcError", {}, { name: "RpcError" }, new Error(), timeout];
  for (const value of others as unknown[]) {
    assert(!(value instanceof RpcError) && !(value instanceof TimeoutError), String(value));
  }
});

Deno.test("isRpcCode knows gRPC's sixteen codes and nothing inherited", () => {
  assertEquals(CODES.filter(isRpcCode).length, 16);
  for (const code of ["", "ok", "toString", "Canceled", 1, null, undefined, {}]) {
    assert(!isRpcCode(code));
  }
});

Deno.test("a peer's code is taken as it is; one that nobody knows is unknown", () => {
  for (const code of CODES) assertEquals(receivedCode(code, "unavailable"), code);
  for (const code of ["ok", "toString", "__proto__", "from a later version"]) {
    assertEquals(receivedCode(code, "unavailable"), "unknown");
  }
  for (const code of ["", undefined, null, 14, {}]) {
    assertEquals(receivedCode(code, "unavailable"), "unavailable");
  }
});

Deno.test("a reply's header brings every code, of an answer and of a rejection", () => {
  for (const Code of [...CODES, "from a later version"]) {
    const code = isRpcCode(Code) ? Code : "unknown";
    assertEquals(verdictIn({ Error: "no", Code }, "S.M"), { code, execution: "answered" });
    assertEquals(verdictIn({ Error: "no", Code, Rejected: true }, "S.M"), {
      code,
      execution: "rejected",
    });
    const failure = { message: "no", code, rejected: false };
    assertEquals(needsCode(failure, "S.M"), code !== "unknown");
  }
});

Deno.test("which codes count against the server by default", () => {
  const faults = CODES.filter((code) => isServersFault(new RpcError(code, "failed")));
  assertEquals(faults, [
    "deadline_exceeded",
    "resource_exhausted",
    "internal",
    "unavailable",
    "data_loss",
  ]);
  assert(isServersFault(new TimeoutError("late")));
  for (const other of [new Error("own"), new RpcError("constructor" as RpcCode, "?"), undefined]) {
    assert(!isServersFault(other));
  }
});

for (const protocol of ["geerpc/json", "geerpc/gob"] as const) {
  Deno.test(`${protocol}: every code that a handler throws comes back to the caller`, () =>
    inWorld(async ({ network }) => {
      const server = new Server();
      server.register("Fail", {
        With: (code: RpcCode) => {
          throw new RpcError(code, `failed with ${code}`);
        },
      });
      await server.listen("memory@a", { network, protocol });
      const client = await dial("memory@a", { network, protocol });
      for (const code of CODES) {
        await assertFails(client.call("Fail.With", code), {
          code,
          execution: "answered",
          message: `failed with ${code}`,
        });
      }
      await client.close();
      await server.close();
    }));
}

Deno.test("codeOf is a code, whatever was thrown", () => {
  assertEquals(codeOf(new RpcError("not_found", "none")), "not_found");
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const foreign = [new RpcError(404 as never, "none"), new RpcError("gone" as never, "none")];
  for (const thrown of [...foreign, new Error("none"), "not_found", undefined, proxy]) {
    assertEquals(codeOf(thrown), "unknown");
  }
});

Deno.test("errorText is never empty and never throws", () => {
  const hostile = {
    toString() {
      throw new Error("no");
    },
  };
  const thrown: unknown[] = [
    hostile,
    Object.create(null),
    "",
    null,
    undefined,
    0,
    new Error(""),
    [],
    Symbol(),
    () => {},
  ]; // deno-fmt-ignore
  for (const value of thrown) {
    const text: unknown = errorText(value);
    assert(typeof text === "string" && text !== "");
  }
  assertEquals(errorText(new TypeError("text")), "text");
});
