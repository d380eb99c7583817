/** Names that no name server has to know: IP addresses, localhost, the system's file of hosts. */

import { readFileSync } from "node:fs";
import { assertEquals } from "@std/assert";
import { DnsDiscovery, type DnsDiscoveryOptions } from "../../../dns.ts";
import { inZone } from "../../support/fake_zone.ts";

Deno.test("dns: an IP address is its own answer, and nobody is asked", async () => {
  for (
    const [address, server] of [
      ["dns@10.0.0.1:9001?zone=a", "tcp@10.0.0.1:9001?zone=a"],
      ["dns@[fd00::1]:9001", "tcp@[fd00::1]:9001"],
    ]
  ) {
    await inZone(address, { family: 6 }, async ({ zone, clock, discovery }) => {
      zone.broken.add("*");
      assertEquals(await discovery.getAll(), [server]);
      await clock.advance(3_600_000);
      await discovery.refresh();
      assertEquals(zone.questions, []);
    });
  }
});

async function listed(address: string, options: DnsDiscoveryOptions = {}): Promise<string[]> {
  await using discovery = new DnsDiscovery(address, options);
  return await discovery.getAll();
}

Deno.test("dns: localhost is this machine", async () => {
  assertEquals(await listed("dns@localhost:9001", { family: 4 }), ["tcp@127.0.0.1:9001"]);
  assertEquals(await listed("dns@LOCALHOST:9001", { family: 4 }), ["tcp@127.0.0.1:9001"]);
});

/** A name that the system's file of hosts has, with its IPv4 address. */
function hostOfSystem(): [ip: string, name: string] | undefined {
  try {
    const lines = readFileSync("/etc/hosts", "utf-8").matchAll(/^\s*([\d.]+)\s+([\w.-]+)\s*$/gm);
    return [...lines].map(([, ip, name]): [string, string] => [ip, name])
      .find(([, name]) => !/localhost/.test(name));
  } catch {
    return undefined;
  }
}

const host = hostOfSystem();

Deno.test({
  name: "dns: a name of the system's file of hosts",
  ignore: host === undefined,
  fn: async () => {
    const [ip, name] = host!;
    assertEquals(await listed(`dns@${name}:9001`, { family: 4 }), [`tcp@${ip}:9001`]);
  },
});
