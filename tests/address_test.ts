import { assert, assertEquals, assertThrows } from "@std/assert";
import { formatHost, parseAddress } from "../address.ts";
import { RpcError } from "../errors.ts";
import { assertFailure, between } from "./support/helpers.ts";
import { seededRandom } from "../testing.ts";

Deno.test("addresses and their parts", () => {
  const table: [string, Record<string, unknown>][] = [
    ["tcp@10.0.0.1:9001", { scheme: "tcp", hostname: "10.0.0.1", port: 9001, path: "" }],
    ["tcp@[::1]:9001", { scheme: "tcp", hostname: "::1", port: 9001 }],
    ["tcp@[fe80::1%eth0]:1", { hostname: "fe80::1%eth0", port: 1 }],
    ["tcp@[fe80::1%Br-Lan.2]:1", { hostname: "fe80::1%Br-Lan.2", port: 1 }],
    ["tls@rpc.example.com:443", { scheme: "tls", hostname: "rpc.example.com", port: 443 }],
    ["http@localhost:0", { scheme: "http", hostname: "localhost", port: 0 }],
    ["tcp@a:65535", { port: 65535 }],
    ["unix@/run/a.sock", { scheme: "unix", path: "/run/a.sock", hostname: "", port: 0 }],
    ["unix@relative path.sock", { path: "relative path.sock" }],
    ["unix@/run/a@b.sock", { path: "/run/a@b.sock" }],
    ["unix@./@name", { path: "./@name" }],
    ["unix@/a%3Fb", { path: "/a?b" }],
    ["unix@/a%253Fb%2f", { path: "/a%3Fb%2f" }],
    ["unix@/100%", { path: "/100%" }],
    [`unix@/${"x".repeat(106)}`, { path: `/${"x".repeat(106)}` }],
    ["memory@a", { scheme: "memory", path: "a" }],
  ];
  for (const [address, wanted] of table) {
    const endpoint = parseAddress(address);
    assertEquals({ ...endpoint, ...wanted }, endpoint, address);
    assertEquals([endpoint.address, endpoint.weight], [address, 1]);
    assertEquals(Object.keys(endpoint.metadata), []);
  }
});

Deno.test("metadata: weight is a number, the rest is text, and the address is without it", () => {
  const query = "?weight=2.5&zone=a%20b&protocol=geerpc/json&__proto__=x&empty=";
  for (const bare of ["tcp@a:1", "unix@/a", "memory@a"]) {
    const { address, weight, metadata } = parseAddress(bare + query);
    assertEquals([address, weight], [bare, 2.5]);
    assertEquals(Object.entries(metadata), [
      ["zone", "a b"],
      ["protocol", "geerpc/json"],
      ["__proto__", "x"],
      ["empty", ""],
    ]);
  }
  assertEquals(parseAddress("tcp@a:1?").address, "tcp@a:1");
  assertEquals(parseAddress("tcp@a:1?weight=1e-6").weight, 1e-6);
  assertEquals(parseAddress("tcp@a:1?weight=1000000").weight, 1e6);
});

Deno.test("different spellings of an address are normalised to one", () => {
  for (
    const [written, address] of [["tcp@LOCALHOST:1", "tcp@localhost:1"], [
      "tcp@[FE80::1]:01",
      "tcp@[fe80::1]:1",
    ], ["tcp@[FE80::A%Eth0]:1", "tcp@[fe80::a%Eth0]:1"]]
  ) {
    assertEquals(parseAddress(written).address, address);
  }
  assertEquals(parseAddress("unix@/A").address, "unix@/A"); // a path keeps its case
  const endpoint = parseAddress("unix@/a%3fb%25c?zone=d");
  assertEquals([endpoint.path, endpoint.address, endpoint.metadata.zone], [
    "/a?b%c",
    "unix@/a%3Fb%c",
    "d",
  ]);
});

