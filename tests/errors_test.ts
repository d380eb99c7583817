import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { codeOf, errorText, isRpcCode, RpcError, TimeoutError } from "../errors.ts";

Deno.test("RpcError says what, where and how certain", () => {
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

Deno.test("RpcError with nothing known is not certain", () => {
  const error = new RpcError("internal", "odd");
  assertEquals([error.execution, error.attempts, "cause" in error], ["unknown", [], false]);
});

Deno.test("TimeoutError is the platform's, and says where", () => {
  const error = new TimeoutError("late", { address: "tcp@a:1", execution: "not_sent" });
  assert(error instanceof DOMException && error instanceof Error);
  assertEquals([error.name, error.message, error.address], ["TimeoutError", "late", "tcp@a:1"]);
  assertEquals([error.execution, new TimeoutError("x").execution], ["not_sent", "unknown"]);
});

Deno.test("isRpcCode knows the codes and nothing inherited", () => {
  for (const code of ["canceled", "unknown", "data_loss"]) assert(isRpcCode(code));
  for (const code of ["", "toString", "Canceled", 1, null, undefined, {}]) assert(!isRpcCode(code));
});

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
