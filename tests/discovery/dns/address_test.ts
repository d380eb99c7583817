/** Addresses of DNS and of name servers. */

import { assertEquals } from "@std/assert";
import { parseDnsAddress, parseNameServer } from "../../../discovery/dns/address.ts";
import { DnsDiscovery } from "../../../dns.ts";
import { assertFails, failure } from "../../support/helpers.ts";

Deno.test("dns: addresses", () => {
  assertEquals(parseDnsAddress("dns@_grpc._tcp.svc.example"), {
    name: "_grpc._tcp.svc.example",
    port: undefined,
    metadata: "",
  });
  assertEquals(parseDnsAddress("dns@host:9001?zone=a&protocol=gob"), {
    name: "host",
    port: 9001,
    metadata: "zone=a&protocol=gob",
  });
  assertEquals(parseNameServer("127.0.0.1"), { hostname: "127.0.0.1", port: 53 });
  assertEquals(parseNameServer("127.0.0.1:8600"), { hostname: "127.0.0.1", port: 8600 });
  assertEquals(parseNameServer("::1"), { hostname: "::1", port: 53 });
  assertEquals(parseNameServer("[::1]:8600"), { hostname: "::1", port: 8600 });
});

Deno.test("dns: invalid addresses are refused, naming them and the expected form", async () => {
  const wrong = [
    "",
    "host:9001",
    "tcp@host:9001",
    "dns@",
    "dns@host:0",
    "dns@host:99999",
    "dns@a b",
  ];
  for (const address of wrong) {
    const error = await failure(Promise.resolve().then(() => new DnsDiscovery(address)));
    await assertFails(Promise.reject(error), {
      code: "invalid_argument",
      message: `invalid address ${JSON.stringify(address)}: expected dns@_service`,
    });
  }
  for (const nameServer of ["", "ns.example", "127.0.0.1:0", "127.0.0.1:70000", "[::1"]) {
    const error = await failure(
      Promise.resolve().then(() => new DnsDiscovery("dns@a:1", { nameServer })),
    );
    await assertFails(Promise.reject(error), { code: "invalid_argument", message: "name server" });
  }
});
