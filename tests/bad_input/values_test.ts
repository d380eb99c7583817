/** Values that can't be sent, and handlers that throw or return odd ones. */

import { assert, assertEquals } from "@std/assert";
import { MultiServerDiscovery } from "../../discovery.ts";
import { RpcError } from "../../errors.ts";
import { XClient } from "../../xclient.ts";
import {
  assertFails,
  assertFailure,
  inWorld,
  option,
  rawClient,
  request,
  settled,
} from "../support/helpers.ts";

Deno.test("UTF-8 split across reads: every cut gives the same text, both ways", async () => {
  const text = "aé€😀\u2028ß𝄞z";
  for (let chunkBytes = 1; chunkBytes <= 12; chunkBytes++) {
    await inWorld(async (world) => {
      const { address } = await world.serve("a");
      const client = await world.dial(address);
      const replies = [1, 2, 3].map((n) => client.call("Gate.Echo", text.repeat(n)));
      assertEquals(await Promise.all(replies), [1, 2, 3].map((n) => text.repeat(n)));
      await assertFails(client.call("Gate.Fail", text), {
        code: "unknown",
        execution: "answered",
        message: `failed: ${text}`,
      });
      await client.close();
    }, { chunkBytes });
  }
});

Deno.test("__proto__ in a body: refused in both directions, and no object is changed", () =>
  inWorld(async (world) => {
    const Evil = { Reply: () => JSON.parse('{"deep":[{"__proto__":{"polluted":1}}]}') };
    const { address, gate } = await world.serve("a", {}, { Evil });
    const client = await world.dial(address);
    for (const key of ['"__proto__"', '"\\u005f_proto__"', '"__pr\\u006Fto__"']) {
      const peer = await rawClient(world.network, address);
      await peer.write(
        option() + `{"ServiceMethod":"Gate.Wait","Seq":1}\n{"a":[{${key}:{"polluted":1}}]}\n` +
          request(2, "Gate.Echo", "fine"),
      );
      const [head, , , fine] = await peer.untilLines(4);
      const { Code, Rejected, Error: text } = JSON.parse(head);
      assertEquals([Code, Rejected], ["invalid_argument", true]);
      assert(text.includes('"__proto__" is not accepted'), text);
      assertEquals(fine, '"fine"');
      peer.close();
    }
    assertEquals(gate.begun.length, 0);
    await assertFails(client.call("Evil.Reply"), {
      execution: "answered",
      address,
      serviceMethod: "Evil.Reply",
      message: '"__proto__" is not accepted',
    });
    assertEquals(({} as Record<string, unknown>).polluted, undefined);
    assertEquals(await client.call("Gate.Echo", "fine, __proto__"), "fine, __proto__");
    await client.close();
  }));

const THROWN: [string, unknown, string][] = [
  ["a string", "just text", "just text"],
  ["a number", 7, "7"],
  ["null", null, "null"],
  ["undefined", undefined, "undefined"],
  ["an empty string", "", "an empty error"],
  ["an object", { a: 1 }, "[object Object]"],
  ["a symbol", Symbol("s"), "Symbol(s)"],
  ["an object without a prototype", Object.create(null), "an error with no text"],
  ["an error without text", new Error(""), "Error"],
  ["an error whose text is none", Object.assign(new Error(), { message: undefined }), ""],
  ["an error whose text is an object", Object.assign(new Error(), { message: { a: 1 } }), ""],
  [
    "an error whose text throws",
    Object.defineProperty(new Error(), "message", {
      get: () => {
        throw 1;
      },
    }),
    "",
  ], // deno-fmt-ignore
  ["an error with a code that is none", new RpcError(404 as never, "no page"), "no page"],
  ["a revoked proxy", revoked(), "an error with no text"],
  ["a proxy that throws whatever it is asked", trapping(), "an error with no text"],
];

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function trapping(): unknown {
  const refuse = () => {
    throw new Error("trapped");
  };
  return new Proxy({}, { get: refuse, getPrototypeOf: refuse });
}

for (const [name, thrown, text] of THROWN) {
  Deno.test(`a handler that throws a non-error: ${name}`, () =>
    inWorld(async (world) => {
      const Thrower = {
        Sync: () => {
          throw thrown;
        },
        Async: () => Promise.reject(thrown),
      };
      const { address } = await world.serve("a", {}, { Thrower });
      const client = await world.dial(address);
      for (const serviceMethod of ["Thrower.Sync", "Thrower.Async"]) {
        const error = await assertFails(client.call(serviceMethod), {
          code: "unknown",
          execution: "answered",
          address,
          serviceMethod,
        });
        if (text) assertEquals(error.message, text);
        assert(error.message !== "");
      }
      assertEquals(await client.call("Gate.Echo", "fine"), "fine");
      await client.close();
    }));
}

