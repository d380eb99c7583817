/** Who is at the other end, and how many connections each peer has. */

import { assertEquals } from "@std/assert";
import { isLocal, PeerConnections, peerOf } from "../../connection/peers.ts";

Deno.test("peerOf and isLocal: by the kind of the address", () => {
  const cases: [remote: string, peer: string | undefined, isLocal: boolean][] = [
    ["tcp@127.0.0.1:5000", "127.0.0.1", true],
    ["tls@127.8.9.10:5000", "127.8.9.10", true],
    ["http@[::1]:5000", "::1", true],
    ["tcp@[::ffff:127.0.0.1]:5000", "127.0.0.1", true],
    ["tcp@[::FFFF:10.0.0.7]:5000", "10.0.0.7", false],
    ["tcp@10.0.0.7:5000", "10.0.0.7", false],
    ["tcp@[fe80::1%eth0]:5000", "fe80::1%eth0", false],
    ["tcp@[::127.0.0.1]:5000", "::127.0.0.1", false],
    ["tcp@1127.0.0.1:5000", "1127.0.0.1", false],
    ["tcp@127.0.0.1.example:5000", "127.0.0.1.example", false],
    ["tcp@:0", "", false],
    ["unix@/run/a.sock", undefined, true],
    ["memory@client", undefined, true],
    ["carrier@pigeon", undefined, false],
    ["127.0.0.1:5000", undefined, false],
    ["", undefined, false],
  ];
  assertEquals(cases.map(([remote]) => [remote, peerOf(remote), isLocal(remote)]), cases);
});

Deno.test("PeerConnections: by IP address, whatever the port; nothing is left of those that are over", () => {
  const peers = new PeerConnections(2);
  const add = (...remotes: string[]) => remotes.map((remote) => peers.add(remote));
  assertEquals(add("tcp@10.0.0.1:1", "tls@10.0.0.1:2", "tcp@10.0.0.1:3"), [true, true, false]);
  assertEquals(add("tcp@10.0.0.2:1", "unix@/a", "unix@/a", "unix@/a"), [true, true, true, true]);
  peers.remove("tls@10.0.0.1:2");
  peers.remove("unix@/a");
  assertEquals(add("tcp@10.0.0.1:4", "tcp@10.0.0.1:5"), [true, false]);
});
