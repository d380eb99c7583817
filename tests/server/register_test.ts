/** What a server offers. */

import { EventEmitter } from "node:events";
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
  _internal() {
    return "internal";
  }
  get Accessor() {
    return () => this.secret;
  }
  Field = () => this.secret;
  Own2 = 7;
}

Deno.test("register: an instance offers the methods of its own class, called on it", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a", {}, { Derived: new Derived() });
    const client = await world.dial(address);
    assertEquals(await client.call("Derived.Own", 2), 42);
    assertEquals(await client.call("Derived.Overridden"), "derived");
    const others = ["constructor", "Static", "secret", "toString", "Inherited", "_internal"];
    for (const method of [...others, "Accessor", "Field", "Own2"]) {
      await assertFails(client.call(`Derived.${method}`), {
        code: "unimplemented",
        execution: "rejected",
      });
    }
    await client.close();
  }));

Deno.test("register: what is named is offered, wherever it is, and nothing else", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    const methods = ["Inherited", "_internal", "Accessor", "Field"];
    server.register("Derived", new Derived(), { methods });
    const client = await world.dial(address);
    const replies = await Promise.all(methods.map((method) => client.call(`Derived.${method}`)));
    assertEquals(replies, [40, "internal", 40, 40]);
    for (const method of ["Own", "Overridden"]) {
      await assertFails(client.call(`Derived.${method}`), { code: "unimplemented" });
    }
    for (const name of ["constructor", "toString", "Own2", "Missing"]) {
      assertThrows(
        () => server.register("Again", new Derived(), { methods: [name] }),
        TypeError,
        `service Again has no method ${name}, which the option methods names; it has Own, Overridden`,
      );
    }
    await client.close();
  }));

Deno.test("register: a schema offers what it names, beside what is offered anyway", () =>
  inWorld(async (world) => {
    const { address, server } = await world.serve("a");
    const schema = { Inherited: {} };
    server.register("Derived", new Derived() as never, { schema });
    const client = await world.dial(address);
    assertEquals(await client.call("Derived.Inherited"), 40);
    assertEquals(await client.call("Derived.Own", 1), 41);
    await assertFails(client.call("Derived.Field"), { code: "unimplemented" });
    assertThrows(
      () => server.register("S", new Derived() as never, { schema, methods: ["Own"] }),
      TypeError,
      "service S has no method Inherited, which its schema names; it has Own",
    );
    await client.close();
  }));

Deno.test("register: nothing of what a class inherits from the platform can be called", () =>
  inWorld(async (world) => {
    class Orders extends EventEmitter {
      dbPassword: string;
      constructor(dbPassword: string) {
        super();
        this.dbPassword = dbPassword;
      }
      List() {
        return [this.dbPassword.length];
      }
    }
    class Stock extends Map<string, number> {
      Count() {
        return this.size;
      }
    }
    class Target extends EventTarget {
      Do() {
        return "done";
      }
    }
    const services = {
      Orders: new Orders("secret"),
      Stock: new Stock([["apple", 1]]),
      Target: new Target(),
      Plain: Object.setPrototypeOf({ Do: () => "done" }, { Hidden: () => "hidden" }),
    };
    const { address } = await world.serve("a", {}, services);
    const client = await world.dial(address);
    assertEquals(await client.call("Orders.List"), [6]);
    assertEquals(await client.call("Stock.Count"), 1);
    assertEquals(await client.call("Target.Do"), "done");
    assertEquals(await client.call("Plain.Do"), "done");
    const inherited = {
      Orders: ["setMaxListeners", "emit", "on", "removeAllListeners", "eventNames"],
      Stock: ["get", "set", "clear", "forEach"],
      Target: ["dispatchEvent", "addEventListener"],
      Plain: ["Hidden"],
    };
    for (const [service, methods] of Object.entries(inherited)) {
      for (const method of methods) {
        await assertFails(client.call(`${service}.${method}`, 1), {
          code: "unimplemented",
          execution: "rejected",
        });
      }
    }
    await client.close();
  }));

Deno.test("register: a bound copy of a method takes its place; injected functions are not offered", () =>
  inWorld(async (world) => {
    class Mailer {
      send: (text: string) => string;
      constructor(send: (text: string) => string) {
        this.send = send;
        this.Mail = this.Mail.bind(this);
      }
      Mail(text: string) {
        return this.send(text);
      }
    }
    const { address } = await world.serve("a", {}, {
      Mailer: new Mailer((text) => `sent ${text}`),
    });
    const client = await world.dial(address);
    assertEquals(await client.call("Mailer.Mail", "x"), "sent x");
    await assertFails(client.call("Mailer.send", "x"), { code: "unimplemented" });
    await client.close();
  }));

Deno.test("register: a plain object's names that begin with _ and its accessors are its own", () =>
  inWorld(async (world) => {
    const Plain = { Do: () => "done", _helper: () => "helped", [Symbol.iterator]: () => [] };
    const { address, server } = await world.serve("a", {}, { Plain });
    server.register("Named", Plain, { methods: ["_helper"] });
    const client = await world.dial(address);
    assertEquals(await client.call("Plain.Do"), "done");
    await assertFails(client.call("Plain._helper"), { code: "unimplemented" });
    assertEquals(await client.call("Named._helper"), "helped");
    await assertFails(client.call("Named.Do"), { code: "unimplemented" });
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
  class OnlyFields {
    Do = () => "done";
  }
  assertThrows(
    () => server.register("D", new OnlyFields()),
    TypeError,
    "name those that are inherited or held in fields by the option methods",
  );
});

Deno.test("register refuses names by which two methods would be the same, or none could be called", () => {
  const server = new Server();
  for (const name of ["b.C", "", "a b", "a\n"]) {
    const wrong = `service a can't have a method named ${JSON.stringify(name)}`;
    assertThrows(() => server.register("a", { [name]: () => 1 }), TypeError, wrong);
  }
  server.register("a.b", { C: () => 2 });
  for (const name of [" ", "a b", "a..b", ".a", "a.", "a\tb", "\u0000"]) {
    const wrong = `a service can't be named ${JSON.stringify(name)}`;
    assertThrows(() => server.register(name, { Do: () => 1 }), TypeError, wrong);
  }
  server.register("Grüße", { Übung: () => 1 });
});

Deno.test("register behind a close is refused", async () => {
  const server = new Server();
  await server.close();
  assertThrows(() => server.register("A", { Do() {} }), TypeError, "A: the server is closed");
});

Deno.test("register says what it got in place of a service, and what a schema names in vain", () => {
  const server = new Server();
  class Arith {
    Sum() {}
  }
  const wrong: [service: unknown, message: string][] = [
    [
      Arith,
      "service S is not an object: want an object of functions or an instance of a class, " +
      "got the class or function Arith: register an instance of it",
    ],
    [
      class {
        static Do() {}
      },
      "got the class or function without a name: register an instance of it",
    ],
    [Object.assign(function called() {}, { Do: () => "done" }), "class or function called"],
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
