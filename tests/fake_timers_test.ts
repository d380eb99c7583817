/** Fake timers that a test installs, as Jest, vitest and sinon do, are not the library's. */

import { assertEquals, assertRejects } from "@std/assert";
import {
  dial,
  MultiServerDiscovery,
  type Network,
  Server,
  TimeoutError,
  type Timer,
  XClient,
} from "../mod.ts";
import { Registry, RegistryDiscovery } from "../registry.ts";
import { FakeClock, MemoryNetwork } from "../testing.ts";
import { deferred } from "./support/helpers.ts";

/** Replaces what test runners replace; what is called then never comes. */
async function withFakes(body: () => Promise<void>): Promise<void> {
  const restore: (() => void)[] = [];
  const replace = (owner: object, name: string) => {
    const before = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, {
      configurable: true,
      writable: true,
      value: () => {},
    });
    restore.push(() => {
      if (before === undefined) Reflect.deleteProperty(owner, name);
      else Object.defineProperty(owner, name, before);
    });
  };
  const timers = ["setTimeout", "setInterval", "setImmediate"];
  const others = ["clearTimeout", "clearInterval", "clearImmediate", "queueMicrotask"];
  for (const name of [...timers, ...others]) replace(globalThis, name);
  replace(performance, "now");
  try {
    await body();
  } finally {
    for (const undo of restore) undo();
  }
}

function serve(): Server {
  const server = new Server();
  server.register("Echo", {
    Say: (text: string) => text,
    Never: (_: unknown, { signal }: { signal: AbortSignal }) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve("late"))),
  });
  return server;
}

for (
  const [kind, network, address] of [
    ["memory", new MemoryNetwork(), "memory@a"],
    ["sockets", undefined, "tcp@127.0.0.1:0"],
  ] as [string, Network | undefined, string][]
) {
  Deno.test(`${kind}: calls, deadlines and broadcasts go on under fake timers`, () =>
    withFakes(async () => {
      const server = serve();
      const listener = await server.listen(address, { network });
      const client = await dial(listener.address, { network });
      assertEquals(await client.call("Echo.Say", "one"), "one");
      await assertRejects(() => client.call("Echo.Never", 0, { timeoutMs: 1 }), TimeoutError);
      await client.close({ graceMs: 1000 });

      const xclient = new XClient(new MultiServerDiscovery([listener.address]), { network });
      const options = { timeoutMs: 60_000 };
      assertEquals(await xclient.call("Echo.Say", "two", options), "two");
      assertEquals(await xclient.broadcast("Echo.Say", "three", options), "three");
      await assertRejects(() => xclient.call("Echo.Never", 0, { timeoutMs: 1 }), TimeoutError);
      await xclient.close();
      await server.close({ graceMs: 0 });
    }));
}

Deno.test("a registry and its discovery go on under fake timers", () =>
  withFakes(async () => {
    const joined = deferred<string>();
    const registry = new Registry({ onEvent: ({ server }) => joined.resolve(server) });
    const fetch = (url: string, init: RequestInit) =>
      Promise.resolve(registry.fetch(new Request(url, init)));
    const headers = { "X-Geerpc-Server": "tcp@10.0.0.1:9001" };
    await fetch("http://registry/_geerpc_/registry", { method: "POST", headers });
    assertEquals(await joined.promise, "tcp@10.0.0.1:9001");
    const discovery = new RegistryDiscovery("http://registry", { fetch });
    assertEquals(await discovery.getAll(), ["tcp@10.0.0.1:9001"]);
    await discovery.close();
    await registry.close();
  }));

Deno.test("under fake timers the option clock moves the library's time", () =>
  withFakes(async () => {
    const clock = new FakeClock();
    const network = new MemoryNetwork({ clock });
    const server = serve();
    await server.listen("memory@a", { network });
    const client = await dial("memory@a", { network, clock });
    const call = client.call("Echo.Never", 0, { timeoutMs: 60_000 });
    const late = assertRejects(() => call, TimeoutError);
    await clock.advance(60_000);
    await late;
    await client.close();
    await server.close({ graceMs: 0 });
  }));

Deno.test("a clock over a test runner's fakes makes the library follow them", async () => {
  // What the testing docs show, with the least fake that can be advanced by hand.
  const fakes: { at: number; callback: () => void }[] = [];
  let nowMs = 0;
  const clock = {
    now: () => nowMs,
    setTimer(delayMs: number, callback: () => void): Timer {
      const timer = { at: nowMs + delayMs, callback };
      fakes.push(timer);
      return { cancel: () => void fakes.splice(fakes.indexOf(timer), 1) };
    },
  };
  const network = new MemoryNetwork();
  const server = serve();
  await server.listen("memory@a", { network });
  const client = await dial("memory@a", { network, clock });
  const call = client.call("Echo.Never", 0, { timeoutMs: 60_000 });
  const late = assertRejects(() => call, TimeoutError);
  nowMs = 60_000;
  for (const { at, callback } of [...fakes]) if (at <= nowMs) callback();
  await late;
  await client.close();
  await server.close({ graceMs: 0 });
});
