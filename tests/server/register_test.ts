/** What a server offers. */

import { assertEquals, assertThrows } from "@std/assert";
import { Server } from "../../server.ts";
import { assertFails, inWorld } from "../support/helpers.ts";

Deno.test("register: an object's own functions, without inherited ones", () =>
  inWorld(async (world) => {
    const Own = {
      Do: () => "done",
      value: 7,
      get Getter() {
        return () => 1;
      },
    }; // deno-fmt-ignore
    const { address } = await world.serve("a", {}, { Own });
    const client = await world.dial(address);
    assertEquals(await client.call("Own.Do"), "done");
    const others = ["toString", "hasOwnProperty", "__proto__", "constructor", "value", "Getter"];
    for (const method of [...others, "__defineGetter__", "do", "Do.", ""]) {
      await assertFails(client.call(`Own.${method}`), {
        code: "unimplemented",
        execution: "rejected",
        serviceMethod: `Own.${method}`,
      });
    }
    await client.close();
  }));

Deno.test("register: an instance's methods and those of its classes, called on it", () =>
  inWorld(async (world) => {
    class Base {
      #secret = 40;
      get secret() {
        return this.#secret;
      }
      Inherited() {
        return this.secret;
      }
      Overridden() {
        return "base";
      }
    }
    class Derived extends Base {
      static Static() {}
      Own(args: number) {
        return this.secret + args;
      }
      override Overridden() {
        return "derived";
      }
      Field = () => "field";
    }
    const { address } = await world.serve("a", {}, { Derived: new Derived() });
    const client = await world.dial(address);
    assertEquals(await client.call("Derived.Own", 2), 42);
    assertEquals(await client.call("Derived.Inherited"), 40);
    assertEquals(await client.call("Derived.Overridden"), "derived");
    assertEquals(await client.call("Derived.Field"), "field");
    for (const method of ["constructor", "Static", "secret", "toString"]) {
      await assertFails(client.call(`Derived.${method}`), { execution: "rejected" });
    }
    await client.close();
  }));

Deno.test("register: a class or a function offers its own, and nothing of every function's", () =>
  inWorld(async (world) => {
    class Static {
      static Do() {
        return "done";
      }
    }
    const Callable = Object.assign(() => "called", { Do: () => "done" });
    const { address } = await world.serve("a", {}, { Static, Callable });
    const client = await world.dial(address);
    for (const service of ["Static", "Callable"]) {
      assertEquals(await client.call(`${service}.Do`), "done");
      for (const method of ["toString", "call", "apply", "bind"]) {
        await assertFails(client.call(`${service}.${method}`), { code: "unimplemented" });
      }
    }
    await client.close();
  }));

Deno.test("register: a service name with dots", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a", {}, { "shop.Cart": { Add: (n: number) => n } });
    const client = await world.dial(address);
    assertEquals(await client.call("shop.Cart.Add", 3), 3);
    await assertFails(client.call("shop.Cart"), { message: "can't find service shop" });
    await client.close();
  }));

Deno.test("register refuses no name, a name that is taken, and no methods", () => {
  const server = new Server();
  server.register("A", { Do() {} });
  assertThrows(() => server.register("", { Do() {} }), TypeError, "needs a name");
  assertThrows(() => server.register("A", { Do() {} }), TypeError, "A is registered already");
  assertThrows(() => server.register("B", {}), TypeError, "service B has no methods");
  assertThrows(() => server.register("C", { value: 1 }), TypeError, "service C has no methods");
});

Deno.test("register says what it got in place of a service, and what a schema names in vain", () => {
  const server = new Server();
  class Arith {
    Sum() {}
  }
  const wrong: [service: unknown, message: string][] = [
    [
      Arith,
      "service S has no methods: want an object of functions or an instance of a class, " +
      "got the class or function Arith: register an instance of it",
    ],
    [null, "got null"],
    ["text", "got a string"],
    [7, "got a number"],
    [{}, "got an object without any"],
  ];
  for (const [service, message] of wrong) {
    assertThrows(() => server.register("S", service as object), TypeError, message);
  }
  const schema = { Sum: {}, Product: {} };
  assertThrows(
    () => server.register("S", { Sum: () => {}, Difference: () => {} } as never, { schema }),
    TypeError,
    "service S has no method Product, which its schema names; it has Sum, Difference",
  );
  server.register("S", new Arith()); // a name that was refused is free
});