Deno.test("a handler that returns what is no promise but looks like one", () =>
  inWorld(async (world) => {
    const Odd = {
      Throws: () => ({
        then() {
          throw new Error("odd");
        },
      }),
      Twice: () => ({
        then(resolve: (value: unknown) => void, reject: (error: unknown) => void) {
          resolve("first");
          resolve("second");
          reject("third");
        },
      }),
      Getter: () => ({
        get then() {
          throw new Error("odd");
        },
      }),
    };
    const { address } = await world.serve("a", {}, { Odd });
    const client = await world.dial(address);
    for (const serviceMethod of ["Odd.Throws", "Odd.Getter"]) {
      await assertFails(client.call(serviceMethod), {
        code: "unknown",
        execution: "answered",
        serviceMethod,
        message: "odd",
      });
    }
    assertEquals(await client.call("Odd.Twice"), "first");
    assertEquals(await client.call("Gate.Echo", "fine"), "fine");
    await client.close();
  }));

Deno.test("a handler that returns a proxy that can't be asked what it is: its own call fails", () =>
  inWorld(async (world) => {
    const Odd = { Revoked: revoked, Trapping: trapping };
    const { address } = await world.serve("a", {}, { Odd });
    const client = await world.dial(address);
    for (const serviceMethod of ["Odd.Revoked", "Odd.Trapping"]) {
      await assertFails(client.call(serviceMethod), { code: "unknown", execution: "answered" });
    }
    const guarded = new Proxy({ A: 1 }, {
      getPrototypeOf: () => {
        throw new Error("trapped");
      },
    });
    world.sites[0].server.register("Guarded", { Get: () => guarded });
    await client.call("Guarded.Get").catch((error) => assertFailure(error, { code: "internal" }));
    assertEquals(await client.call("Gate.Echo", "fine"), "fine");
    await client.close();
  }));

Deno.test("a promise with a then of its own settles once, and counts as one handler", () =>
  inWorld(async (world) => {
    const twice = (onDone: (value: string) => void) => {
      onDone("first");
      onDone("second");
    };
    const Odd = {
      Twice: () => Object.assign(Promise.resolve(), { then: twice }),
      Throws: () =>
        Object.assign(Promise.resolve(), {
          then: () => {
            throw new Error("odd");
          },
        }),
    };
    const { address, gate } = await world.serve("a", { maxInFlight: 1 }, { Odd });
    const client = await world.dial(address);
    for (let n = 0; n < 3; n++) assertEquals(await client.call("Odd.Twice"), "first");
    await assertFails(client.call("Odd.Throws"), { code: "unknown", message: "odd" });
    const calls = [1, 2].map((n) => client.call("Gate.Wait", n));
    await gate.untilBegun(1);
    await settled();
    assertEquals(gate.begun.length, 1);
    gate.begun[0].end.resolve(1);
    await gate.untilBegun(2);
    gate.begun[1].end.resolve(2);
    assertEquals(await Promise.all(calls), [1, 2]);
    await client.close();
  }));

const cycle: Record<string, unknown> = {};
cycle.self = cycle;
const UNENCODABLE: [string, unknown][] = [
  ["a bigint that is too long", { a: [10n ** 70_000n] }],
  ["a cycle", cycle],
  ["a function", () => {}],
  ["a symbol", Symbol("s")],
  ["what throws in toJSON", {
    toJSON: () => {
      throw new Error("no");
    },
  }], // deno-fmt-ignore
];

for (const [name, value] of UNENCODABLE) {
  Deno.test(`an argument that can't be encoded: ${name}`, () =>
    inWorld(async (world) => {
      const Bad = { Reply: () => value };
      const { address, gate } = await world.serve("a", {}, { Bad });
      const xclient = new XClient(new MultiServerDiscovery([address]), world.options);
      const waiting = xclient.call("Gate.Wait");
      const wanted = {
        code: "invalid_argument",
        execution: "not_sent",
        address,
        serviceMethod: "Gate.Echo",
        message: "can't be encoded as JSON",
      } as const;
      await assertFails(xclient.call("Gate.Echo", value), wanted);
      await assertFails(xclient.broadcast("Gate.Echo", value), wanted);
      await assertFails(xclient.call("Bad.Reply"), {
        code: "internal",
        execution: "answered",
        address,
        serviceMethod: "Bad.Reply",
        message: "can't be encoded as JSON",
      });
      gate.begun[0].end.resolve("still here");
      assertEquals(await waiting, "still here");
      await xclient.close();
    }));
}
