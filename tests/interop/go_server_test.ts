/** Our client calls servers in Go. */

import { assert, assertEquals } from "@std/assert";
import { type Client, dial, type DialOptions } from "../../client.ts";
import type { Protocol } from "../../protocol/codec.ts";
import { MultiServerDiscovery } from "../../discovery.ts";
import { gob } from "../../gob.ts";
import { SelectMode } from "../../selector.ts";
import { Server } from "../../server.ts";
import { XClient } from "../../xclient.ts";
import { assertFails, failure } from "../support/helpers.ts";
import { type GoAddresses, withGoServers } from "./peer.ts";
import { arithSchema, sample, typesSchema } from "./services.ts";

const KINDS: readonly (readonly [keyof GoAddresses, Protocol])[] = [
  ["gob", "netrpc/gob"],
  ["unix", "netrpc/gob"],
  ["http", "netrpc/gob"],
  ["json", "netrpc/json"],
  ["http", "netrpc/json"],
  ["gee", "geerpc/gob"],
  ["http", "geerpc/gob"],
  ["gee", "geerpc/json"],
  ["http", "geerpc/json"],
];

async function withClient(
  address: string,
  options: DialOptions,
  body: (client: Client) => Promise<void>,
): Promise<void> {
  const client = await dial(address, options);
  try {
    await body(client);
  } finally {
    await client.close();
  }
}

withGoServers("Go's HandleHTTP at a path of its own, and over a unix socket", async (addresses) => {
  for (
    const address of [
      `${addresses.http}?path=/orders`,
      `${addresses.unixHttp}?path=/orders`,
      `${addresses.unixHttp}?path=`,
    ]
  ) {
    await withClient(address, { protocol: "netrpc/gob" }, async (client) => {
      assertEquals(await client.call("Arith.Sum", { A: 1, B: 2 }), 3);
    });
  }
  await assertFails(dial(`${addresses.unixHttp}?path=/none`, { protocol: "netrpc/gob" }), {
    code: "unavailable",
    message: "404 Not Found",
  });
});

withGoServers("calls of Go's servers, over every protocol and transport", async (addresses) => {
  for (const [place, protocol] of KINDS) {
    await withClient(addresses[place], { protocol }, async (client) => {
      const service = client.service("Arith", arithSchema);
      const calls = Array.from({ length: 300 }, (_, n) => service.Sum({ A: n, B: 1 }));
      assertEquals(await Promise.all(calls), Array.from({ length: 300 }, (_, n) => n + 1));
      assertEquals(await service.Divide({ A: 8, B: 2 }), 4);
      assertEquals(await client.call("Arith.Sum", { A: 1, B: 2 }), 3);
      await assertFails(service.Divide({ A: 1, B: 0 }), {
        code: "unknown",
        execution: "answered",
        message: /^divide by zero$/,
      });
      // A reply that arrives after that of a later call, and one of a cancelled call.
      const order: number[] = [];
      const controller = new AbortController();
      const slow = service.Slow(100).then((ms) => order.push(ms));
      const forgotten = failure(service.Slow(20, { signal: controller.signal }));
      controller.abort("enough"); // it is sent all the same
      await service.Slow(0).then((ms) => order.push(ms));
      assertEquals(await forgotten, "enough");
      await slow;
      assertEquals(order, [0, 100], protocol);
      assertEquals(client.inFlight, 0);
      if (protocol.endsWith("gob")) {
        assertEquals(await client.service("Types", typesSchema).Echo(sample), sample);
      }
    });
  }
});

withGoServers("a method that net/rpc does not know did not run, and all goes on", async (go) => {
  for (const [place, protocol] of KINDS) {
    if (!protocol.startsWith("netrpc/")) continue;
    await withClient(go[place], { protocol }, async (client) => {
      for (const name of ["Arith.None", "None.Sum", "None"]) {
        const slow = client.call("Arith.Slow", 5);
        await assertFails(client.call(name, { A: 1, B: 2 }), {
          code: "unimplemented",
          execution: "rejected",
          message: /^rpc: .*None/,
        });
        assertEquals(await slow, 5);
      }
      assert(client.available);
    });
  }
});

