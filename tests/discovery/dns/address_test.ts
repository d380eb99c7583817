/** Addresses of DNS and of name servers. */

import { assertEquals, assertThrows } from "@std/assert";
import { parseDnsAddress, parseNameServer } from "../../../discovery/dns/address.ts";
import { DnsDiscovery } from "../../../dns.ts";
import { assertFails, failure } from "../../support/helpers.ts";

Deno.test("dns: addresses", () => {
  assertEquals(parseDnsAddress("dns@_grpc._tcp.svc.example"), {
    name: "_grpc._tcp.svc.example",
    isIp: false,
    port: undefined,
    metadata: "",
  });
  assertEquals(parseDnsAddress("dns@host:9001?zone=a&protocol=gob"), {
    name: "host",
    isIp: false,
    port: 9001,
    metadata: "zone=a&protocol=gob",
  });
  for (
    const [text, name, isIp] of [
      ["10.0.0.1", "10.0.0.1", true],
      ["[fd00::1]", "fd00::1", true],
      ["10.0.0.256", "10.0.0.256", false],
      ["10.0.0.1.example", "10.0.0.1.example", false],
    ] as const
  ) {
    assertEquals(parseDnsAddress(`dns@${text}:1`), { name, isIp, port: 1, metadata: "" });
  }
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
    "dns@[host]:1",
    "dns@::1:1",
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

Deno.test("dns: a scheme or a family that is unknown is refused", () => {
  for (
    const [name, value] of [["scheme", "unix"], ["scheme", "udp"], ["family", 5], ["family", "4"]]
  ) {
    const make = () => new DnsDiscovery("dns@a:1", { [String(name)]: value });
    assertThrows(make, TypeError, `${name} must be one of`);
  }
});

Deno.test("dns: an IP address without a port is refused", async () => {
  for (const address of ["dns@10.0.0.1", "dns@[::1]", "dns@10.0.0.1?zone=a"]) {
    const error = await failure(Promise.resolve().then(() => new DnsDiscovery(address)));
    await assertFails(Promise.reject(error), {
      code: "invalid_argument",
      message: "it needs a port",
    });
  }
});