const WRONG: [string, string][] = [
  ["", "no scheme"],
  ["tcp", "no scheme"],
  ["@a:1", "no scheme"],
  ["10.0.0.1:9001", "no scheme"],
  ["ftp@a:1", 'unknown scheme "ftp"'],
  ["TCP@a:1", 'unknown scheme "TCP"'],
  ["tcp@", "expected host:port"],
  ["tcp@a", "expected host:port"],
  ["tcp@a:", "expected host:port"],
  ["tcp@:1", "expected host:port"],
  ["tcp@a:b", "expected host:port"],
  ["tcp@a:-1", "expected host:port"],
  ["tcp@a:1.5", "expected host:port"],
  ["tcp@a:65536", "port 65536 is over 65535"],
  ["tcp@a:123456", "expected host:port"],
  ["tcp@::1:9001", "expected host:port"],
  ["tcp@a b:1", "expected host:port"],
  ["tcp@user@host:1", "expected host:port"],
  ["tcp@a:1/path", "expected host:port"],
  ["unix@", "no path"],
  ["unix@/x/a?b.sock", '"b.sock" is no metadata, which is key=value; a ? in a path is written %3F'],
  ["unix@/x/a?zone=b&c", '"c" is no metadata'],
  ["unix@@name", "abstract sockets are not supported; a file of that name is ./@name"],
  ["unix@/a\0b", "a path has no NUL"],
  [`unix@/${"x".repeat(107)}`, "at most 107 bytes"],
  [`unix@/${"é".repeat(54)}`, "at most 107 bytes"],
  ["memory@", "no name"],
  ["tcp@a:1?weight=0", 'weight "0"'],
  ["tcp@a:1?weight=-1", 'weight "-1"'],
  ["tcp@a:1?weight=x", 'weight "x"'],
  ["tcp@a:1?weight=Infinity", 'weight "Infinity"'],
  ["tcp@a:1?weight=", 'weight ""'],
  ["tcp@a:1?weight=1e-310", 'weight "1e-310" is not a number from 0.000001 to 1000000'],
  ["tcp@a:1?weight=9e-7", 'weight "9e-7"'],
  ["tcp@a:1?weight=1000001", 'weight "1000001"'],
  ["tcp@a:1?weight=1e308", 'weight "1e308"'],
  ["tcp@[fe80::1%]:1", "expected host:port"],
  ["tcp@[fe80::1%a%b]:1", "expected host:port"],
];

for (const [address, what] of WRONG) {
  Deno.test(`a malformed address ${JSON.stringify(address)} is quoted, with the expected form`, () => {
    const error = assertThrows(() => parseAddress(address), RpcError);
    assertFailure(error, { code: "invalid_argument", execution: "not_sent", message: what });
    assertEquals(error.address, address);
    for (const part of [JSON.stringify(address), "tcp@10.0.0.1:9001", "unix@/run/a.sock"]) {
      assertEquals(error.message.includes(part), true, error.message);
    }
  });
}

Deno.test("a value that is no string is refused, not converted", () => {
  for (const value of [undefined, null, 7, {}, ["tcp@a:1"]]) {
    assertThrows(() => parseAddress(value as string), RpcError, "not a string");
  }
});

Deno.test("any text is parsed or refused with an RpcError, and a parsed address parses to the same", () => {
  const random = seededRandom(1);
  const parts = [
    "tcp",
    "tls",
    "unix",
    "@",
    ":",
    "[",
    "]",
    "::1",
    "a.b",
    "9001",
    "?",
    "weight=2",
    "&",
    "=",
    "%",
    "/",
    " ",
    "\n",
    "é",
  ]; // deno-fmt-ignore
  let parsed = 0;
  for (let n = 0; n < 20_000; n++) {
    let text = "";
    for (let count = between(random, 0, 7); count > 0; count--) {
      text += parts[between(random, 0, parts.length - 1)];
    }
    if (random() < 0.3) text = `tcp@${text}`;
    try {
      const { address, hostname, port } = parseAddress(text);
      const again = parseAddress(address);
      assertEquals([again.address, again.hostname, again.port], [address, hostname, port]);
      parsed++;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
    }
  }
  assertEquals(parsed > 10, true, `${parsed} parsed`);
});

Deno.test("formatHost puts brackets around IPv6 alone", () => {
  assertEquals(formatHost("::1", 1), "[::1]:1");
  assertEquals(formatHost("a.b", 1), "a.b:1");
});

Deno.test("what was probably meant is said", () => {
  for (
    const [address, hint] of [
      ["10.0.0.1:9001", 'did you mean "tcp@10.0.0.1:9001"?'],
      ["[::1]:9001?weight=3", 'did you mean "tcp@[::1]:9001?weight=3"?'],
      ["tls://rpc.example:9001/", 'did you mean "tls@rpc.example:9001"?'],
      ["http://registry:9999", "the URL of a registry is given to a RegistryDiscovery"],
      ["dns@rpc.example:9001", "names are looked up by a DnsDiscovery"],
      ["tcps@a:1", 'unknown scheme "tcps" (did you mean "tcp"?)'],
      ["a", "no scheme before an @; an address looks like"],
    ]
  ) {
    const error = assertThrows(() => parseAddress(address), RpcError);
    assert(error.message.includes(hint), error.message);
  }
});