withGoServers(
  "GeeRPC loses the stream over an unknown method: the rest is uncertain, the connection replaced",
  async (go) => {
    for (const address of [go.gee, go.http]) {
      const discovery = new MultiServerDiscovery([`${address}?protocol=geerpc/gob`]);
      const xclient = new XClient(discovery);
      try {
        assertEquals(await xclient.call("Arith.Sum", { A: 1, B: 2 }), 3);
        const before = xclient.call("Arith.Slow", 60_000);
        const unknown = xclient.call("Arith.None", { A: 1, B: 2 });
        const behind = xclient.call("Arith.Sum", { A: 1, B: 2 });
        const outcomes = Promise.all([
          assertFails(before, { code: "unavailable", execution: "unknown" }),
          assertFails(behind, { code: "unavailable", execution: "unknown" }),
        ]);
        await assertFails(unknown, {
          code: "unimplemented",
          execution: "rejected",
          message: /^rpc server: can't find method None$/,
        });
        // At once, while calls are still in flight on the old connection.
        assertEquals(await xclient.call("Arith.Sum", { A: 3, B: 4 }), 7);
        await outcomes;
      } finally {
        await xclient.close();
      }
    }
  },
);

withGoServers("a GeeRPC server in JSON that knows none of our extensions", async (go) => {
  await withClient(go.gee, { protocol: "geerpc/json" }, async (client) => {
    // Our extensions, of which it takes some for unknown calls: cancel, metadata, deadline.
    const controller = new AbortController();
    const given = client.call("Arith.Slow", 60_000, { signal: controller.signal });
    assertEquals(await client.call("Arith.Sum", { A: 1, B: 2 }, { meta: { a: "b" } }), 3);
    controller.abort(new Error("enough"));
    assertEquals(await given.catch((error) => error.message), "enough");
    assertEquals(await client.call("Arith.Sum", { A: 1, B: 2 }, { timeoutMs: 60_000 }), 3);
    await assertFails(client.call("Arith.None", { A: 1, B: 2 }), {
      code: "unimplemented",
      execution: "rejected",
    });
    assertEquals(await client.call("Arith.Sum", { A: 1, B: 2 }), 3);
  });
});

withGoServers("what does not fit costs only its own call", async (go) => {
  for (const [place, protocol] of KINDS) {
    if (!protocol.endsWith("/gob")) continue;
    await withClient(go[place], { protocol }, async (client) => {
      const arith = client.service("Arith", arithSchema);
      await assertFails(arith.Sum({ A: 1.5, B: 2 }), {
        code: "invalid_argument",
        execution: "not_sent",
      });
      const sum = { A: 1, B: 2 };
      await assertFails(client.call("Arith.Sum", sum, { schema: { reply: gob.float } }), {
        code: "data_loss",
        execution: "answered",
      });
      // Go refuses it with an error of its gob package.
      await assertFails(client.call("Arith.Sum", { A: "one", B: 2 }), {
        code: "unknown",
        execution: "answered",
        message: /gob/,
      });
      assertEquals(await arith.Sum(sum), 3);
      // A fraction where Go has an int is believed to be a mistake as soon as Go says so.
      const refused = { code: "unknown", message: /^gob: wrong type \(int\)/ } as const;
      await assertFails(client.call("Arith.Sum", { A: 1.5, B: 2 }), refused);
      assertEquals(await client.call("Arith.Sum", sum), 3);
      // And where it has a float64, a whole number is sent as one once there was a fraction.
      await assertFails(client.call("Types.Echo", { F64: 2 }), {
        code: "unknown",
        message: /^gob: wrong type \(float64\)/,
      });
      for (const F64 of [0.5, 2]) {
        assertEquals((await client.call<{ F64: number }>("Types.Echo", { F64 })).F64, F64);
      }
    });
  }
});

withGoServers("a GeeRPC server's handle timeout", async (go) => {
  for (const protocol of ["geerpc/gob", "geerpc/json"] as const) {
    await withClient(go.gee, { protocol, handleTimeoutMs: 50 }, async (client) => {
      await assertFails(client.call("Arith.Slow", 60_000), {
        code: "deadline_exceeded",
        execution: "answered",
        message: /^rpc server: request handle timeout: expect within 50ms$/,
      });
      assertEquals(await client.call("Arith.Slow", 0), 0);
    });
  }
});

