/** Discovery by DNS with BIND. */

import { assertEquals } from "@std/assert";
import { DnsDiscovery, type DnsDiscoveryOptions } from "../../../dns.ts";
import { Bind, isBindMissing } from "../../support/bind.ts";
import { assertFails } from "../../support/helpers.ts";
import { until } from "../../support/processes.ts";

function withBind(
  name: string,
  records: readonly string[],
  body: (
    server: Bind,
    discover: (address: string, options?: DnsDiscoveryOptions) => DnsDiscovery,
  ) => Promise<void>,
): void {
  Deno.test({
    name: `dns (BIND): ${name}`,
    ignore: isBindMissing,
    fn: async () => {
      const server = await Bind.start(records);
      const discoveries: DnsDiscovery[] = [];
      try {
        await body(server, (address, options = {}) => {
          const all = { nameServer: server.address, minTtlMs: 100, ...options };
          const discovery = new DnsDiscovery(address, all);
          discoveries.push(discovery);
          return discovery;
        });
      } finally {
        await Promise.all(discoveries.map((discovery) => discovery.close()));
        await server.stop();
      }
    },
  });
}

const MANY = Array.from({ length: 200 }, (_, index) => index);

withBind(
  "services through aliases, weights and changes, and answers too long for a packet",
  [
    "a IN A 10.0.0.1",
    "b IN A 10.0.0.2",
    "b IN AAAA fd00::2", // not listed: there is an address of IPv4
    "spare IN A 10.0.0.9",
    "_arith._tcp IN SRV 0 30 9001 a",
    "_arith._tcp IN SRV 0 10 9002 b",
    "_arith._tcp IN SRV 5 10 9009 spare",
    "_alias._tcp IN CNAME _arith._tcp",
    "alias IN CNAME a",
    ...MANY.map((index) => `many IN A 10.1.0.${index}`),
    ...MANY.map((index) => `_many._tcp IN SRV 0 1 9001 host-${index}`),
    ...MANY.map((index) => `host-${index} IN A 10.2.0.${index}`),
  ],
  async (server, discover) => {
    const arith = [
      "tcp@10.0.0.1:9001?weight=30",
      "tcp@10.0.0.2:9002?weight=10",
    ];
    const services = discover("dns@_arith._tcp.example", { defaultTtlMs: 1000 });
    assertEquals(await services.getAll(), arith);
    assertEquals(await discover("dns@_alias._tcp.example").getAll(), arith);
    assertEquals(await discover("dns@alias.example:9001").getAll(), ["tcp@10.0.0.1:9001"]);
    assertEquals((await discover("dns@many.example:9001").getAll()).length, MANY.length);
    assertEquals((await discover("dns@_many._tcp.example").getAll()).length, MANY.length);

    await server.set(["c IN A 10.0.0.3", "_arith._tcp IN SRV 0 1 9003 c"]);
    await until("the new list is there", () => String(services.current) === "tcp@10.0.0.3:9003");
  },
);

withBind(
  "a name that is not there, a refusal and a server that fails are errors that keep the list",
  ["a IN A 10.0.0.1"],
  async (server, discover) => {
    const unavailable = { code: "unavailable", message: server.address } as const;
    for (const name of ["none.example", "a.refused", "a.broken", "a.elsewhere"]) {
      await assertFails(discover(`dns@${name}:9001`).getAll(), unavailable);
    }
    // Deno tells neither from a name that is not there; its error at least says so.
    for (const name of ["a.refused", "a.broken"]) {
      await assertFails(discover(`dns@${name}:9001`).getAll(), {
        message: /the name server can't answer|EREFUSED|ESERVFAIL/,
      });
    }
    const list = discover("dns@a.example:9001");
    assertEquals(await list.getAll(), ["tcp@10.0.0.1:9001"]);
    await server.set([]);
    await assertFails(list.refresh(), unavailable);
    assertEquals(await list.getAll(), ["tcp@10.0.0.1:9001"]);
  },
);