withGoServers("a fleet of four protocols behind one XClient", async (go) => {
  const server = new Server();
  server.register("Node", { Name: () => "ours" });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const fleet = [
    `${go.gob}?protocol=netrpc/gob`,
    `${go.json}?protocol=netrpc/json`,
    `${go.gee}?protocol=geerpc/gob`,
    address,
  ];
  const xclient = new XClient(new MultiServerDiscovery(fleet), { mode: SelectMode.RoundRobin });
  try {
    const names: string[] = [];
    for (let n = 0; n < 8; n++) names.push(await xclient.call<string>("Node.Name", {}));
    assertEquals(names.slice(0, 4).sort(), ["gee", "gob", "json", "ours"]);
    assertEquals(names.slice(0, 4), names.slice(4));
    assert(names.includes(await xclient.broadcast<string>("Node.Name", {})));
  } finally {
    await xclient.close();
    await server.close();
  }
});

withGoServers("3,000 fresh connections to GeeRPC lose no first call", async (go, peer) => {
  const count = 3000;
  const atOnce = 50;
  const schema = arithSchema.Sum;
  for (const protocol of ["geerpc/gob", "geerpc/json"] as const) {
    let answered = 0;
    let next = 0;
    const worker = async () => {
      while (next < count) {
        const n = next++;
        await withClient(go.gee, { protocol }, async (client) => {
          const args = { A: n, B: 1 };
          if (await client.call("Arith.Sum", args, { schema, timeoutMs: 20_000 }) === n + 1) {
            answered++;
          }
        });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    assertEquals(answered, count);
    console.log(`${protocol}, our handshake: ${count - answered} of ${count} first calls lost`);
  }
  // For comparison; how many it loses depends on the machine, so nothing is asserted.
  const { made, answered } = await peer.connect(go.gee.replace("tcp@", ""), 1000);
  console.log(`geerpc/gob, Go's own handshake: ${made - answered} of ${made} first calls lost`);
});

withGoServers(
  "check: Go's servers do not describe themselves, and are none the worse for it",
  async (addresses) => {
    for (const [place, protocol] of KINDS) {
      const xclient = new XClient([addresses[place]], { protocol });
      const calls = Array.from({ length: 20 }, () => xclient.call("Arith.Slow", 50));
      const checks = await xclient.check({ contract: { Arith: arithSchema }, timeoutMs: 10_000 });
      assertEquals(checks.map(({ result }) => result), ["undescribed"], `${place} ${protocol}`);
      assertEquals(await Promise.all(calls), Array(20).fill(50));
      assertEquals(xclient.endpoints()[0].failures, 0);
      await xclient.close();
    }
  },
);

withGoServers("values that JSON lacks: Go's servers see none, and calls go on", async (go) => {
  for (const [place, protocol] of KINDS) {
    if (!protocol.endsWith("/json")) continue;
    const bigints = "rawJSON" in JSON;
    await withClient(go[place], { protocol, bigints }, async (client) => {
      // The first of all calls: it waits until it is known that the server is none of ours.
      const refused = [
        client.call("Arith.Sum", { A: new Map(), B: 1 }),
        client.call("Arith.Sum", { A: 1, B: [new Uint8Array(3)] }),
      ];
      await assertFails(refused[0], {
        code: "invalid_argument",
        execution: "not_sent",
        message: "args.A: a Map can't be sent to this peer",
      });
      await assertFails(refused[1], { message: "args.B[0]: a Uint8Array can't be sent" });
      const sums = [
        client.call("Arith.Sum", { A: 1, B: 2, C: undefined, $: 1 }),
        client.call("Arith.Sum", { A: -0, B: 2 }),
        client.call("Arith.Sum", { A: 1, B: 2, Long: "x".repeat(5000), At: new Date(0) }),
      ];
      assertEquals(await Promise.all(sums), [3, 2, 3]);
      if (!bigints) return;
      assertEquals(await client.call("Arith.Sum", { A: 2n ** 60n, B: 1 }), 2n ** 60n + 1n);
    });
  }
});
